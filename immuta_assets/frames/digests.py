"""Ids and digests of rows: the same on every machine and with every version of the libraries.

Both hash Python's way, one text after the other, but what all texts have in common only once. Add a digest here when
rows must be told apart for good; Polars' own row hashes are for the moment only.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable
from typing import Protocol, Self

import polars as pl

_SEPARATOR = b"\0"
_BITS = 128


class _Hash(Protocol):
    """What ``hashlib`` makes."""

    def copy(self) -> Self: ...

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def compute_uuid5(namespace: uuid.UUID, path: Iterable[str], name: pl.Expr) -> pl.Expr:
    """Return the UUIDs (version 5) of names below a path, as text: those of path and name joined by NUL."""
    start = hashlib.sha1(namespace.bytes + _join_path(path), usedforsecurity=False)
    digits = name.map_batches(_hash_texts(start), pl.String, is_elementwise=True).str
    # The two upper bits of the digit say which kind of UUID it is.
    variant = digits.slice(16, 1).replace_strict({f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)})
    parts = [digits.slice(8, 4), pl.concat_str(pl.lit("5"), digits.slice(13, 3))]
    parts += [pl.concat_str(variant, digits.slice(17, 3)), digits.slice(20, 12)]
    return pl.concat_str(digits.slice(0, 8), *parts, separator="-")


def compute_digest(path: Iterable[str], facts: pl.Expr) -> pl.Expr:
    """Return the BLAKE2b digests, 128 bits in hexadecimal, of a path and of facts: a struct, as JSON.

    The facts hold texts, integers, booleans, nulls and lists or structs of them: JSON has one form for these.
    """
    start = hashlib.blake2b(_join_path(path), digest_size=_BITS // 8)
    return facts.struct.json_encode().map_batches(_hash_texts(start), pl.String, is_elementwise=True)


def _join_path(path: Iterable[str]) -> bytes:
    return b"".join(part.encode() + _SEPARATOR for part in path)


def _hash_texts(start: _Hash) -> Callable[[pl.Series], pl.Series]:
    def hash_text(text: bytes) -> str:
        hashed = start.copy()
        hashed.update(text)
        return hashed.hexdigest()

    return lambda texts: pl.Series(map(hash_text, texts.cast(pl.Binary)), dtype=pl.String)
