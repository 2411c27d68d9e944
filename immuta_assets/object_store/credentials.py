"""Credentials that belong to an address: what each cloud takes, in place of what its environment variables give.

Add a kind here when a cloud offers one that operators need, and its use to the cloud's module. Secrets are in no
``repr``; where they are kept belongs to ``immuta_assets.secrets``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from immuta_assets.object_store.addresses import Address
from immuta_assets.object_store.interface import StoreError


@dataclass(frozen=True)
class AccessKey:
    """An access key of AWS; with a session token where it is temporary."""

    id: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AssumedRole:
    """A role of AWS that is assumed with the credentials that AWS' variables give, and the external id it asks for."""

    arn: str
    external_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Profile:
    """A profile of AWS' own files, which ``s3://profile@bucket`` names too."""

    name: str


@dataclass(frozen=True)
class SasToken:
    """A shared access signature of Azure, as the query of an address: ``sv=…&sig=…``."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class AccountKey:
    """The key of a storage account of Azure."""

    key: str = field(repr=False)


@dataclass(frozen=True)
class ClientSecret:
    """A service principal of Azure with its secret."""

    tenant_id: str
    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class ServiceAccountFile:
    """The file that holds the key of a service account of Google Cloud."""

    path: Path


Credentials = AccessKey | AssumedRole | Profile | SasToken | AccountKey | ClientSecret | ServiceAccountFile


@dataclass(frozen=True)
class StoreOptions:
    """What a store's address does not say; without credentials those hold that the cloud's own variables give.

    ``patience`` is how long an operation keeps trying while a store does not answer or asks to come back.
    """

    credentials: Credentials | None = None
    s3_kms_key: str | None = None
    patience: timedelta = timedelta(minutes=2)


_AZURE = (SasToken, AccountKey, ClientSecret)
_ALLOWED: Mapping[str, tuple[type, ...]] = {
    "file": (),
    "s3": (AccessKey, AssumedRole, Profile),
    "abfss": _AZURE,
    "az": _AZURE,
    "gs": (ServiceAccountFile,),
}


def check_credentials(address: Address, credentials: Credentials | None) -> None:
    """Raise ``StoreError`` where credentials are not of the address' cloud, or a profile in it names others."""
    if credentials is None:
        return
    if not isinstance(credentials, _ALLOWED[address.scheme]):
        allowed = " or ".join(kind.__name__ for kind in _ALLOWED[address.scheme]) or "none"
        msg = f"Cannot open {address.public_uri}: it is given {type(credentials).__name__}, allowed is {allowed}."
        raise StoreError(msg)
    if address.scheme == "s3" and address.account:
        msg = f"Cannot open {address.uri}: it names a profile and is given other credentials, leave one of them out."
        raise StoreError(msg)


def refuse_variables(address: Address, names: Iterable[str]) -> None:
    """Raise ``StoreError`` where the environment holds one of these variables, which would win over the credentials."""
    for name in names:
        if os.environ.get(name):
            msg = f"Cannot open {address.public_uri}: {name} would be mixed with its own credentials, unset it."
            raise StoreError(msg)
