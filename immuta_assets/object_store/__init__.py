"""One small interface over the places an export is published in: a local folder, S3, ADLS Gen2, GCS.

``open_store`` makes a store from its address. Add a kind of store as a module of its own and one form of address here;
what a store can do is ``interface.Store``. What is published, and in which order, belongs to ``publishing.publish``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from immuta_assets.object_store import adls, gcs, s3
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
    "ConflictError",
    "Destination",
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

ALLOWED = (
    "the path of a local folder, file:///path, s3://bucket/prefix, s3://profile@bucket/prefix, gs://bucket/prefix, "
    "abfss://container@account.dfs.core.windows.net/prefix or az://container/prefix"
)
"""The forms of address, for people."""

_LONGEST_SHOWN = 60
_PREFIX = r"(?:/(?P<prefix>[^?#]*))?"
_FORMS = (
    r"(?P<scheme>s3)://(?:(?P<account>[\w.-]{1,64})@)?(?P<container>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])" + _PREFIX,
    r"(?P<scheme>gs)://(?P<container>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])" + _PREFIX,
    r"(?P<scheme>az)://(?P<container>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])" + _PREFIX,
    r"(?P<scheme>abfss)://(?P<container>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])"
    r"@(?P<account>[a-z0-9]{3,24})\.dfs\.core\.windows\.net" + _PREFIX,
)


class Destination(NamedTuple):
    """An address that has an allowed form. A local folder has the scheme ``file`` and its path as ``prefix``.

    ``account`` is the storage account on Azure, and on S3 the profile of AWS' own files that credentials come from.
    """

    uri: str
    scheme: str
    prefix: str
    container: str = ""
    account: str | None = None


def parse(destination: str) -> Destination:
    """Take an address apart; raise ``StoreError`` where it has none of the allowed forms."""
    found = next((found for form in _FORMS if (found := re.fullmatch(form, destination))), None)
    if found:
        prefix = (found["prefix"] or "").strip("/")
        if all(part not in {"", ".", ".."} and part.isprintable() for part in prefix.split("/") if prefix):
            return Destination(destination.rstrip("/"), **found.groupdict() | {"prefix": prefix})
    elif folder := _folder(destination):
        return Destination(folder, "file", folder)
    msg = f"The destination is {_shown(destination)}; allowed is {ALLOWED}."
    raise StoreError(msg)


def open_store(destination: str, options: StoreOptions | None = None) -> Store:
    """Return the store at an address; credentials come from the cloud's own environment variables.

    Nothing is asked over the network yet. Raises ``StoreError`` for an address of no allowed form and for credentials
    that are missing or malformed.
    """
    options = options or StoreOptions()
    uri, scheme, prefix, container, account = parse(destination)
    match scheme:
        case "file":
            return FolderStore(Path(prefix))
        case "s3":
            return s3.connect(uri, container, account, prefix, options)
        case "gs":
            return gcs.connect(uri, container, prefix, options)
        case _:
            return adls.connect(uri, container, account, prefix, options)


def storage_options(destination: str, options: StoreOptions) -> dict[str, str]:
    """Stand in until the real one is merged."""
    raise NotImplementedError


def _folder(destination: str) -> str | None:
    if destination.startswith("file:///"):
        return url2pathname(urlsplit(destination).path)
    return None if re.match(r"$|~|[A-Za-z][\w+.-]+:|.*\0", destination) else destination


def _shown(destination: str) -> str:
    """Return the address without what may be a secret: credentials before the host, and a query."""
    bare = re.sub(r"//[^/]*@", "//…@", destination.split("?", 1)[0])
    return repr(bare if len(bare) <= _LONGEST_SHOWN else f"{bare[: _LONGEST_SHOWN - 1]}…")
