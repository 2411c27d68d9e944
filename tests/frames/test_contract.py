"""What counts as following the contract."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from immuta_assets.frames.contract import abstract_type, count_duplicate_keys, find_nonconformities


class Example(dy.Schema):
    id = dy.Int64(primary_key=True)
    part = dy.String(primary_key=True)
    scope = dy.Enum(["READ", "WRITE"])
    note = dy.String(nullable=True)
    names = dy.List(dy.String(), nullable=True)
    at = dy.Datetime()


ROW: dict[str, Any] = {"id": 1, "part": "a", "scope": "READ", "note": None, "names": ["x"], "at": datetime(2026, 3, 1)}


def frame(*rows: dict[str, Any]) -> pl.LazyFrame:
    schema = {**{name: column.dtype for name, column in Example.columns().items()}, "scope": pl.String()}
    return pl.LazyFrame([ROW | row for row in rows], schema=schema)


def test_a_conforming_frame_has_no_nonconformities() -> None:
    assert find_nonconformities(Example, frame({}, {"id": 2, "names": None}, {"id": 3, "names": []})) == []


@pytest.mark.parametrize("dtype", [pl.String(), pl.Categorical(), pl.Enum(["READ"])])
def test_text_may_come_in_any_encoding(dtype: pl.DataType) -> None:
    assert find_nonconformities(Example, frame({}).with_columns(pl.col("scope").cast(dtype))) == []


def test_an_empty_frame_conforms() -> None:
    assert find_nonconformities(Example, frame()) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.drop("at"), "column 6: expected at (timestamp), found nothing"),
        (lambda f: f.with_columns(more=1), "column 7: expected nothing, found more (Int32)"),
        (lambda f: f.rename({"note": "remark"}), "column 4: expected note (string), found remark (string)"),
        (lambda f: f.with_columns(pl.col("id").cast(pl.Int32)), "column 1: expected id (bigint), found id (Int32)"),
        (
            lambda f: f.with_columns(pl.col("at").dt.replace_time_zone("UTC")),
            "column 6: expected at (timestamp), found at (Datetime(time_unit='us', time_zone='UTC'))",
        ),
    ],
)
def test_a_frame_of_another_shape_is_named_column_by_column(change: Any, sentence: str) -> None:
    assert find_nonconformities(Example, change(frame({}))) == [sentence]


def test_swapped_columns_are_two_nonconformities() -> None:
    swapped = frame({}).select("part", "id", pl.exclude("id", "part"))
    assert len(find_nonconformities(Example, swapped)) == 2


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"at": None}, "at is null although the layout forbids it: 1 rows"),
        ({"names": ["x", None]}, "names has a null within its list: 1 rows"),
        ({"scope": "read"}, "scope is none of READ, WRITE: 1 rows"),
        ({"id": 1}, "the key (id, part) is repeated: 1 rows"),
    ],
)
def test_a_broken_rule_is_counted_and_shows_no_value(row: dict[str, Any], sentence: str) -> None:
    assert find_nonconformities(Example, frame({}, {"id": 2} | row)) == [sentence]


def test_every_repetition_of_a_key_counts() -> None:
    assert count_duplicate_keys(Example, frame({}, {}, {}, {"part": "b"}, {"part": "b"})) == 3


def test_a_schema_without_a_key_has_no_duplicates() -> None:
    class Keyless(dy.Schema):
        id = dy.Int64()

    assert count_duplicate_keys(Keyless, pl.LazyFrame({"id": [1, 1]})) == 0


def test_an_undocumented_type_is_named_as_polars_names_it() -> None:
    assert abstract_type(dy.Float64()) == "Float64"
