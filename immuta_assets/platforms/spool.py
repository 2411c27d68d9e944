"""Spool folders: where a reading keeps what it drained from a platform, readable by nobody else and gone afterwards.

Texts of statements lie there. A process that is killed leaves its folder; the next reading of the same connection
removes it. What lies in a spool belongs to the readers.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".lock"


@contextmanager
def open_spool(connection: str) -> Iterator[Path]:
    """Give a private folder for a reading of a connection, after removing those of readings that were killed."""
    parent = Path(tempfile.gettempdir(), f"immuta-assets-{os.getuid()}")
    parent.mkdir(mode=0o700, exist_ok=True)
    _require_private(parent)
    for left in parent.glob(f"{connection}-*"):
        _remove_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{connection}-", dir=parent))
    with (folder / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _require_private(folder: Path) -> None:
    """Refuse a folder that somebody else made, who could read what lies in it."""
    facts = folder.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        msg = f"{folder} belongs to somebody else or is open to others: remove it, or set TMPDIR to another folder."
        raise PermissionError(msg)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder whose lock nobody holds; one without a lock yet is being made."""
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    except (BlockingIOError, FileNotFoundError):
        return
