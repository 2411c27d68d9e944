"""Rows of query history and of the tenant for tests: only the keys that matter are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dataframely as dy
import polars as pl

from immuta_assets.platforms.origin import Origin
from immuta_assets.platforms.registry import PLATFORMS

RECEIVED = datetime(2026, 3, 1, 7, 5, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
LAST = LATER + timedelta(hours=1)
SNOWFLAKE = Origin("acme.example", PLATFORMS["SNOWFLAKE"], "acme-eu", "acme.snowflake.example")
DATABRICKS = Origin("acme.example", PLATFORMS["DATABRICKS"], "dbc-1", "dbc-1.databricks.example")
Row = dict[str, Any]


def default(name: str, column: dy.Column) -> Any:
    if column.nullable:
        return None
    if isinstance(column, dy.Enum):
        return column.categories[0]
    defaults: dict[pl.DataType, Any] = {pl.Int64(): 1, pl.Boolean(): False, pl.String(): name}
    return [] if isinstance(column, dy.List) else defaults.get(column.dtype, RECEIVED)


def frame(schema: type[dy.Schema], *rows: dict[str, Any]) -> pl.LazyFrame:
    columns = schema.columns()
    assert all(row.keys() <= columns.keys() for row in rows)
    filled = [{key: row.get(key, default(key, column)) for key, column in columns.items()} for row in rows]
    data = pl.DataFrame(filled, schema={key: column.dtype for key, column in columns.items()})
    return schema.validate(data).lazy()


def access(query_id: str, full_name: str, **others: Any) -> dict[str, Any]:
    database, schema, name = full_name.split(".")
    return {
        "query_id": query_id, "object_name": full_name, "database": database, "schema": schema, "name": name,
        "object_type": "TABLE", **others,
    }  # fmt: skip


def data_source(full_name: str, origin: Origin = SNOWFLAKE, **others: Any) -> dict[str, Any]:
    database, schema, table = full_name.split(".")
    return {
        "data_source_id": 7, "name": "Orders", "technology": origin.platform.name.capitalize(), "database": database,
        "schema": schema, "table": table, **others,
    }  # fmt: skip


def tag(name: str, **others: Any) -> dict[str, Any]:
    return {"name": name, "source": None, "context": None, "description": None, "added_on": None, **others}
