"""The root of the stored data: a local folder or a place in an object store, and how a file gets there whole.

A file is written as a draft and then placed under its key: on a local disk by a rename, in an object store by an
upload. Add here what both must do for every dataset. What a dataset keeps, and under which keys, is not known here.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple
from uuid import uuid4

from immuta_assets.object_store import AssumedRole, Store, StoreOptions, build_storage_options, open_store, parse
from immuta_assets.object_store.files import sync
from immuta_assets.settings import Settings

LOOKING = timedelta(seconds=10)
"""How long a store that does not answer is tried: Dagster gives a sensor a minute for everything."""
WRITING = timedelta(minutes=2)
"""How long one is tried that data is written to."""

DRAFTS = ".unfinished"
"""Folder of the drafts on a local disk; it lies in the root, so that a rename can place them."""


class Draft(NamedTuple):
    """A file that is being written: open for writing, and its path."""

    file: IO[bytes]
    path: Path


@dataclass(frozen=True)
class StoreRoot:
    """Where everything stored lies; ``uri`` is a local path or the address of an object store, without a slash."""

    uri: str
    options: StoreOptions = field(default_factory=StoreOptions, repr=False)

    @cached_property
    def folder(self) -> Path | None:
        """The local folder; none in an object store."""
        address = parse(self.uri)
        return Path(address.prefix) if address.scheme == "file" else None

    @cached_property
    def store(self) -> Store:
        """The same place as an object store, opened when it is first needed."""
        return open_store(self.uri, self.options)

    def locate(self, key: str) -> str:
        """Return the path or address of a key."""
        return f"{self.store.uri}/{key}" if self.folder is None else str(self.folder / key)

    def build_engine_options(self) -> dict[str, str]:
        """Return what Polars and Delta need to reach the place; it holds secrets."""
        return build_storage_options(self.uri, self.options) if self.folder is None else {}

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """Give a file to write, and remove it at the end unless it was placed.

        A lock on the file tells every other process that its writer lives (``remove_drafts``).
        """
        if self.folder is None:
            with TemporaryDirectory(prefix="immuta-assets-") as folder, Path(folder, "draft").open("xb") as file:
                yield Draft(file, Path(folder, "draft"))
            return
        with _open_locked_file(self.folder / DRAFTS) as draft:
            try:
                yield draft
            finally:
                draft.path.unlink(missing_ok=True)

    def place(self, draft: Draft, key: str) -> None:
        """Put a finished draft under its key, durably and in place of what is there."""
        draft.file.flush()
        if self.folder is None:
            self.store.put_file(draft.path, key)
            return
        os.fsync(draft.file.fileno())
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.path.replace(target)
        sync_folders(target.parent, self.folder)

    def remove_drafts(self) -> None:
        """Remove the drafts of local writers that were killed."""
        for path in (self.folder / DRAFTS).glob("*") if self.folder else ():
            remove_unlocked(path)


def open_root(settings: Settings) -> StoreRoot:
    """Return where the settings say that everything is stored; nothing is read yet."""
    return StoreRoot(settings.store, find_store_options(settings, settings.store, WRITING))


def find_store_options(settings: Settings, address: str, patience: timedelta = LOOKING) -> StoreOptions:
    """Return the options for an address: the role is for those of S3 that name no profile."""
    parsed = parse(address)
    role = None
    if settings.s3_role_arn and parsed.scheme == "s3" and not parsed.account:
        external_id = settings.s3_external_id.get_secret_value() if settings.s3_external_id else None
        role = AssumedRole(settings.s3_role_arn, external_id)
    return StoreOptions(role, settings.s3_kms_key, patience)


@contextmanager
def _open_locked_file(folder: Path) -> Iterator[Draft]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        path = folder / uuid4().hex
        with path.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Between opening and locking, somebody may have taken the file for one that nobody writes.
            if path.exists():
                yield Draft(file, path)
                return


def remove_unlocked(path: Path) -> None:
    """Remove a file unless a living process holds a lock on it."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except (BlockingIOError, FileNotFoundError):
        return


def sync_folders(folder: Path, root: Path) -> None:
    """Make the entries of a folder durable, and those of the folders between it and ``root``."""
    for each in (folder, *folder.parents):
        sync(each)
        if each == root:
            return


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a local folder, waiting for others who do."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
