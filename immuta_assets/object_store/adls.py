"""Azure Data Lake Storage Gen2: how a container is reached, and what Azure calls the permissions.

Credentials come from Azure's own variables, read by obstore: ``AZURE_STORAGE_SAS_TOKEN``,
``AZURE_STORAGE_ACCOUNT_KEY``, ``AZURE_CLIENT_ID`` and ``AZURE_TENANT_ID`` with ``AZURE_FEDERATED_TOKEN_FILE`` (workload
identity) or ``AZURE_CLIENT_SECRET``, else the managed identity of the machine. Add here what is particular to ADLS; the
role that grants its actions lies in deploy/azure.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from obstore.exceptions import BaseError
from obstore.store import AzureStore

from immuta_assets.object_store.addresses import Address
from immuta_assets.object_store.cloud import Cloud, CloudStore, Operation, build_client_config, build_retry_config
from immuta_assets.object_store.interface import StoreError, StoreOptions

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ACTIONS: Mapping[Operation, tuple[str, ...]] = {
    "write": (f"{_BLOBS}/write", f"{_BLOBS}/add/action"),
    "read": (f"{_BLOBS}/read",),
    "list": (f"{_BLOBS}/read",),
    "copy": (f"{_BLOBS}/read", f"{_BLOBS}/write", f"{_BLOBS}/add/action"),
    "delete": (f"{_BLOBS}/delete",),
}
"""The data actions of each operation, for a role."""

SAS_PERMISSIONS: Mapping[Operation, str] = {"write": "cw", "read": "r", "list": "l", "copy": "rcw", "delete": "d"}
"""The letters of each operation, for a shared access signature."""

_CREDENTIALS = (
    "set or renew AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_ACCOUNT_KEY or the workload identity (AZURE_CLIENT_ID, "
    "AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE), and let the account's firewall pass this machine"
)


def connect(address: Address, options: StoreOptions) -> CloudStore:
    """Return the store below ``prefix``; raise ``StoreError`` for no account and for credentials that are malformed."""
    account = address.account or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if account is None:
        msg = f"Cannot open {address.uri}: it names no account, set AZURE_STORAGE_ACCOUNT_NAME or use abfss://."
        raise StoreError(msg)
    endpoint = os.environ.get("AZURE_STORAGE_ENDPOINT") or os.environ.get("AZURE_ENDPOINT")
    cloud = _describe_cloud(address.container, account)
    try:
        backend = AzureStore(
            address.container,
            prefix=address.prefix or None,
            account_name=account,
            client_options=build_client_config(endpoint),
            retry_config=build_retry_config(options.patience),
        )
    except (BaseError, ValueError):
        msg = f"Cannot open {address.uri}: the credentials are malformed, {cloud.credentials}."
        raise StoreError(msg) from None
    return CloudStore(address.uri, cloud, backend)


def _describe_cloud(container: str, account: str) -> Cloud:
    place = f"the container {container} of the account {account}"
    granted = {
        name: f"{' and '.join(actions)} (SAS permissions: {SAS_PERMISSIONS[name]}) on {place}"
        for name, actions in ACTIONS.items()
    }
    return Cloud(place, granted, _CREDENTIALS)
