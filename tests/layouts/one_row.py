"""A published export whose tables have one row each, for tests of those who read it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dataframely as dy
import polars as pl

from immuta_assets.layouts import parquet
from immuta_assets.layouts.versions import Layout
from immuta_assets.publishing.publish import published_path

EXPORT_DATE = datetime(2026, 11, 20, 5)  # export_date is UTC without a zone

_VALUES: dict[pl.DataType, object] = {
    pl.String(): "7",
    pl.Int64(): 7,
    pl.Boolean(): True,
    pl.Datetime("us"): EXPORT_DATE,
    pl.List(pl.String()): ["a", "b"],
    pl.List(pl.Int64()): [7, 8],
}


def publish(layout: Layout, folder: Path) -> None:
    """Lay out every table of a version with one row, without nulls, as it is published."""
    for table, schema in layout.tables.items():
        dtypes = {name: column.dtype for name, column in schema.columns().items()}
        row = {name: _value(column) for name, column in schema.columns().items()}
        path = published_path(layout, table, folder)
        path.parent.mkdir(parents=True)
        parquet.write_table(pl.LazyFrame([row], schema=dtypes), schema, path, export_date=EXPORT_DATE)


def _value(column: dy.Column) -> object:
    return column.categories[0] if isinstance(column, dy.Enum) else _VALUES[column.dtype]
