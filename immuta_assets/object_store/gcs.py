"""Google Cloud Storage: how a bucket is reached, and what IAM calls the permissions.

Credentials are the application default ones, read by obstore: ``GOOGLE_APPLICATION_CREDENTIALS``, those of
``gcloud auth application-default login``, else the service account of the machine; a file that belongs to an address
replaces them. Add here what is particular to GCS; the role that grants its permissions lies in deploy/gcp.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import GCSStore

from immuta_assets.object_store.addresses import Address
from immuta_assets.object_store.cloud import Cloud, CloudStore, Operation, build_client_config, build_retry_config
from immuta_assets.object_store.credentials import ServiceAccountFile, StoreOptions, refuse_variables
from immuta_assets.object_store.interface import StoreError

if TYPE_CHECKING:
    from obstore.store import GCSConfig

_WRITE = (
    "storage.objects.create",
    "storage.objects.delete",
    "storage.multipartUploads.create",
    "storage.multipartUploads.abort",
)
PERMISSIONS: Mapping[Operation, tuple[str, ...]] = {
    "write": _WRITE,
    "read": ("storage.objects.get",),
    "list": ("storage.objects.list",),
    "copy": ("storage.objects.get", "storage.objects.create", "storage.objects.delete"),
    "delete": ("storage.objects.delete",),
}
"""The IAM permissions of each operation; putting an object in place of another also deletes that."""

_CREDENTIALS = "set or renew GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`"


def connect(address: Address, options: StoreOptions) -> CloudStore:
    """Return the store below ``prefix``; raise ``StoreError`` for credentials that cannot be read."""
    config = _choose_account(address, options)
    try:
        backend = GCSStore(
            address.container,
            prefix=address.prefix or None,
            config=config,
            client_options=build_client_config(os.environ.get("GOOGLE_BASE_URL")),
            retry_config=build_retry_config(options.patience),
        )
    except (BaseError, ValueError, FileNotFoundError):
        msg = f"Cannot open {address.uri}: the credentials cannot be read, {_CREDENTIALS}."
        raise StoreError(msg) from None
    place = f"the bucket {address.container}"
    granted = {name: f"{' and '.join(names)} on {place}" for name, names in PERMISSIONS.items()}
    return CloudStore(address.uri, Cloud(place, granted, _CREDENTIALS, tag="version"), backend)


def build_storage_options(address: Address, options: StoreOptions) -> dict[str, str]:
    """Return the options of ``object_store.build_storage_options``; an engine reads Google's own variables besides."""
    return {f"google_{name}": str(value) for name, value in _choose_account(address, options).items()}


def _choose_account(address: Address, options: StoreOptions) -> GCSConfig:
    match options.credentials:
        case ServiceAccountFile(path):
            refuse_variables(address, ["GOOGLE_SERVICE_ACCOUNT_KEY"])
            return {"service_account": str(path)}
        case _:
            return {}
