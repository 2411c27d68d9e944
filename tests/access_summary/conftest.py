"""Small tenants for the tables: rows of a collection with only the keys that matter, the rest filled in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from immuta_assets.frames.contract import find_nonconformities
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.tenant.collections import COLLECTIONS
from immuta_assets.tenant.info import TenantInfo

DUMPED_AT = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)


def _default(name: str, column: dy.Column) -> Any:
    if column.nullable:
        return None
    if isinstance(column, dy.Enum):
        return column.categories[0]
    defaults: dict[pl.DataType, Any] = {pl.Int64(): 1, pl.Boolean(): False, pl.String(): name}
    return [] if isinstance(column, dy.List) else defaults.get(column.dtype, DUMPED_AT)


def _collection(name: str, *rows: dict[str, Any]) -> pl.LazyFrame:
    columns = COLLECTIONS[name].columns()
    filled = [{key: row.get(key, _default(key, column)) for key, column in columns.items()} for row in rows]
    assert all(row.keys() <= columns.keys() for row in rows)
    frame = pl.DataFrame(filled, schema={key: column.dtype for key, column in columns.items()})
    return COLLECTIONS[name].validate(frame).lazy()


def _rows(table: str, frame: pl.LazyFrame, *columns: str) -> list[Any]:
    assert find_nonconformities(LAYOUTS["prpr2"].tables[table], frame) == []
    wanted = frame.collect().select(columns)
    return wanted.rows() if len(columns) > 1 else wanted.to_series().to_list()


@pytest.fixture
def tenant() -> TenantInfo:
    return TenantInfo("acme", "https://acme.example", DUMPED_AT)


@pytest.fixture
def collection() -> Callable[..., pl.LazyFrame]:
    """A collection by name, from rows that give only what matters."""
    return _collection


@pytest.fixture
def rows() -> Callable[..., list[Any]]:
    """The chosen columns of a table that is first held to its layout: tuples, or plain values for one column."""
    return _rows
