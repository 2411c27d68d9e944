"""One small interface over the places an export is published in: a local folder, S3, ADLS Gen2, GCS.

``open_store`` makes a store from its address. Add a kind of store as a module of its own and one form of address to
``addresses``; what a store can do is ``interface.Store``. A cloud's client is loaded when a store there is opened, so
that this package stays light. What is published, and in which order, belongs to ``publishing.publish``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from immuta_assets.object_store.addresses import ALLOWED, Address, parse
from immuta_assets.object_store.conditional_put import prove_conditional_put
from immuta_assets.object_store.credentials import (
    AccessKey,
    AccountKey,
    AssumedRole,
    ClientSecret,
    Credentials,
    Profile,
    SasToken,
    ServiceAccountFile,
    StoreOptions,
    check_credentials,
)
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.object_store.interface import (
    ConflictError,
    Listed,
    MissingError,
    Store,
    Stored,
    StoreError,
    UnavailableError,
)

__all__ = [
    "ALLOWED",
    "AccessKey",
    "AccountKey",
    "Address",
    "AssumedRole",
    "ClientSecret",
    "ConflictError",
    "Credentials",
    "Listed",
    "MissingError",
    "Profile",
    "SasToken",
    "ServiceAccountFile",
    "Store",
    "StoreError",
    "StoreOptions",
    "Stored",
    "UnavailableError",
    "build_storage_options",
    "open_store",
    "parse",
    "prove_conditional_put",
]


def open_store(address: str, options: StoreOptions | None = None) -> Store:
    """Return the store at an address.

    Nothing is asked over the network yet. Raises ``StoreError`` for an address of no allowed form, for credentials that
    are missing or malformed, and for those of another cloud.
    """
    options, parsed = options or StoreOptions(), parse(address)
    check_credentials(parsed, options.credentials)
    if parsed.scheme == "file":
        return FolderStore(Path(parsed.prefix))
    return _load_cloud(parsed.scheme).connect(parsed, options)


def build_storage_options(address: str, options: StoreOptions | None = None) -> dict[str, str]:
    """Return what an engine of its own (deltalake, Polars) needs to reach an address: credentials, region, endpoint.

    The engine takes them with the address' ``public_uri``. They hold secrets in clear: never log or print them. On S3
    temporary keys are fetched now, so that they are to be asked for anew with every use. A folder needs nothing. Raises
    ``StoreError`` as ``open_store`` does, and where an environment variable would be mixed with the credentials.
    """
    options, parsed = options or StoreOptions(), parse(address)
    check_credentials(parsed, options.credentials)
    return {} if parsed.scheme == "file" else _load_cloud(parsed.scheme).build_storage_options(parsed, options)


class _Cloud(Protocol):
    """What the module of a cloud offers."""

    def connect(self, address: Address, options: StoreOptions) -> Store: ...

    def build_storage_options(self, address: Address, options: StoreOptions) -> dict[str, str]: ...


def _load_cloud(scheme: str) -> _Cloud:
    match scheme:
        case "s3":
            from immuta_assets.object_store import s3  # noqa: PLC0415

            return s3
        case "gs":
            from immuta_assets.object_store import gcs  # noqa: PLC0415

            return gcs
        case _:
            from immuta_assets.object_store import adls  # noqa: PLC0415

            return adls
