"""Google Cloud Storage: how a bucket is reached, and what IAM calls the permissions.

Credentials are the application default ones, read by obstore: ``GOOGLE_APPLICATION_CREDENTIALS``, those of
``gcloud auth application-default login``, else the service account of the machine. Add here what is particular to GCS;
the role that grants its permissions lies in deploy/gcp.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from obstore.exceptions import BaseError
from obstore.store import GCSStore

from immuta_assets.object_store.addresses import Address
from immuta_assets.object_store.cloud import Cloud, CloudStore, Operation, build_client_config, build_retry_config
from immuta_assets.object_store.interface import StoreError, StoreOptions

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
    try:
        backend = GCSStore(
            address.container,
            prefix=address.prefix or None,
            client_options=build_client_config(os.environ.get("GOOGLE_BASE_URL")),
            retry_config=build_retry_config(options.patience),
        )
    except (BaseError, ValueError, FileNotFoundError):
        msg = f"Cannot open {address.uri}: the credentials cannot be read, {_CREDENTIALS}."
        raise StoreError(msg) from None
    place = f"the bucket {address.container}"
    granted = {name: f"{' and '.join(names)} on {place}" for name, names in PERMISSIONS.items()}
    return CloudStore(address.uri, Cloud(place, granted, _CREDENTIALS, tag="version"), backend)
