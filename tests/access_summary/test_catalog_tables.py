"""datasource-metadata, column-metadata and tag-metadata, value by value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from immuta_assets.access_summary.catalog import build_column_metadata, build_datasource_metadata, build_tag_metadata
from immuta_assets.tenant.info import TenantInfo

Collection = Callable[..., pl.LazyFrame]
Rows = Callable[..., list[Any]]
CREATED_AT = datetime(2025, 1, 1, tzinfo=UTC)
ADDED_ON = datetime(2025, 6, 1, tzinfo=UTC)
DUMPED_AT = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)


def naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def tag(name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "source": None, "context": None, "description": None, "added_on": None} | values


def test_a_data_source_shows_what_is_known_of_it(tenant: TenantInfo, collection: Collection, rows: Rows) -> None:
    data_sources = collection(
        "data_sources",
        {
            "data_source_id": 2,
            "name": "Orders",
            "description": "All orders",
            "technology": "Snowflake",
            "connection_string": "acme.snowflakecomputing.com:443",
            "type": "VIEW",
            "health": "healthy",
            "created_at": CREATED_AT,
        },
        {"data_source_id": 1, "deleted": True},
    )
    columns = ("data_source_id", "data_source_name", "data_source_description", "is_enabled", "technology")
    table = build_datasource_metadata(tenant, data_sources)
    assert rows("datasource-metadata", table, *columns) == [
        (1, "name", None, False, "technology"),
        (2, "Orders", "All orders", True, "Snowflake"),
    ]
    rest = ("connection", "data_source_type", "data_source_created_at", "data_source_health")
    assert rows("datasource-metadata", table, *rest) == [
        (None, "TABLE", naive(DUMPED_AT), "unknown"),
        ("acme.snowflakecomputing.com:443", "VIEW", naive(CREATED_AT), "healthy"),
    ]


def test_a_column_shows_the_type_of_the_platform_where_known(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    columns = collection(
        "columns",
        {"data_source_id": 2, "name": "b", "column_id": "id-b", "data_type": "text", "remote_type": "VARCHAR(10)"},
        {"data_source_id": 404, "name": "c", "column_id": "id-c", "data_type": "integer"},
        {"data_source_id": 2, "name": "a", "column_id": "id-a", "data_type": "date", "description": "Day"},
    )
    table = build_column_metadata(tenant, columns)
    shown = ("data_source_id", "column_name", "column_id", "column_description", "column_data_type")
    assert rows("column-metadata", table, *shown) == [
        (2, "a", "id-a", "Day", "date"),
        (2, "b", "id-b", None, "VARCHAR(10)"),
        (404, "c", "id-c", None, "integer"),
    ]


def test_tags_name_the_data_source_or_the_column_they_are_on(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    data_sources = collection("data_sources", {"data_source_id": 7, "tags": [tag("PII"), tag("Finance")]})
    columns = collection("columns", {"data_source_id": 404, "column_id": "id-a", "tags": [tag("PII.SSN")]})
    table = build_tag_metadata(tenant, data_sources, columns, collection("tags"))
    assert rows("tag-metadata", table, "tag_name", "target_id", "target_type") == [
        ("PII.SSN", "id-a", "COLUMN"),
        ("Finance", "7", "DATA_SOURCE"),
        ("PII", "7", "DATA_SOURCE"),
    ]


def test_a_tag_is_described_where_it_is_applied_else_where_it_is_defined(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    applied = [tag("A", description="here"), tag("B"), tag("C")]
    tags = collection("tags", {"name": "A", "description": "A there"}, {"name": "B", "description": "B there"})
    table = build_tag_metadata(tenant, collection("data_sources", {"tags": applied}), collection("columns"), tags)
    assert rows("tag-metadata", table, "tag_name", "tag_description") == [("A", "here"), ("B", "B there"), ("C", None)]


def test_a_tag_says_where_it_comes_from_or_is_taken_for_curated_by_hand(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    data_sources = collection("data_sources", {"tags": [tag("A", source="collibra", context="catalog"), tag("B")]})
    table = build_tag_metadata(tenant, data_sources, collection("columns"), collection("tags"))
    assert rows("tag-metadata", table, "source", "context") == [("collibra", "catalog"), ("curated", "manual")]


def test_a_tag_without_a_date_is_as_old_as_its_data_source_and_on_a_column_as_the_dump(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    tags = [tag("dated", added_on=ADDED_ON), tag("undated")]
    data_sources = collection("data_sources", {"created_at": CREATED_AT, "tags": tags})
    table = build_tag_metadata(tenant, data_sources, collection("columns", {"tags": tags}), collection("tags"))
    assert rows("tag-metadata", table, "target_type", "tag_name", "as_of") == [
        ("COLUMN", "dated", naive(ADDED_ON)),
        ("COLUMN", "undated", naive(DUMPED_AT)),
        ("DATA_SOURCE", "dated", naive(ADDED_ON)),
        ("DATA_SOURCE", "undated", naive(CREATED_AT)),
    ]
