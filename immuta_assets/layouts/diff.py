"""What changed from one layout to another, whether it breaks a consumer's queries, and what the consumer must do.

Add a kind of change here when a contract can differ in a new way. What a change of meaning is stands in the module of
the version that made it; how consumers switch belongs to ``consumers``.
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


class Change(NamedTuple):
    """One change of a column or (without one) of a table, whether old queries survive it, and what to do about it."""

    table: str
    column: str | None
    kind: Kind
    compatibility: Compatibility
    detail: str
    remedy: str


def diff(old: Layout, new: Layout) -> list[Change]:
    """Return every change on the way from ``old`` to ``new``, table by table; empty where the contracts are equal."""
    meanings = _meaning_changes(old, new)
    return [
        change
        for table in dict.fromkeys([*old.tables, *new.tables])
        for change in _table(table, old, new, [each for each in meanings if each.table == table])
    ]


def _meaning_changes(old: Layout, new: Layout) -> list[MeaningChange]:
    """Return what ``new`` declares on top of ``old``; on the way back, what ``old`` declares is undone."""
    made = [change for change in new.meaning_changes if change not in old.meaning_changes]
    undone = [change for change in old.meaning_changes if change not in new.meaning_changes]
    return made + [
        MeaningChange(each.table, each.column, each.now, each.before, f"Undo for {new.version}: {each.remedy}")
        for each in undone
    ]


def _table(table: str, old: Layout, new: Layout, meanings: Sequence[MeaningChange]) -> Iterator[Change]:
    if table not in old.tables:
        remedy = "Nothing; create its external table and view where it is wanted."
        yield Change(table, None, "table added", "additive", _first_line(new.tables[table]), remedy)
    elif table not in new.tables:
        remedy = "Stop reading it before the switch: it is not published any more."
        yield Change(table, None, "table removed", "breaking", _first_line(old.tables[table]), remedy)
    else:
        yield from _within(table, old.tables[table], new.tables[table], meanings)


def _within(
    table: str, old: type[dy.Schema], new: type[dy.Schema], meanings: Sequence[MeaningChange]
) -> Iterator[Change]:
    before, after = _by_name(old), _by_name(new)
    told = {change.column: change for change in meanings}
    kept = [name for name in before if name in after]
    yield from (_removed(table, name, told.get(name)) for name in before if name not in after)
    yield from (_added(table, column) for name, column in after.items() if name not in before)
    for name in kept:
        yield from _column(table, before[name], after[name])
    yield from _order(table, kept, [name for name in after if name in before])
    yield from _key(table, old.primary_key(), new.primary_key())
    yield from (_meaning(change) for change in meanings if change.column in {None, *kept})


def _removed(table: str, column: str, told: MeaningChange | None) -> Change:
    if told:
        return Change(table, column, "column removed", "breaking", told.now, told.remedy)
    remedy = "Take it out of external tables, views and queries before the switch."
    return Change(table, column, "column removed", "breaking", "Nothing stands in its place.", remedy)


def _added(table: str, column: ColumnContract) -> Change:
    remedy = "Nothing where queries name their columns; add it to the external table and view where it is wanted."
    return Change(table, column.name, "column added", "additive", f"{column.type}: {column.description}", remedy)


def _column(table: str, old: ColumnContract, new: ColumnContract) -> Iterator[Change]:
    if old.type != new.type:
        remedy = "Declare the new type in the external table, and cast where queries rely on the old one."
        yield Change(table, old.name, "retyped", "breaking", f"{old.type} → {new.type}", remedy)
    if new.nullable and not old.nullable:
        remedy = "Decide what filters, joins and constraints do with a null."
        yield Change(table, old.name, "renullabled", "breaking", "May be null now.", remedy)
    if old.nullable and not new.nullable:
        yield Change(table, old.name, "renullabled", "additive", "Is never null now.", "Nothing.")
    if old.values != new.values:
        remedy = "Go through the filters and cases that name its values."
        yield Change(table, old.name, "values changed", "breaking", f"{_values(old)} → {_values(new)}", remedy)


def _order(table: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    if old != new:
        remedy = "Take columns by name, not by position."
        yield Change(table, None, "reordered", "breaking", f"The order is now {', '.join(new)}.", remedy)


def _key(table: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    if old and old != new:
        remedy = "Go through the joins and counts that rely on one row per key."
        yield Change(table, None, "key changed", "breaking", f"{_key_words(old)} → {_key_words(new)}", remedy)
    if new and not old:
        yield Change(table, None, "key changed", "additive", f"Rows are now unique by {', '.join(new)}.", "Nothing.")


def _meaning(change: MeaningChange) -> Change:
    detail = f"Before: {change.before} Now: {change.now}"
    return Change(change.table, change.column, "meaning changed", "breaking", detail, change.remedy)


def _by_name(schema: type[dy.Schema]) -> dict[str, ColumnContract]:
    return {column.name: column for column in list_columns(schema)}


def _first_line(schema: type[dy.Schema]) -> str:
    return describe_row(schema).partition("\n")[0]


def _values(column: ColumnContract) -> str:
    return ", ".join(column.values) or "any value"


def _key_words(key: Sequence[str]) -> str:
    return f"unique by {', '.join(key)}" if key else "not unique"
