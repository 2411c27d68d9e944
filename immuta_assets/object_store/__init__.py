"""One small interface over the places an export is published in: a local folder, S3, ADLS Gen2, GCS.

``open_store`` makes a store from its address. Add a kind of store as a module of its own and one form of address to
``addresses``; what a store can do is ``interface.Store``. A cloud's client is loaded when a store there is opened, so
that this package stays light. What is published, and in which order, belongs to ``publishing.publish``.
"""

from __future__ import annotations

from pathlib import Path

from immuta_assets.object_store.addresses import ALLOWED, Address, parse
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.object_store.interface import (
    ConflictError,
    Listed,
    MissingError,
    Store,
    Stored,
    StoreError,
    StoreOptions,
    UnavailableError,
)

__all__ = [
    "ALLOWED",
    "Address",
    "ConflictError",
    "Listed",
    "MissingError",
    "Store",
    "StoreError",
    "StoreOptions",
    "Stored",
    "UnavailableError",
    "open_store",
    "parse",
    "storage_options",
]


def open_store(address: str, options: StoreOptions | None = None) -> Store:
    """Return the store at an address; credentials come from the cloud's own environment variables.

    Nothing is asked over the network yet. Raises ``StoreError`` for an address of no allowed form and for credentials
    that are missing or malformed.
    """
    options, parsed = options or StoreOptions(), parse(address)
    match parsed.scheme:
        case "file":
            return FolderStore(Path(parsed.prefix))
        case "s3":
            from immuta_assets.object_store import s3  # noqa: PLC0415

            return s3.connect(parsed, options)
        case "gs":
            from immuta_assets.object_store import gcs  # noqa: PLC0415

            return gcs.connect(parsed, options)
        case _:
            from immuta_assets.object_store import adls  # noqa: PLC0415

            return adls.connect(parsed, options)


def build_storage_options(address: str, options: StoreOptions) -> dict[str, str]:
    """Stand in until the real one is merged."""
    raise NotImplementedError
