"""What changed from one layout to another, whether it breaks a consumer's queries, and what the consumer must do.

Add a kind of change here when a contract can differ in a new way. The module of a version declares its changes of
meaning; how consumers switch belongs to ``consumers``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import dataframely as dy

from immuta_assets.frames.contract import ColumnContract, MeaningChange, describe_row, list_columns
from immuta_assets.layouts.versions import Layout

Kind = Literal[
    "table added",
    "table removed",
    "column added",
    "column removed",
    "retyped",
    "renullabled",
    "values changed",
    "reordered",
    "key changed",
    "meaning changed",
]
Compatibility = Literal["additive", "breaking"]


class LayoutChange(NamedTuple):
    """One change of a column or (without one) of a table, whether old queries survive it, and what to do about it."""

    table: str
    column: str | None
    kind: Kind
    compatibility: Compatibility
    detail: str
    remedy: str


def compare_layouts(old: Layout, new: Layout) -> list[LayoutChange]:
    """Return every change on the way from ``old`` to ``new``, table by table; empty where the contracts are equal."""
    meanings = _list_meaning_changes(old, new)
    return [
        change
        for table in dict.fromkeys([*old.tables, *new.tables])
        for change in _compare_table(table, old, new, [each for each in meanings if each.table == table])
    ]


def _list_meaning_changes(old: Layout, new: Layout) -> list[MeaningChange]:
    """Return the changes that only ``new`` declares, and the undoing of those that only ``old`` declares."""
    made = [change for change in new.meaning_changes if change not in old.meaning_changes]
    undone = [change for change in old.meaning_changes if change not in new.meaning_changes]
    return made + [
        MeaningChange(each.table, each.column, each.now, each.before, f"Undo for {new.version}: {each.remedy}")
        for each in undone
    ]


def _compare_table(table: str, old: Layout, new: Layout, meanings: Sequence[MeaningChange]) -> Iterator[LayoutChange]:
    if table not in old.tables:
        remedy = "Nothing; create its external table and view where it is wanted."
        yield LayoutChange(table, None, "table added", "additive", _take_first_line(new.tables[table]), remedy)
    elif table not in new.tables:
        remedy = "Stop reading it before the switch: it is not published any more."
        yield LayoutChange(table, None, "table removed", "breaking", _take_first_line(old.tables[table]), remedy)
    else:
        yield from _compare_columns(table, old.tables[table], new.tables[table], meanings)


def _compare_columns(
    table: str, old: type[dy.Schema], new: type[dy.Schema], meanings: Sequence[MeaningChange]
) -> Iterator[LayoutChange]:
    before, after = _index_columns(old), _index_columns(new)
    declared = {change.column: change for change in meanings}
    kept = [name for name in before if name in after]
    yield from (_describe_removed(table, name, declared.get(name)) for name in before if name not in after)
    yield from (_describe_added(table, column) for name, column in after.items() if name not in before)
    for name in kept:
        yield from _compare_column(table, before[name], after[name])
    yield from _compare_order(table, kept, [name for name in after if name in before])
    yield from _compare_keys(table, old.primary_key(), new.primary_key())
    yield from (_describe_meaning(change) for change in meanings if change.column in {None, *kept})


def _describe_removed(table: str, column: str, declared: MeaningChange | None) -> LayoutChange:
    if declared:
        return LayoutChange(table, column, "column removed", "breaking", declared.now, declared.remedy)
    remedy = "Take it out of external tables, views and queries before the switch."
    return LayoutChange(table, column, "column removed", "breaking", "Nothing stands in its place.", remedy)


def _describe_added(table: str, column: ColumnContract) -> LayoutChange:
    remedy = "Nothing where queries name their columns; add it to the external table and view where it is wanted."
    return LayoutChange(table, column.name, "column added", "additive", f"{column.type}: {column.description}", remedy)


def _compare_column(table: str, old: ColumnContract, new: ColumnContract) -> Iterator[LayoutChange]:
    if old.type != new.type:
        remedy = "Declare the new type in the external table, and cast where queries rely on the old one."
        yield LayoutChange(table, old.name, "retyped", "breaking", f"{old.type} → {new.type}", remedy)
    if new.nullable and not old.nullable:
        remedy = "Decide what filters, joins and constraints do with a null."
        yield LayoutChange(table, old.name, "renullabled", "breaking", "May be null now.", remedy)
    if old.nullable and not new.nullable:
        yield LayoutChange(table, old.name, "renullabled", "additive", "Is never null now.", "Nothing.")
    if old.values != new.values:
        remedy = "Go through the filters and cases that name its values."
        yield LayoutChange(
            table, old.name, "values changed", "breaking", f"{_format_values(old)} → {_format_values(new)}", remedy
        )


def _compare_order(table: str, old: Sequence[str], new: Sequence[str]) -> Iterator[LayoutChange]:
    if old != new:
        remedy = "Take columns by name, not by position."
        yield LayoutChange(table, None, "reordered", "breaking", f"The order is now {', '.join(new)}.", remedy)


def _compare_keys(table: str, old: Sequence[str], new: Sequence[str]) -> Iterator[LayoutChange]:
    if old and old != new:
        remedy = "Go through the joins and counts that rely on one row per key."
        yield LayoutChange(table, None, "key changed", "breaking", f"{_format_key(old)} → {_format_key(new)}", remedy)
    if new and not old:
        yield LayoutChange(
            table, None, "key changed", "additive", f"Rows are now unique by {', '.join(new)}.", "Nothing."
        )


def _describe_meaning(change: MeaningChange) -> LayoutChange:
    detail = f"Before: {change.before} Now: {change.now}"
    return LayoutChange(change.table, change.column, "meaning changed", "breaking", detail, change.remedy)


def _index_columns(schema: type[dy.Schema]) -> dict[str, ColumnContract]:
    return {column.name: column for column in list_columns(schema)}


def _take_first_line(schema: type[dy.Schema]) -> str:
    return describe_row(schema).partition("\n")[0]


def _format_values(column: ColumnContract) -> str:
    return ", ".join(column.values) or "any value"


def _format_key(key: Sequence[str]) -> str:
    return f"unique by {', '.join(key)}" if key else "not unique"
