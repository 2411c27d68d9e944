"""Both layouts against the documented ones, column by column."""

from __future__ import annotations

import json
import re
from pathlib import Path

import dataframely as dy
import pytest

from immuta_assets.frames.contract import abstract_type, is_guide_nullable
from immuta_assets.layouts import prpr1, prpr2
from immuta_assets.layouts.versions import LAYOUTS

DOCUMENTED = json.loads(Path(__file__).with_name("access_summary_layouts.json").read_text(encoding="utf-8"))
TABLES = [(version, table) for version, tables in DOCUMENTED.items() for table in tables]
DECIDED_NULLS = {
    ("access-requests", "final_determination_date"),
    ("domain-metadata", "data_source_id"),
    ("domain-metadata", "privileged_user"),
}


def test_the_layouts_have_exactly_the_documented_tables() -> None:
    assert {version: set(layout.tables) for version, layout in LAYOUTS.items()} == {
        version: set(tables) for version, tables in DOCUMENTED.items()
    }


def test_every_layout_knows_its_own_version() -> None:
    assert [layout.version for layout in LAYOUTS.values()] == list(LAYOUTS) == ["prpr1", "prpr2"]


@pytest.mark.parametrize(("version", "table"), TABLES)
def test_columns_have_the_documented_names_order_types_and_nulls(version: str, table: str) -> None:
    found = [
        {"name": name, "type": abstract_type(column), "nullable": is_guide_nullable(column)}
        for name, column in LAYOUTS[version].tables[table].columns().items()
    ]
    assert found == [
        {key: column[key] for key in ("name", "type", "nullable")} for column in DOCUMENTED[version][table]
    ]


@pytest.mark.parametrize(("version", "table"), TABLES)
def test_every_table_and_column_is_described(version: str, table: str) -> None:
    schema = LAYOUTS[version].tables[table]
    assert schema.__doc__
    assert all(column.description for column in schema.columns().values())


@pytest.mark.parametrize(("version", "table"), TABLES)
def test_columns_with_a_closed_set_of_values_allow_exactly_these(version: str, table: str) -> None:
    columns = LAYOUTS[version].tables[table].columns()
    closed = {
        documented["name"]: match[1].strip().split(" | ")
        for documented in DOCUMENTED[version][table]
        if (match := re.search(r"enum: ([A-Z_ |]+)", documented["note"]))
    }
    found = {name: column.categories for name, column in columns.items() if isinstance(column, dy.Enum)}
    assert closed.items() <= found.items()


def test_only_the_decided_columns_may_be_null_against_the_guide() -> None:
    marked = {
        (table, name)
        for layout in LAYOUTS.values()
        for table, schema in layout.tables.items()
        for name, column in schema.columns().items()
        if column.nullable != is_guide_nullable(column)
    }
    assert marked == DECIDED_NULLS


def test_unchanged_tables_of_prpr1_are_those_of_prpr2() -> None:
    unchanged = [table for table, schema in prpr1.TABLES.items() if schema is prpr2.TABLES[table]]
    assert unchanged == ["policy-metadata", "user-metadata", "domain-metadata"]
