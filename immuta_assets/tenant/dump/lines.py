"""Lines of files, plain or compressed: read as a stream, written atomically.

Only bytes belong here; what the lines mean does not.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Literal, Protocol

import zstandard

from immuta_assets.object_store.files import replace_file

Suffix = Literal["", ".gz", ".zst"]
SUFFIXES: tuple[Suffix, ...] = ("", ".gz", ".zst")
_BLOCK_BYTES = 1 << 18


class _Writer(Protocol):
    def write(self, data: bytes, /) -> int: ...


def read(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without their line feeds; an empty piece after the last line feed is no line.

    Raises ``OSError``, ``EOFError`` (truncated archive), ``zlib.error`` or ``zstandard.ZstdError`` (damaged archive).
    """
    with path.open("rb") as file:
        blocks = _READERS.get(path.suffix, _read_plain)(file)
        yield from _split_lines(blocks)


def write(path: Path, lines: Iterable[bytes]) -> int:
    """Write lines, each ended by a line feed, compressed as the suffix says; return their number.

    The file appears whole or not at all, and the same lines give the same bytes.
    """
    count = 0
    with replace_file(path) as raw, _WRITERS.get(path.suffix, nullcontext)(raw) as file:
        for line in lines:
            file.write(line + b"\n")
            count += 1
    return count


def _read_plain(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    return iter(partial(file.read, _BLOCK_BYTES), b"")


def _read_gzip(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content; the reader of gzip itself takes an empty file for a complete archive."""
    if not file.read(1):
        raise EOFError
    file.seek(0)
    with gzip.GzipFile(fileobj=file) as archive:
        yield from _read_plain(archive)


def _read_zstd(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content; the reader of zstandard itself takes a truncated archive for a complete one."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    for block in _read_plain(file):
        rest = block
        while rest:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(rest)
            rest = frame.unused_data
    if not frame.eof:
        raise EOFError


def _split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    begun: list[bytes] = []
    for block in blocks:
        end, *lines = block.split(b"\n")
        begun.append(end)
        for line in lines:
            yield b"".join(begun)
            begun = [line]
    if last := b"".join(begun):
        yield last


def _open_gzip(file: IO[bytes]) -> gzip.GzipFile:
    return gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)


def _open_zstd(file: IO[bytes]) -> zstandard.ZstdCompressionWriter:
    return zstandard.ZstdCompressor(write_checksum=True).stream_writer(file, closefd=False)


_READERS: Mapping[str, Callable[[IO[bytes]], Iterator[bytes]]] = {".gz": _read_gzip, ".zst": _read_zstd}
_WRITERS: Mapping[str, Callable[[IO[bytes]], AbstractContextManager[_Writer]]] = {
    ".gz": _open_gzip,
    ".zst": _open_zstd,
}
