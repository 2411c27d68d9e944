"""A tenant dump, the folder of files that describes a tenant (docs/tenant_dump.md), read and written.

Here stand the rules about the folder, its files, and lines that must differ. What one line may hold is declared in
``records``, how it becomes columns in ``frames``; references between collections are only counted (``references``).
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import dataframely as dy
import msgspec
import polars as pl
import zstandard

from immuta_assets.tenant.collections import COLLECTIONS
from immuta_assets.tenant.dump import bad_lines, frames, lines
from immuta_assets.tenant.dump.records import RECORDS, Record, Tenant

logger = logging.getLogger(__name__)
RecordT = TypeVar("RecordT", bound=Record)

_TENANT_FILE = "tenant.json"
_CHUNK_LINES = 1_000
_LOG_EVERY_LINES = 100_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNIQUE: Mapping[str, list[list[str]]] = {
    "iams": [["id"]],
    "users": [["profile.id"], ["globalUserId"], ["iamid", "userid"]],
    "groups": [["id"]],
    "data_sources": [["id"]],
    "columns": [["dataSource"]],
    "policies": [["id"]],
    "tags": [["name"]],
    "domains": [["id"]],
    "projects": [["id"]],
    "purposes": [["id"]],
    "access_requests": [["id"]],
    "approval_records": [["id"]],
    "data_products": [["id"]],
}
_COUNTED_ONCE = {"group_members", "data_source_members"}


class DumpError(Exception):
    """A tenant dump that cannot be read; the message is one sentence for people."""


def read(folder: Path, collections: Iterable[str] = COLLECTIONS) -> dict[str, pl.DataFrame]:
    """Read collections of a tenant dump; each frame follows its schema in ``COLLECTIONS``.

    A collection without a file is empty. Raises ``DumpError`` for the first thing that is wrong.
    """
    files = _find_files(folder)
    tenant = _read_tenant(files["tenant"])
    return {name: _read_frame(name, files.get(name), tenant) for name in collections}


def write(folder: Path, collection: str, objects: Iterable[Mapping[str, object]], suffix: lines.Suffix = "") -> int:
    """Write API objects as a collection of the dump in ``folder``, in place of what it held; return their number.

    ``tenant.json`` is never compressed. The file appears whole or not at all; equal objects give equal bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = _TENANT_FILE if collection == "tenant" else f"{collection}.ndjson{suffix}"
    count = lines.write(folder / name, map(msgspec.json.encode, objects))
    for replaced in _list_file_names(collection) - {name}:
        (folder / replaced).unlink(missing_ok=True)
    return count


def _list_file_names(collection: str) -> set[str]:
    if collection == "tenant":
        return {_TENANT_FILE}
    return {f"{collection}.ndjson{suffix}" for suffix in lines.SUFFIXES}


def _find_files(folder: Path) -> dict[str, Path]:
    """Return the file of each collection that has one; the tenant itself always has."""
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        message = f"There is no readable tenant dump at {folder} ({error.strerror})."
        raise DumpError(message) from error
    if _TENANT_FILE not in names:
        what = "has no" if names else "is empty and has no"
        message = f"The tenant dump {folder} {what} {_TENANT_FILE}."
        raise DumpError(message)
    present = {collection: sorted(_list_file_names(collection) & names) for collection in COLLECTIONS}
    for collection, found in present.items():
        if len(found) > 1:
            message = f"The collection {collection} is present more than once ({' and '.join(found)}); keep one file."
            raise DumpError(message)
    return {collection: folder / found[0] for collection, found in present.items() if found}


@contextmanager
def _explain_file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        message = f"{path.name}: the compressed file is truncated."
        raise DumpError(message) from error
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        message = f"{path.name}: the compressed file is damaged."
        raise DumpError(message) from error
    except OSError as error:
        message = f"{path.name}: the file cannot be read ({error.strerror})."
        raise DumpError(message) from error


def _refuse_byte_order_mark(path: Path, start: bytes) -> None:
    if start.startswith(_BYTE_ORDER_MARK):
        message = f"{path.name}: the file starts with a byte order mark; save it as UTF-8 without one."
        raise DumpError(message)


def _decode_line(decoder: msgspec.json.Decoder[RecordT], text: bytes, where: str) -> RecordT:
    try:
        return decoder.decode(text.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"{where}: {bad_lines.explain(text, error)}"
        raise DumpError(message) from error


def _read_tenant(path: Path) -> Tenant:
    with _explain_file_errors(path):
        text = path.read_bytes()
    _refuse_byte_order_mark(path, text)
    return _decode_line(msgspec.json.Decoder(Tenant), text, path.name)


def _read_chunks(collection: str, path: Path) -> Iterator[list[Record]]:
    decoder = msgspec.json.Decoder(RECORDS[collection])
    numbered = enumerate(lines.read(path), start=1)
    while chunk := list(islice(numbered, _CHUNK_LINES)):
        first, text = chunk[0]
        if first == 1:
            _refuse_byte_order_mark(path, text)
        yield [_decode_line(decoder, text, f"{path.name} line {line}") for line, text in chunk]
        last, _ = chunk[-1]
        if last % _LOG_EVERY_LINES == 0:
            logger.info("%s: %s lines read so far", path.name, f"{last:,}")


def _read_records(collection: str, path: Path | None, tenant: Tenant) -> Iterator[list[Record]]:
    """Yield the records of a collection in chunks; none where it has no file."""
    if collection == "tenant":
        yield [tenant]
    elif path is not None:
        with _explain_file_errors(path):
            yield from _read_chunks(collection, path)


def _read_frame(collection: str, path: Path | None, tenant: Tenant) -> pl.DataFrame:
    key_paths = sorted({key_path for unique in _UNIQUE.get(collection, []) for key_path in unique})
    keys, rows = [], []
    for records in chain([[]], _read_records(collection, path, tenant)):
        raw = frames.build_raw_frame(collection, records, tenant.url)
        keys.append(raw.select(frames.key(key_path).alias(key_path) for key_path in key_paths))
        rows.append(frames.build_collection_frame(collection, raw))
    for unique in _UNIQUE.get(collection, []):
        _check_unique(path.name if path else collection, pl.concat(keys), unique)
    frame = _validate_frame(collection, pl.concat(rows, rechunk=True))
    logger.info("%s: %s rows", collection, f"{frame.height:,}")
    return frame


def _check_unique(file: str, keys: pl.DataFrame, unique: list[str]) -> None:
    """Fail with the first two lines that agree on all of the key paths ``unique``."""
    by_value = keys.with_row_index("line", offset=1).group_by(unique, maintain_order=True).agg("line")
    repeated = by_value.filter(pl.col("line").list.len() > 1).head(1)
    for *values, (first, second, *_) in repeated.iter_rows():
        named = " and ".join(
            f"{key} {bad_lines.format_value(value)}" for key, value in zip(unique, values, strict=True)
        )
        message = f"{file}: lines {first} and {second} both have {named}."
        raise DumpError(message)


def _validate_frame(collection: str, frame: pl.DataFrame) -> pl.DataFrame:
    distinct = frame.unique(maintain_order=True) if collection in _COUNTED_ONCE else frame
    try:
        return COLLECTIONS[collection].validate(distinct)
    except (dy.exc.SchemaError, dy.exc.ValidationError) as error:
        message = f"The collection {collection} does not follow its schema, although every line of it was accepted."
        raise DumpError(message) from error
