"""Databricks with Unity Catalog: external Parquet tables in an external location."""

from __future__ import annotations

from collections.abc import Iterator

from immuta_assets.layouts.consumers.location import Location
from immuta_assets.layouts.consumers.platform import (
    ANY_CLOUD,
    SCHEMA,
    External,
    Platform,
    definitions,
    literal,
    written,
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
        f"CREATE EXTERNAL LOCATION IF NOT EXISTS `{SCHEMA}`\n  URL {literal(root, 'databricks')}\n"
        "  WITH (STORAGE CREDENTIAL `<storage-credential>`)"
    )
    yield Statement("set-up", "external location", location, _ABOUT_CREDENTIAL)
    yield Statement("set-up", "schema", f"CREATE SCHEMA IF NOT EXISTS `<catalog>`.`{SCHEMA}`")
    yield Statement("set-up", "schema", f"USE `<catalog>`.`{SCHEMA}`", _ABOUT_REFRESH)


def _external_table(external: External) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {written(external.name, 'databricks')} (\n"
        f"{definitions(external, _TYPES, 'databricks')}\n)\nUSING PARQUET\n"
        f"LOCATION {literal(external.folder, 'databricks')}"
    )


DATABRICKS = Platform("databricks", _TYPES, ANY_CLOUD, _set_up, _external_table)
