"""Tables as Parquet files: written so that every reader sees the contract, and read back to prove it.

A file holds plain strings, lists and naive UTC timestamps, whatever encoding the rows arrive in. Only the format of one
file belongs here; where files lie and how a set of them is published belongs to ``publishing``.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

import dataframely as dy
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from immuta_assets.frames import contract
from immuta_assets.object_store.files import replace_file
from immuta_assets.secrets import quote_value

logger = logging.getLogger(__name__)

# An Enum repeats all its texts in every row group, so few and large groups keep policy-outcomes small; several are in
# memory while it is written. Frames of policy-outcomes have this size (``outcomes.compact``).
_ROW_GROUP_SIZE = 500_000

_ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "list<string>": pa.list_(pa.field("element", pa.string())),
    "list<bigint>": pa.list_(pa.field("element", pa.int64())),
}


class LayoutError(Exception):
    """A table or file does not follow its layout; the message is one sentence for people."""


class FileFacts(NamedTuple):
    """What was found in a file that follows its layout; ``export_date`` is UTC without a zone."""

    rows: int
    columns: int
    bytes: int
    export_date: datetime
    sha256: str


def write_table(frame: pl.LazyFrame, schema: type[dy.Schema], path: Path, *, export_date: datetime) -> None:
    """Stream ``frame`` into ``path``, replacing it at once when complete and leaving it alone when anything fails.

    ``export_date`` (UTC without a zone) is kept in the footer too, so that an empty table has one. Raises
    ``LayoutError`` where the frame breaks the contract of ``schema``.
    """
    with replace_file(path) as file:
        stream_table(frame, schema, file, path, export_date=export_date)
    logger.info("wrote %s (%s bytes)", path.name, f"{path.stat().st_size:,}")


def stream_table(
    frame: pl.LazyFrame, schema: type[dy.Schema], file: IO[bytes], path: Path, *, export_date: datetime
) -> None:
    """Stream ``frame`` into an open file as ``write`` does; messages name ``path``."""
    arrow_schema = _build_physical_schema(frame, schema, path)
    metadata = {"ARROW:schema": _encode_footer_schema(schema), "export_date": export_date.isoformat()}
    with _explain_nulls(frame, schema, path):
        frame.sink_parquet(
            file,
            compression="zstd",
            row_group_size=_ROW_GROUP_SIZE,
            maintain_order=True,
            metadata=metadata,
            arrow_schema=arrow_schema,
        )


def inspect_file(path: Path, schema: type[dy.Schema]) -> FileFacts:
    """Read ``path`` back and compare it with ``schema``: names, order, types, nullability and a single export date.

    Raises ``LayoutError`` for a missing, unreadable or deviating file.
    """
    with _explain_unreadable(path):
        with pq.ParquetFile(path) as file:
            arrow_schema, metadata = file.schema_arrow, file.metadata
        found = [(field.name, _format_type(_name_type(field.type), nullable=field.nullable)) for field in arrow_schema]
        _require_none(path, contract.compare_shapes(_list_expected_shape(schema), found))
        export_date = _read_footer_date(path, metadata)
        _require_same_date(path, export_date)
        return FileFacts(metadata.num_rows, len(found), path.stat().st_size, export_date, _hash_file(path))


def _build_physical_schema(frame: pl.LazyFrame, schema: type[dy.Schema], path: Path) -> pa.Schema:
    """Give the frame's own Arrow types the contract's nullability, so that a forbidden null fails the write."""
    found = frame.collect_schema()
    _require_none(path, contract.compare_schema(schema, found))
    columns = schema.columns()
    physical = pl.DataFrame(schema=found).to_arrow(compat_level=pl.CompatLevel.newest()).schema
    return pa.schema([field.with_nullable(columns[field.name].nullable) for field in physical])


def _encode_footer_schema(schema: type[dy.Schema]) -> str:
    """Encode the Arrow schema for readers, who would else see dictionaries where text came dictionary-encoded."""
    fields = [
        pa.field(name, _ARROW_TYPES[contract.abstract_type(column)], nullable=column.nullable)
        for name, column in schema.columns().items()
    ]
    return base64.b64encode(pa.schema(fields).serialize().to_pybytes()).decode("ascii")


@contextmanager
def _explain_nulls(frame: pl.LazyFrame, schema: type[dy.Schema], path: Path) -> Iterator[None]:
    """Name the column and count that Polars keeps to itself when it meets a forbidden null."""
    try:
        yield
    except pl.exceptions.SchemaError as error:
        _require_none(path, contract.find_nonconformities(schema, frame) or [_take_first_line(error)])


@contextmanager
def _explain_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        message = f"{path} cannot be read as a Parquet file: {_take_first_line(error)}"
        raise LayoutError(message) from error


def _take_first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _require_none(path: Path, problems: list[str]) -> None:
    if problems:
        more = f" (and {len(problems) - 1:,} more differences)" if len(problems) > 1 else ""
        message = f"{path} does not follow its layout: {problems[0]}{more}"
        raise LayoutError(message)


def _list_expected_shape(schema: type[dy.Schema]) -> contract.Shape:
    return [
        (name, _format_type(contract.abstract_type(column), nullable=column.nullable))
        for name, column in schema.columns().items()
    ]


def _name_type(dtype: pa.DataType) -> str:
    return next((name for name, known in _ARROW_TYPES.items() if known.equals(dtype)), str(dtype))


def _format_type(abstract_type: str, *, nullable: bool) -> str:
    return f"{abstract_type}, {'optional' if nullable else 'required'}"


def _read_footer_date(path: Path, metadata: pq.FileMetaData) -> datetime:
    text = (metadata.metadata or {}).get(b"export_date", b"").decode("utf-8", "replace")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{path} does not follow its layout: footer key export_date is no ISO time: {quote_value(text)}"
        raise LayoutError(message) from error


def _require_same_date(path: Path, export_date: datetime) -> None:
    column = pl.col("export_date")
    bounds = pl.scan_parquet(path, glob=False).select(first=column.min(), last=column.max()).collect(engine="streaming")
    strangers = [value for value in bounds.row(0) if value not in (None, export_date)]
    if strangers:
        message = f"{path}: column export_date: expected {export_date} UTC in every row, found {strangers[0]} UTC"
        raise LayoutError(message)


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
