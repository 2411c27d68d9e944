"""What is told about the way from one layout to another."""

from __future__ import annotations

from typing import Any

import dataframely as dy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.frames.contract import MeaningChange
from immuta_assets.layouts.diff import LayoutChange, compare_layouts
from immuta_assets.layouts.record import format_contract
from immuta_assets.layouts.versions import LAYOUTS, Layout

PRPR1, PRPR2 = LAYOUTS["prpr1"], LAYOUTS["prpr2"]


def table(**columns: Any) -> dict[str, type[dy.Schema]]:
    return {"table": type("Table", (dy.Schema,), columns)}


def only_change(old: dict[str, type[dy.Schema]], new: dict[str, type[dy.Schema]]) -> LayoutChange:
    (change,) = compare_layouts(Layout("old", old), Layout("new", new))
    return change


def test_prpr2_breaks_what_relies_on_read_rows_alone_and_on_tags_by_data_source() -> None:
    breaking = {
        (change.table, change.column, change.kind) for change in compare_layouts(PRPR1, PRPR2) if breaks(change)
    }
    assert breaking == {
        ("policy-outcomes", None, "meaning changed"),
        ("tag-metadata", "data_source_id", "column removed"),
        ("tag-metadata", "target_type", "meaning changed"),
    }


def breaks(change: LayoutChange) -> bool:
    return change.compatibility == "breaking"


def test_prpr2_adds_seven_tables_and_three_columns() -> None:
    additive = [change for change in compare_layouts(PRPR1, PRPR2) if not breaks(change)]
    assert {change.table for change in additive if change.kind == "table added"} == PRPR2.tables.keys() - PRPR1.tables
    assert {(change.table, change.column) for change in additive if change.kind == "column added"} == {
        ("policy-outcomes", "column_id"),
        ("policy-outcomes", "scope"),
        ("tag-metadata", "target_id"),
    }


def test_every_change_says_what_to_do() -> None:
    for change in [*compare_layouts(PRPR1, PRPR2), *compare_layouts(PRPR2, PRPR1)]:
        assert change.detail.endswith(".")
        assert change.remedy.endswith(".")


@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_a_layout_does_not_differ_from_itself(layout: Layout) -> None:
    assert compare_layouts(layout, layout) == []


def test_the_way_back_undoes_what_was_asked_for() -> None:
    outcomes = next(change for change in compare_layouts(PRPR2, PRPR1) if change.kind == "meaning changed")
    there = next(change for change in compare_layouts(PRPR1, PRPR2) if (change.table, change.column) == outcomes[:2])
    assert outcomes.remedy == f"Undo for prpr1: {there.remedy}"


@pytest.mark.parametrize(
    ("old", "new", "kind", "compatibility", "detail"),
    [
        ({"a": dy.Int64()}, {"a": dy.String()}, "retyped", "breaking", "bigint → string"),
        ({"a": dy.Int64()}, {"a": dy.Int64(nullable=True)}, "renullabled", "breaking", "May be null now."),
        ({"a": dy.Int64(nullable=True)}, {"a": dy.Int64()}, "renullabled", "additive", "Is never null now."),
        ({"a": dy.Enum(["X"])}, {"a": dy.Enum(["X", "Y"])}, "values changed", "breaking", "X → X, Y"),
        ({"a": dy.Enum(["X"])}, {"a": dy.String()}, "values changed", "breaking", "X → any value"),
        (
            {"a": dy.Int64(), "b": dy.Int64()},
            {"b": dy.Int64(), "a": dy.Int64()},
            "reordered",
            "breaking",
            "The order is now b, a.",
        ),
        ({"a": dy.Int64(primary_key=True)}, {"a": dy.Int64()}, "key changed", "breaking", "unique by a → not unique"),
        ({"a": dy.Int64()}, {"a": dy.Int64(primary_key=True)}, "key changed", "additive", "Rows are now unique by a."),
        ({"a": dy.Int64()}, {"a": dy.Int64(), "b": dy.Int64()}, "column added", "additive", "bigint: "),
        (
            {"a": dy.Int64(), "b": dy.Int64()},
            {"a": dy.Int64()},
            "column removed",
            "breaking",
            "Nothing stands in its place.",
        ),
    ],
)
def test_a_change_of_a_table_is_classed(
    old: dict[str, Any], new: dict[str, Any], kind: str, compatibility: str, detail: str
) -> None:
    change = only_change(table(**old), table(**new))
    assert (change.kind, change.compatibility, change.detail) == (kind, compatibility, detail)


def test_a_table_that_goes_breaks_and_one_that_comes_does_not() -> None:
    assert only_change(table(a=dy.Int64()), {})[2:4] == ("table removed", "breaking")
    assert only_change({}, table(a=dy.Int64()))[2:4] == ("table added", "additive")


def test_a_change_of_meaning_breaks_although_no_schema_shows_it() -> None:
    change = MeaningChange("table", None, before="Days.", now="Hours.", remedy="Divide by 24.")
    same = table(a=dy.Int64())
    assert compare_layouts(Layout("old", same), Layout("new", same, meaning_changes=(change,))) == [
        LayoutChange("table", None, "meaning changed", "breaking", "Before: Days. Now: Hours.", "Divide by 24.")
    ]


def test_a_description_is_not_meaning() -> None:
    assert compare_layouts(Layout("old", table(a=dy.Int64(description="A."))), Layout("new", table(a=dy.Int64()))) == []


columns = st.builds(
    lambda make, nullable: make(nullable=nullable),
    st.sampled_from([dy.Int64, dy.String, dy.Bool, lambda nullable: dy.Enum(["X", "Y"], nullable=nullable)]),
    st.booleans(),
)
tables = st.dictionaries(st.sampled_from("abc"), columns, min_size=1).map(lambda drawn: table(**drawn))
layouts = st.builds(Layout, st.just("drawn"), st.one_of(tables, st.just({})))


@given(layouts, layouts)
def test_contracts_that_differ_have_a_difference_and_equal_ones_none(old: Layout, new: Layout) -> None:
    assert bool(compare_layouts(old, new)) == (format_contract(old) != format_contract(new))
