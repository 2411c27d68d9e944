"""Trino and Athena, which share types and queries: external tables of the Hive connector and of Glue."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

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
    "string": "VARCHAR",
    "bigint": "BIGINT",
    # Both show milliseconds of what Hive tables hold, unless a catalog of Trino is told otherwise.
    "timestamp": "TIMESTAMP(3)",
    "boolean": "BOOLEAN",
    "list<string>": "ARRAY(VARCHAR)",
    "list<bigint>": "ARRAY(BIGINT)",
}
_ABOUT_CATALOG = """The catalog is one of the Hive connector that may read the location. Where it sets
hive.timestamp-precision to MICROSECONDS, write TIMESTAMP(6) in place of TIMESTAMP(3)."""
_ABOUT_DATABASE = "Choose this database for all that follows. Athena runs one statement at a time."


def _trino_set_up(_: Location, __: str) -> Iterator[Statement]:
    yield Statement("set-up", "schema", f'CREATE SCHEMA IF NOT EXISTS "<catalog>"."{SCHEMA}"', _ABOUT_CATALOG)
    yield Statement("set-up", "schema", f'USE "<catalog>"."{SCHEMA}"')


def _trino_external_table(external: External) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {written(external.name, 'trino')} (\n"
        f"{definitions(external, _TYPES, 'trino')}\n)\n"
        f"WITH (external_location = {literal(external.folder, 'trino')}, format = 'PARQUET')"
    )


def _athena_set_up(_: Location, __: str) -> Iterator[Statement]:
    yield Statement("set-up", "database", f"CREATE DATABASE IF NOT EXISTS `{SCHEMA}`", _ABOUT_DATABASE)


def _athena_external_table(external: External) -> str:
    # Athena makes tables in the words of Hive and queries them in those of Trino.
    types = {name: exp.DataType.build(type_, dialect="trino").sql("hive") for name, type_ in _TYPES.items()}
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {written(external.name, 'hive')} (\n"
        f"{definitions(external, types, 'hive')}\n)\nSTORED AS PARQUET\nLOCATION {literal(external.folder, 'hive')}"
    )


TRINO = Platform("trino", _TYPES, ANY_CLOUD, _trino_set_up, _trino_external_table)
ATHENA = Platform("athena", _TYPES, {"s3": ANY_CLOUD["s3"]}, _athena_set_up, _athena_external_table)
