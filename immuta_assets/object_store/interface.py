"""What every object store can do, what it returns and how it fails.

Add an operation here only when publication cannot do without it, and then to every store and to the contract test. How
one kind of store does it belongs to that store's module.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol


class StoreError(Exception):
    """A store cannot do what it was asked; one sentence: what, where, why, what to do. It never shows a secret."""


class MissingError(StoreError):
    """The object is not there, while the store is."""


class ConflictError(StoreError):
    """The object is not as the caller's condition says: somebody else wrote it."""


class UnavailableError(StoreError):
    """The store did not answer in time, even after retries; later it may."""


class Stored(NamedTuple):
    """An object: its size in bytes, the tag of its present content, and when that was written (UTC)."""

    size: int
    etag: str
    last_modified: datetime


class Listed(NamedTuple):
    """An object among others: its key, its size in bytes, and when it was written (UTC)."""

    key: str
    size: int
    last_modified: datetime


class Store(Protocol):
    """A folder, bucket or container below which objects lie under keys such as ``a/b.parquet``.

    An object appears whole or not at all, and what an operation wrote is durable once it returns. Operations raise
    ``StoreError``.
    """

    @property
    def uri(self) -> str:
        """The address, without a trailing slash; it holds no secrets."""

    def put_file(self, path: Path, key: str) -> str:
        """Write a local file, in pieces, in place of what is there; return the new tag."""

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """Write ``data`` in place of what is there and return the new tag.

        With ``if_absent`` nothing may be there, with ``if_match`` the object must still have that tag; else
        ``ConflictError`` is raised. An object that holds exactly ``data`` already is no conflict: it may be this very
        call's, written by an attempt whose answer got lost.
        """

    def read(self, key: str) -> bytes:
        """Return the content of a small object, or raise ``MissingError``."""

    def get_file(self, key: str, path: Path) -> None:
        """Write the content, in pieces, to a local file; raise ``MissingError`` where there is none."""

    def head(self, key: str) -> Stored | None:
        """Return what is known of an object; none where it is missing from a store that exists."""

    def list(self, prefix: str = "") -> Sequence[Listed]:
        """Return the objects below the folder ``prefix``, by key."""

    def move(self, source: str, target: str) -> None:
        """Put an object in the place of what is there; raise ``MissingError`` without a source.

        What stops on the way leaves the source, the target or both, each of them whole.
        """

    def delete(self, key: str) -> None:
        """Remove an object; it need not be there."""
