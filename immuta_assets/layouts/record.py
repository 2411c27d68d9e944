"""The contract of a layout as text, to compare with the recorded one of a published version, and its digest.

Descriptions are left out, so that they can be worded better. Everything that a reader's query relies on is in. Add a
line here when a contract can promise something new. What changed between two versions belongs to ``diff``.
"""

from __future__ import annotations

import hashlib

from immuta_assets.frames.contract import ColumnContract, list_columns
from immuta_assets.layouts.versions import Layout


def format_contract(layout: Layout) -> str:
    """Return the contract of all tables, one line per column."""
    return "\n".join(_format_table(layout, table) for table in sorted(layout.tables))


def compute_code_version(layout: Layout, table: str | None = None) -> str:
    """Return a digest of the contract of a table, or of the whole layout; equal contracts have equal digests."""
    promised = format_contract(layout) if table is None else _format_table(layout, table)
    return hashlib.sha256(promised.encode()).hexdigest()[:12]


def _format_table(layout: Layout, table: str) -> str:
    schema = layout.tables[table]
    key = ", ".join(schema.primary_key())
    lines = [
        f"{table}, unique by {key}" if key else table,
        *(f"  {_format_column(column)}" for column in list_columns(schema)),
        *(
            f"  {change.column or 'row'} means: {change.now}"
            for change in layout.meaning_changes
            if change.table == table
        ),
    ]
    return "".join(f"{line}\n" for line in lines)


def _format_column(column: ColumnContract) -> str:
    values = f", one of {', '.join(column.values)}" if column.values else ""
    return f"{column.name}: {column.type}{', may be null' if column.nullable else ''}{values}"
