"""A local folder as an object store: temporary files, renames and fsync give what a cloud promises.

Add here what concerns the local file system. Every write holds a lock on the folder it writes to, so that conditions
hold among all users of this module; the system frees the lock of a process that dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from immuta_assets.object_store.files import UNFINISHED, remove_unfinished, replace_file, sync
from immuta_assets.object_store.interface import (
    ConflictError,
    Listed,
    MissingError,
    Stored,
    StoreError,
    UnavailableError,
)

REMEDIES = {
    errno.ENOSPC: "the disk is full, free some space",
    errno.EDQUOT: "the disk quota is used up, free some space",
    errno.EFBIG: "the file is larger than the system allows, raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only, choose another folder or mount it writable",
    errno.EACCES: "permission is missing, grant it or choose another folder",
    errno.EPERM: "permission is missing, grant it or choose another folder",
    errno.ENAMETOOLONG: "the path is too long, choose another folder",
    errno.ENOTDIR: "a file stands where a folder should be, remove it or choose another folder",
    errno.EEXIST: "a file stands where a folder should be, remove it or choose another folder",
    errno.EXDEV: "the folder lies on several disks, choose one that lies on one",
    errno.EISDIR: "a folder stands where a file should be, remove it or choose another folder",
}
"""What to do about the errors of the file system that do not pass by themselves."""


@dataclass(frozen=True)
class FolderStore:
    """The store in ``folder``, which the first write makes."""

    folder: Path

    @property
    def uri(self) -> str:
        """The path of the folder."""
        return str(self.folder)

    def put_file(self, path: Path, key: str) -> str:
        """Write a local file in place of what is there; return the new tag."""
        with path.open("rb") as source, self._open_to_write(key) as target:
            with replace_file(target) as file:
                shutil.copyfileobj(source, file)
            return _make_tag(target.stat())

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """Write ``data`` where the condition holds; see ``Store``."""
        with self._open_to_write(key) as target:
            present = _read_facts(target)
            if not (if_absent or if_match) or (present and _make_tag(present)) == if_match:
                with replace_file(target) as file:
                    file.write(data)
            elif not (present and target.read_bytes() == data):
                msg = f"Cannot write {target}: it is not what it was, somebody else wrote it, read it anew."
                raise ConflictError(msg)
            return _make_tag(target.stat())

    def read(self, key: str) -> bytes:
        """Return the content, or raise ``MissingError``."""
        with self._open_to_read(key) as file:
            return file.read()

    def get_file(self, key: str, path: Path) -> None:
        """Write the content to another file; raise ``MissingError`` where there is none."""
        with self._open_to_read(key) as source, replace_file(path) as file:
            shutil.copyfileobj(source, file)

    def head(self, key: str) -> Stored | None:
        """Return what is known of a file; none where it is missing."""
        path = self._locate(key)
        with _explain_errors("read", path):
            facts = _read_facts(path)
        return facts and Stored(facts.st_size, _make_tag(facts), datetime.fromtimestamp(facts.st_mtime, UTC))

    def list(self, prefix: str = "") -> Sequence[Listed]:
        """Return the files below the folder ``prefix``, by key, without those that are being written."""
        root = self._locate(prefix)
        with _explain_errors("list", root):
            found = [(path.relative_to(self.folder).as_posix(), _read_facts(path)) for path in _walk_files(root)]
        listed = (
            Listed(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC)) for key, facts in found if facts
        )
        return sorted(listed)

    def move(self, source: str, target: str) -> None:
        """Put a file in the place of another by renaming it, which takes no space."""
        with self._open_to_write(target) as path, self._open_to_read(source):
            self._locate(source).replace(path)
        sync(self._locate(source).parent)

    def delete(self, key: str) -> None:
        """Remove a file; it need not be there."""
        path = self._locate(key)
        with _explain_errors("delete", path):
            if path.parent.is_dir():
                path.unlink(missing_ok=True)
                sync(path.parent)

    def _locate(self, key: str) -> Path:
        if ".." in Path(key).parts or Path(key).is_absolute():
            msg = f"The key {key!r} leads out of the store."
            raise ValueError(msg)
        return self.folder / key

    @contextmanager
    def _open_to_read(self, key: str) -> Iterator[IO[bytes]]:
        path = self._locate(key)
        with _explain_errors("read", path), path.open("rb") as file:
            yield file

    @contextmanager
    def _open_to_write(self, key: str) -> Iterator[Path]:
        """Keep others from writing in the folder of ``key`` meanwhile; afterwards its entries are on disk."""
        path = self._locate(key)
        with _explain_errors("write", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _lock_folder(path.parent):
                remove_unfinished(path.parent)
                yield path
            for folder in path.relative_to(self.folder).parents:
                sync(self.folder / folder)


@contextmanager
def _explain_errors(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        msg = f"Cannot {action} {path}: it is missing, publish it first."
        raise MissingError(msg) from error
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0)
        msg = f"Cannot {action} {path}: {remedy or f'{error.strerror}, check the disk and try again'}."
        raise (StoreError if remedy else UnavailableError)(msg) from error


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _make_tag(facts: os.stat_result) -> str:
    # Every write makes a new file: another inode, or at least another time.
    return f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"


def _walk_files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder, onerror=_raise_unless_missing):
        yield from (Path(root, name) for name in names if not name.endswith(UNFINISHED))


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
