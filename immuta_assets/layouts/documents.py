"""The layouts as a page for consumers: this module makes docs/layouts.md from the schema classes alone.

Add here what a consumer should read about a version; the command line shows the same rows. After a change, write the
page again: ``UPDATE_LAYOUTS_PAGE=1 pytest tests/layouts/test_documents.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import dataframely as dy

from immuta_assets.frames.contract import ColumnContract, describe_row, list_columns
from immuta_assets.layouts.diff import LayoutChange, compare_layouts
from immuta_assets.layouts.versions import COMPUTED, Layout

Row = tuple[str, ...]

COLUMN_HEADINGS = ("column", "type", "null", "meaning")
CHANGE_HEADINGS = ("where", "change", "class", "what", "what to do")

INTRODUCTION = """# Layouts

A layout is a version of the export: which tables it has, and what each promises to its readers. A published version
never changes. Every change that a reader could notice is a new version at a path of its own,
`<table>/v=<version>/<table>.parquet`. What the public guides leave open is decided in
[policy_semantics.md](policy_semantics.md), which also says why a column may be null *against the guide*.

This page is made from the schema classes by `UPDATE_LAYOUTS_PAGE=1 .venv/bin/pytest tests/layouts/test_documents.py`.
`immuta-assets layouts list | show NAME | diff OLD NEW` say the same, with `--json` for programs.
[consumers.md](consumers.md) says how consumers read a version, and go from one to the next."""

LIVES: tuple[Row, ...] = (
    ("active", "`prpr2`", "its files are renewed every export day"),
    (
        "parallel until a day",
        "`prpr1:2027-01-31,prpr2`",
        "the files of `prpr1` are renewed too, up to the export day 2027-01-31 and on it; after that it is retired",
    ),
    ("retired", "not at all", "its files are not renewed; those at the destination stay as they are"),
)

ABOUT_LIVES = """`IMMUTA_ASSETS_LAYOUTS` gives each version its life. Writing `prpr2` in place of `prpr1` is what the
preview does: the old version stops the day the new one starts. With a parallel period its readers need not hurry."""


def render_page(layouts: Sequence[Layout]) -> str:
    """Return the page about versions, oldest first: their list, what changed between them, and all columns."""
    parts = [
        INTRODUCTION,
        _render_table(("layout", "tables", "columns", "made"), [_summarize_layout(layout) for layout in layouts]),
        f"## Lives\n\n{ABOUT_LIVES}\n\n{_render_table(('life', 'written', 'means'), LIVES)}",
        *(_render_difference(old, new) for old, new in pairwise(layouts)),
        *(_render_layout(layout) for layout in reversed(layouts)),
    ]
    return "\n\n".join(parts) + "\n"


def list_column_rows(schema: type[dy.Schema]) -> list[Row]:
    """Return the contract of each column, in words, under ``COLUMN_HEADINGS``."""
    return [(column.name, column.type, _format_null(column), column.description) for column in list_columns(schema)]


def list_change_rows(changes: Iterable[LayoutChange]) -> list[Row]:
    """Return changes in words, under ``CHANGE_HEADINGS``."""
    return [
        (_name_place(change), change.kind, change.compatibility, change.detail, change.remedy) for change in changes
    ]


def describe_table(layout: Layout, table: str) -> str:
    """Return what a row of a table is, and by what it is unique."""
    schema = layout.tables[table]
    key = ", ".join(schema.primary_key())
    return f"{describe_row(schema)} Unique by {key}." if key else describe_row(schema)


def _render_difference(old: Layout, new: Layout) -> str:
    changes = list_change_rows(compare_layouts(old, new))
    return f"## From {old.version} to {new.version}\n\n{_render_table(CHANGE_HEADINGS, changes)}"


def _render_layout(layout: Layout) -> str:
    tables = (
        f"### {layout.version} {table}\n\n{describe_table(layout, table)}\n\n"
        f"{_render_table(COLUMN_HEADINGS, list_column_rows(schema))}"
        for table, schema in layout.tables.items()
    )
    return "\n\n".join([f"## {layout.version}", *tables])


def _summarize_layout(layout: Layout) -> Row:
    count = sum(len(schema.columns()) for schema in layout.tables.values())
    made = "computed" if layout.version == COMPUTED else f"derived from {COMPUTED}, so that both say the same"
    return (f"[{layout.version}](#{layout.version})", f"{len(layout.tables):,}", f"{count:,}", made)


def _name_place(change: LayoutChange) -> str:
    return f"{change.table}.{change.column}" if change.column else change.table


def _format_null(column: ColumnContract) -> str:
    if column.nullable == column.guide_nullable:
        return "yes" if column.nullable else "no"
    return "yes, against the guide"


def _render_table(headings: Row, rows: Iterable[Row]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)
