"""Databricks with Unity Catalog: external Parquet tables in an external location."""

from __future__ import annotations

from collections.abc import Iterator

from immuta_assets.layouts.consumers.location import Location
from immuta_assets.layouts.consumers.platform import (
    ANY_CLOUD,
    SCHEMA,
    ConsumerPlatform,
    ExternalTable,
    define_columns,
    quote_literal,
    render_sql,
)
from immuta_assets.layouts.consumers.statements import Statement

_TYPES = {
    "string": "STRING",
    "bigint": "BIGINT",
    "timestamp": "TIMESTAMP_NTZ",
    "boolean": "BOOLEAN",
    "list<string>": "ARRAY<STRING>",
    "list<bigint>": "ARRAY<BIGINT>",
}
_ABOUT_CREDENTIAL = (
    "Make the storage credential first (Catalog Explorer), for an identity that may list and read there."
)
_ABOUT_REFRESH = "A cluster that stays up remembers the files of a table; REFRESH TABLE makes it look again."


def _set_up(_: Location, root: str) -> Iterator[Statement]:
    location = (
        f"CREATE EXTERNAL LOCATION IF NOT EXISTS `{SCHEMA}`\n  URL {quote_literal(root, 'databricks')}\n"
        "  WITH (STORAGE CREDENTIAL `<storage-credential>`)"
    )
    yield Statement("set-up", "external location", location, _ABOUT_CREDENTIAL)
    yield Statement("set-up", "schema", f"CREATE SCHEMA IF NOT EXISTS `<catalog>`.`{SCHEMA}`")
    yield Statement("set-up", "schema", f"USE `<catalog>`.`{SCHEMA}`", _ABOUT_REFRESH)


def _make_external_table(external: ExternalTable) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {render_sql(external.name, 'databricks')} (\n"
        f"{define_columns(external, _TYPES, 'databricks')}\n)\nUSING PARQUET\n"
        f"LOCATION {quote_literal(external.folder, 'databricks')}"
    )


DATABRICKS = ConsumerPlatform("databricks", _TYPES, ANY_CLOUD, _set_up, _make_external_table)
