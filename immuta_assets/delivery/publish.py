"""Publication of an export's files in a local folder: all or nothing, and never a half-written file.

Every file is copied beside the published one under a hidden name and verified by reading it back; only when all are
there does each take its place by an atomic rename. A set is complete exactly when all its files share one
``export_date``. Add here what makes that safer. What the files hold is settled before (``layouts.contract``).
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import polars as pl

from immuta_assets.layouts import Layout
from immuta_assets.layouts.parquet import FileFacts, LayoutError, inspect

logger = logging.getLogger(__name__)

UNCHANGED = "the files published before are unchanged"
INCOMPLETE = "some files are new already, publish again to complete the set"
REMEDIES = {
    errno.ENOSPC: "the disk is full, free some space",
    errno.EDQUOT: "the disk quota is used up, free some space",
    errno.EFBIG: "the file is larger than the system allows, raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only, choose another folder or mount it writable",
    errno.EACCES: "permission is missing, grant write access or choose another folder",
    errno.EPERM: "permission is missing, grant write access or choose another folder",
    errno.ENOTDIR: "a file stands where a folder should be, remove it or choose another folder",
    errno.EEXIST: "a file stands where a folder should be, remove it or choose another folder",
    errno.EISDIR: "a folder stands where a file should be, remove it or choose another folder",
}


class PublishError(Exception):
    """The files could not be published; one sentence with the path and the remedy."""


class Release(NamedTuple):
    """The files (export name → Parquet file) of one layout, to be published together."""

    layout: Layout
    files: Mapping[str, Path]


class Published(NamedTuple):
    """A published file and what it holds."""

    layout: Layout
    name: str
    path: Path
    facts: FileFacts


def published_path(layout: Layout, name: str, folder: Path) -> Path:
    """Return where the table ``name`` is published: ``<folder>/<name>/v=<version>/<name>.parquet``."""
    return folder / name / f"v={layout.version}" / f"{name}.parquet"


def publish(releases: Sequence[Release], folder: Path) -> list[Published]:
    """Publish the files of one export in one or several layouts, in place of an older or the same export.

    The sources stay where they are. Raises ``PublishError`` when a source is missing, breaks the contract or shows
    another ``export_date``, when a newer export is published already, and when the folder cannot be written; unless its
    message says otherwise, every file published before is then untouched. Other I/O errors pass as ``OSError`` and may
    be tried again.
    """
    transfers = [_transfer(release, name, folder) for release in releases for name in release.layout.tables]
    published = [transfer.published for transfer in transfers]
    targets = [file.path for file in published]
    export_date = _shared_export_date(published)
    with _locked(folder):
        _refuse_newer(targets, export_date)
        try:
            _sweep(targets)
            staged = {
                transfer.published.path: _stage(transfer.source, transfer.published.path) for transfer in transfers
            }
            for file in published:
                _verify(staged[file.path], file)
            _switch(staged, folder)
        finally:
            _sweep(targets)
    logger.info("published %s files in %s, export_date %s UTC", f"{len(published):,}", folder, export_date)
    return published


class _Transfer(NamedTuple):
    source: Path
    published: Published


def _transfer(release: Release, name: str, folder: Path) -> _Transfer:
    source = release.files.get(name)
    if source is None or not source.is_file():
        msg = f"{source or name} is missing, materialize the asset {name} first; {UNCHANGED}."
        raise PublishError(msg)
    try:
        facts = inspect(source, release.layout.tables[name])
    except LayoutError as error:
        msg = f"{error}; {UNCHANGED}."
        raise PublishError(msg) from error
    return _Transfer(source, Published(release.layout, name, published_path(release.layout, name, folder), facts))


def _shared_export_date(files: Iterable[Published]) -> datetime:
    by_date = {file.facts.export_date: file.name for file in files}
    if len(by_date) > 1:
        shown = ", ".join(f"{name} {date} UTC" for date, name in sorted(by_date.items()))
        msg = f"The files are not of one export ({shown}), materialize them from one dump; {UNCHANGED}."
        raise PublishError(msg)
    return next(iter(by_date))


def _refuse_newer(targets: Iterable[Path], export_date: datetime) -> None:
    for target in targets:
        published = _published_date(target)
        if published and published > export_date:
            msg = (
                f"{target} is of {published} UTC, newer than this export of {export_date} UTC, "
                f"publish the older one in another folder; {UNCHANGED}."
            )
            raise PublishError(msg)


def _published_date(target: Path) -> datetime | None:
    """Return the ``export_date`` of a published file; null where there is none or it is damaged, so may be replaced."""
    try:
        return datetime.fromisoformat(pl.read_parquet_metadata(target)["export_date"])
    except (OSError, pl.exceptions.PolarsError, KeyError, ValueError):
        return None


@contextmanager
def _explained(path: Path, consequence: str = UNCHANGED) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        msg = f"Cannot write {path}: {REMEDIES[error.errno]}; {consequence}."
        raise PublishError(msg) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other publications out of ``folder``; the system frees the lock of a process that dies."""
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        with _explained(folder):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(targets: Iterable[Path]) -> None:
    for target in targets:
        with _explained(target):
            for copy in target.parent.glob(f".{target.stem}.*.staged"):
                copy.unlink()


def _stage(source: Path, target: Path) -> Path:
    copy = target.with_name(f".{target.stem}.{uuid4().hex}.staged")
    with _explained(target):
        if target.is_dir() and not target.is_symlink():
            raise IsADirectoryError(errno.EISDIR, "")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        _sync(copy)
    return copy


def _verify(copy: Path, file: Published) -> None:
    try:
        intact = inspect(copy, file.layout.tables[file.name]) == file.facts
    except LayoutError:
        intact = False
    if not intact:
        msg = f"{copy} differs from what was written, check the disk and publish again; {UNCHANGED}."
        raise PublishError(msg)


def _switch(staged: Mapping[Path, Path], folder: Path) -> None:
    """Put every staged copy in the place of its target."""
    for target, copy in staged.items():
        with _explained(target, INCOMPLETE):
            copy.replace(target)
    for target in staged:
        for directory in (target.parent, target.parent.parent):
            _sync(directory)
    _sync(folder)


def _sync(path: Path) -> None:
    """Wait until the file's content, or the folder's entries, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
