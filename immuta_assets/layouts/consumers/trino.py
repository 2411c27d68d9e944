"""Trino and Athena, which share types and queries: external tables of the Hive connector and of Glue."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

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
    "string": "VARCHAR",
    "bigint": "BIGINT",
    # Both show milliseconds of what Hive tables hold, unless a catalog of Trino is set otherwise.
    "timestamp": "TIMESTAMP(3)",
    "boolean": "BOOLEAN",
    "list<string>": "ARRAY(VARCHAR)",
    "list<bigint>": "ARRAY(BIGINT)",
}
_ABOUT_CATALOG = """The catalog is one of the Hive connector that may read the location. Where it sets
hive.timestamp-precision to MICROSECONDS, write TIMESTAMP(6) in place of TIMESTAMP(3)."""
_ABOUT_DATABASE = "Choose this database for all that follows. Athena runs one statement at a time."


def _set_up_trino(_: Location, __: str) -> Iterator[Statement]:
    yield Statement("set-up", "schema", f'CREATE SCHEMA IF NOT EXISTS "<catalog>"."{SCHEMA}"', _ABOUT_CATALOG)
    yield Statement("set-up", "schema", f'USE "<catalog>"."{SCHEMA}"')


def _make_trino_table(external: ExternalTable) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {render_sql(external.name, 'trino')} (\n"
        f"{define_columns(external, _TYPES, 'trino')}\n)\n"
        f"WITH (external_location = {quote_literal(external.folder, 'trino')}, format = 'PARQUET')"
    )


def _set_up_athena(_: Location, __: str) -> Iterator[Statement]:
    yield Statement("set-up", "database", f"CREATE DATABASE IF NOT EXISTS `{SCHEMA}`", _ABOUT_DATABASE)


def _make_athena_table(external: ExternalTable) -> str:
    # Athena makes tables in the words of Hive and queries them in those of Trino.
    types = {name: exp.DataType.build(type_, dialect="trino").sql("hive") for name, type_ in _TYPES.items()}
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {render_sql(external.name, 'hive')} (\n"
        f"{define_columns(external, types, 'hive')}\n)\nSTORED AS PARQUET\n"
        f"LOCATION {quote_literal(external.folder, 'hive')}"
    )


TRINO = ConsumerPlatform("trino", _TYPES, ANY_CLOUD, _set_up_trino, _make_trino_table)
ATHENA = ConsumerPlatform("athena", _TYPES, {"s3": ANY_CLOUD["s3"]}, _set_up_athena, _make_athena_table)
