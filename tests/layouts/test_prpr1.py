"""How prpr1 follows from prpr2."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from immuta_assets.frames.contract import find_nonconformities
from immuta_assets.layouts import prpr1, prpr2

AT = datetime(2026, 3, 1, 5, 30)


def frame(table: str, *rows: dict[str, Any]) -> pl.LazyFrame:
    columns = prpr2.TABLES[table].columns()
    defaults = {pl.String(): "x", pl.Datetime("us"): AT, pl.Boolean(): False}
    filled = [{name: row.get(name, defaults.get(column.dtype)) for name, column in columns.items()} for row in rows]
    return pl.LazyFrame(filled, schema={name: column.dtype for name, column in columns.items()})


def test_every_table_says_which_prpr2_tables_it_reads() -> None:
    read = {name.replace("_", "-") for f in prpr1.DOWNGRADES.values() for name in inspect.signature(f).parameters}
    assert prpr1.DOWNGRADES.keys() == prpr1.TABLES.keys()
    assert read <= prpr2.TABLES.keys()


@pytest.mark.parametrize("table", ["policy-metadata", "user-metadata", "domain-metadata"])
def test_unchanged_tables_are_handed_on(table: str) -> None:
    given = frame(table)
    assert prpr1.DOWNGRADES[table](given) is given


def test_outcomes_keep_read_access_only_and_lose_the_new_columns() -> None:
    outcomes = frame(
        "policy-outcomes",
        {"data_source_id": 1, "scope": "READ", "source": "POLICY"},
        {"data_source_id": 2, "scope": "WRITE", "source": "POLICY"},
        {"data_source_id": 3, "scope": "READ", "source": "MANUAL"},
    )
    downgraded = prpr1.DOWNGRADES["policy-outcomes"](outcomes)
    assert find_nonconformities(prpr1.PolicyOutcomesPrpr1, downgraded) == []
    assert downgraded.collect()["data_source_id"].to_list() == [1, 3]


def test_a_tag_is_listed_under_the_data_source_it_or_its_column_belongs_to() -> None:
    tags = frame(
        "tag-metadata",
        {"tag_name": "PII", "target_id": "7", "target_type": "DATA_SOURCE"},
        {"tag_name": "PII.SSN", "target_id": "column-a", "target_type": "COLUMN"},
    )
    columns = frame(
        "column-metadata",
        {"column_id": "column-a", "data_source_id": 5},
        {"column_id": "7", "data_source_id": 6},
    )
    downgraded = prpr1.DOWNGRADES["tag-metadata"](tags, columns)
    assert find_nonconformities(prpr1.TagMetadataPrpr1, downgraded) == []
    assert downgraded.select("data_source_id", "target_type", "tag_name").collect().rows() == [
        (5, "COLUMN", "PII.SSN"),
        (7, "DATA_SOURCE", "PII"),
    ]


def test_a_tag_does_not_multiply_over_columns_that_share_an_id() -> None:
    tags = frame("tag-metadata", {"target_id": "same", "target_type": "COLUMN"})
    columns = frame(
        "column-metadata",
        {"column_id": "same", "data_source_id": 2},
        {"column_id": "same", "data_source_id": 1},
    )
    assert prpr1.DOWNGRADES["tag-metadata"](tags, columns).collect()["data_source_id"].to_list() == [1]
