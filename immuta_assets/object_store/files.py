"""Files that appear whole or not at all.

Every file that is written in place goes through here. What is in a file belongs to whoever writes it; a set of files
that must change together belongs to ``publishing``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

UNFINISHED = ".unfinished"
"""How the temporary files end that ``replace_file`` makes."""


@contextmanager
def replace_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write that takes the place of ``path`` once it is complete and on disk.

    Where the block fails, ``path`` is as before and nothing lies beside it. Its folder is made where it is missing.
    Polars must get the open file, not its name: a sink that fails may go on, and make the file anew, after its error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}{UNFINISHED}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what ``replace_file`` had begun in a folder when its process was killed; nobody else may write there."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink()


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
