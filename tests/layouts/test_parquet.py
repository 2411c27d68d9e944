"""Files as pyarrow, Polars and DuckDB see them, and writes that fail."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dataframely as dy
import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from immuta_assets.layouts import parquet
from immuta_assets.layouts.parquet import LayoutError

EXPORT_DATE = datetime(2026, 3, 1, 5, 30, 0, 1)


class Example(dy.Schema):
    """One column of every documented type, required and optional."""

    name = dy.String()
    scope = dy.Enum(["READ", "WRITE"])
    remark = dy.String(nullable=True)
    id = dy.Int64()
    flag = dy.Bool()
    policy_ids = dy.List(dy.Int64(), nullable=True)
    permissions = dy.List(dy.String())
    seen = dy.Datetime(nullable=True)
    export_date = dy.Datetime()


TEXT = ("name", "scope", "remark")
ENCODINGS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "plain": lambda frame: frame,
    "categorical": lambda frame: frame.with_columns(pl.col(TEXT).cast(pl.Categorical)),
    "enum": lambda frame: frame.with_columns(
        pl.col("name", "remark").cast(pl.Enum(["Ådne", "b", "c"])), pl.col("scope").cast(pl.Enum(["READ", "WRITE"]))
    ),
    "enum of many": lambda frame: frame.with_columns(pl.col("name").cast(pl.Enum(["Ådne", *map(str, range(70_000))]))),
}
ROW: dict[str, Any] = {
    "name": "Ådne",
    "scope": "READ",
    "remark": None,
    "id": 2**60,
    "flag": True,
    "policy_ids": [1, 2],
    "permissions": [],
    "seen": None,
    "export_date": EXPORT_DATE,
}
ROWS = [ROW, ROW | {"remark": "b", "policy_ids": None, "permissions": ["x", "y"], "seen": EXPORT_DATE}]


def frame(*rows: dict[str, Any]) -> pl.LazyFrame:
    schema = {name: column.dtype for name, column in Example.columns().items()}
    return pl.LazyFrame(rows, schema=schema | {"scope": pl.String()})


@pytest.fixture(params=ENCODINGS)
def encode(request: pytest.FixtureRequest) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    return ENCODINGS[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "example.parquet"


def write(frame: pl.LazyFrame, path: Path) -> None:
    parquet.write_table(frame, Example, path, export_date=EXPORT_DATE)


def test_pyarrow_reads_plain_types_and_the_same_rows(
    path: Path, encode: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> None:
    write(encode(frame(*ROWS)), path)
    assert {field.name: (str(field.type), field.nullable) for field in pq.read_schema(path)} == {
        "name": ("string", False),
        "scope": ("string", False),
        "remark": ("string", True),
        "id": ("int64", False),
        "flag": ("bool", False),
        "policy_ids": ("list<element: int64>", True),
        "permissions": ("list<element: string>", False),
        "seen": ("timestamp[us]", True),
        "export_date": ("timestamp[us]", False),
    }
    assert pq.read_table(path).to_pylist() == ROWS


def test_polars_reads_plain_types_and_the_same_rows(path: Path, encode: Callable[[pl.LazyFrame], pl.LazyFrame]) -> None:
    write(encode(frame(*ROWS)), path)
    assert pl.read_parquet_schema(path) == frame().collect_schema()
    assert pl.read_parquet(path).to_dicts() == ROWS


def test_duckdb_reads_plain_types_and_the_same_rows(path: Path, encode: Callable[[pl.LazyFrame], pl.LazyFrame]) -> None:
    write(encode(frame(*ROWS)), path)
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(path))
        assert [str(dtype) for dtype in relation.types] == [
            *["VARCHAR"] * 3,
            "BIGINT",
            "BOOLEAN",
            "BIGINT[]",
            "VARCHAR[]",
            *["TIMESTAMP"] * 2,
        ]
        assert relation.fetchall() == [tuple(row.values()) for row in ROWS]


def test_the_file_is_compressed_with_zstd_and_says_what_is_required(path: Path) -> None:
    write(frame(*ROWS), path)
    metadata = pq.read_metadata(path)
    group = metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}
    required = {metadata.schema.column(i).name: metadata.schema.column(i).max_definition_level == 0 for i in range(5)}
    assert required == {"name": True, "scope": True, "remark": False, "id": True, "flag": True}


def test_rows_keep_their_order(path: Path) -> None:
    write(frame(*(ROW | {"id": i} for i in (3, 1, 2))), path)
    assert pl.read_parquet(path)["id"].to_list() == [3, 1, 2]


@pytest.mark.parametrize("column", [name for name, column in Example.columns().items() if not column.nullable])
def test_a_null_in_a_required_column_fails_the_write_and_names_it(
    path: Path, encode: Callable[[pl.LazyFrame], pl.LazyFrame], column: str
) -> None:
    with pytest.raises(LayoutError, match=rf"example\.parquet .*: {column} is null .*: 1 rows"):
        write(encode(frame(ROW, ROW | {column: None})), path)
    assert list(path.parent.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_as_it_was(path: Path) -> None:
    write(frame(*ROWS), path)
    before = path.read_bytes()
    late_null = pl.concat([frame(*[ROW] * 1_000), frame(ROW | {"id": None})])
    with pytest.raises(LayoutError):
        write(late_null, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_rows_that_cannot_be_computed_leave_the_old_file_and_their_own_error(path: Path) -> None:
    write(frame(*ROWS), path)
    before = path.read_bytes()
    with pytest.raises(pl.exceptions.InvalidOperationError):
        write(
            frame(*ROWS).with_columns(pl.col("name").cast(pl.Int64)).with_columns(pl.col("name").cast(pl.String)), path
        )
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_frame_of_another_shape_is_refused_before_anything_is_written(path: Path) -> None:
    with pytest.raises(LayoutError, match=r"column 9: expected export_date \(timestamp\), found nothing"):
        write(frame(*ROWS).drop("export_date"), path)
    assert list(path.parent.iterdir()) == []


def test_a_written_file_replaces_the_old_one_and_makes_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "example.parquet"
    write(frame(*ROWS), path)
    write(frame(ROW), path)
    assert pl.read_parquet(path).height == 1
    assert stat.S_ISREG(path.stat().st_mode)


def test_inspect_tells_the_facts_of_a_file(path: Path, encode: Callable[[pl.LazyFrame], pl.LazyFrame]) -> None:
    write(encode(frame(*ROWS)), path)
    content = path.read_bytes()
    assert parquet.inspect_file(path, Example) == (2, 9, len(content), EXPORT_DATE, hashlib.sha256(content).hexdigest())


def test_an_empty_table_has_its_types_and_an_export_date(
    path: Path, encode: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> None:
    write(encode(frame()), path)
    facts = parquet.inspect_file(path, Example)
    assert (facts.rows, facts.export_date) == (0, EXPORT_DATE)


def test_a_second_export_date_among_the_rows_is_found(path: Path) -> None:
    write(frame(ROW, ROW | {"export_date": EXPORT_DATE + timedelta(days=1)}), path)
    with pytest.raises(LayoutError, match=r"export_date: expected 2026-03-01 .*, found 2026-03-02"):
        parquet.inspect_file(path, Example)


def test_a_file_that_lets_required_columns_be_null_is_refused(path: Path) -> None:
    frame(*ROWS).sink_parquet(path)
    with pytest.raises(LayoutError, match=r"column 1: expected name \(string, required\), found name \(.*optional\)"):
        parquet.inspect_file(path, Example)


def test_a_file_that_shows_dictionaries_is_refused(path: Path) -> None:
    write(frame(*ROWS), path)
    table = pq.read_table(path)
    encoded = table.set_column(0, table.schema.field("name"), table["name"])
    position = table.schema.get_field_index("remark")
    pq.write_table(encoded.set_column(position, "remark", encoded["remark"].dictionary_encode()), path)
    with pytest.raises(LayoutError, match=r"expected remark \(string, optional\), found remark \(dictionary"):
        parquet.inspect_file(path, Example)


def test_a_file_of_another_table_is_refused_in_one_sentence(path: Path) -> None:
    class Other(dy.Schema):
        key = dy.String()
        export_date = dy.Datetime()

    write(frame(*ROWS), path)
    with pytest.raises(LayoutError, match=r"column 1: expected key \(string, required\), found name .*8 more"):
        parquet.inspect_file(path, Other)


@pytest.mark.parametrize("export_date", [None, "yesterday", b"\xff"])
def test_a_footer_without_a_date_is_refused(path: Path, export_date: str | bytes | None) -> None:
    write(frame(*ROWS), path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"export_date": export_date} if export_date else None), path)
    with pytest.raises(LayoutError, match="footer key export_date is no ISO time"):
        parquet.inspect_file(path, Example)


@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"not parquet at all"])
def test_a_missing_or_broken_file_is_named(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LayoutError, match=r"example\.parquet cannot be read as a Parquet file"):
        parquet.inspect_file(path, Example)


def test_the_file_of_this_name_is_inspected_and_none_that_a_pattern_would_find(tmp_path: Path) -> None:
    (tmp_path / "ga.parquet").write_bytes(b"of another tenant")
    write(frame(*ROWS), tmp_path / "g[ab].parquet")
    assert parquet.inspect_file(tmp_path / "g[ab].parquet", Example).rows == 2
