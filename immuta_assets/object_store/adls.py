"""Azure Data Lake Storage Gen2: how a container is reached, and what Azure calls the permissions.

Credentials come from Azure's own variables, read by obstore: ``AZURE_STORAGE_SAS_TOKEN``,
``AZURE_STORAGE_ACCOUNT_KEY``, ``AZURE_CLIENT_ID`` and ``AZURE_TENANT_ID`` with ``AZURE_FEDERATED_TOKEN_FILE`` (workload
identity) or ``AZURE_CLIENT_SECRET``, else the managed identity of the machine; credentials that belong to an address
replace them. Add here what is particular to ADLS; the role that grants its actions lies in deploy/azure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import AzureStore

from immuta_assets.object_store.addresses import Address
from immuta_assets.object_store.cloud import Cloud, CloudStore, Operation, build_client_config, build_retry_config
from immuta_assets.object_store.credentials import AccountKey, ClientSecret, SasToken, StoreOptions, refuse_variables
from immuta_assets.object_store.interface import StoreError

if TYPE_CHECKING:
    from obstore.store import AzureConfig, AzureCredential

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


_STRONGER = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY", "AZURE_STORAGE_TOKEN")
"""Variables that win over a service principal, and where an engine reads its options over a signature too."""


def connect(address: Address, options: StoreOptions) -> CloudStore:
    """Return the store below ``prefix``; raise ``StoreError`` for no account and for credentials that are malformed."""
    account, endpoint = _find_account(address), _find_endpoint()
    cloud = _cloud(address.container, account)
    try:
        backend = AzureStore(
            address.container,
            prefix=address.prefix or None,
            account_name=account,
            config=_choose_principal(address, options),
            client_options=build_client_config(endpoint),
            retry_config=build_retry_config(options.patience),
            credential_provider=_choose_credential(options),
        )
    except (BaseError, ValueError):
        msg = f"Cannot open {address.uri}: the credentials are malformed, {cloud.credentials}."
        raise StoreError(msg) from None
    return CloudStore(address.uri, cloud, backend)


def build_storage_options(address: Address, options: StoreOptions) -> dict[str, str]:
    """Return the options of ``object_store.build_storage_options``; an engine reads Azure's own variables besides."""
    endpoint = _find_endpoint()
    given = {
        "azure_storage_account_name": _find_account(address),
        "azure_storage_endpoint": endpoint,
        "azure_allow_http": str(build_client_config(endpoint)["allow_http"]).lower(),
    }
    match options.credentials:
        case SasToken(token):
            refuse_variables(address, (*_STRONGER, "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"))
            given["azure_storage_sas_token"] = token
        case AccountKey(key):
            refuse_variables(address, ["AZURE_STORAGE_TOKEN"])
            given["azure_storage_account_key"] = key
        case _:
            given |= {f"azure_{name}": str(value) for name, value in _choose_principal(address, options).items()}
    return {name: value for name, value in given.items() if value}


def _find_account(address: Address) -> str:
    account = address.account or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if account is None:
        msg = f"Cannot open {address.uri}: it names no account, set AZURE_STORAGE_ACCOUNT_NAME or use abfss://."
        raise StoreError(msg)
    return account


def _find_endpoint() -> str | None:
    return os.environ.get("AZURE_STORAGE_ENDPOINT") or os.environ.get("AZURE_ENDPOINT")


def _choose_credential(options: StoreOptions) -> Callable[[], AzureCredential] | None:
    """Return what gives a key or a signature, whatever Azure's variables hold."""
    match options.credentials:
        case SasToken(token):
            return lambda: {"sas_token": token, "expires_at": None}
        case AccountKey(key):
            return lambda: {"access_key": key, "expires_at": None}
        case _:
            return None


def _choose_principal(address: Address, options: StoreOptions) -> AzureConfig:
    match options.credentials:
        case ClientSecret(tenant_id, client_id, secret):
            refuse_variables(address, _STRONGER)
            return {"tenant_id": tenant_id, "client_id": client_id, "client_secret": secret}
        case _:
            return {}


def _cloud(container: str, account: str) -> Cloud:
    place = f"the container {container} of the account {account}"
    granted = {
        name: f"{' and '.join(actions)} (SAS permissions: {SAS_PERMISSIONS[name]}) on {place}"
        for name, actions in ACTIONS.items()
    }
    return Cloud(place, granted, _CREDENTIALS)
