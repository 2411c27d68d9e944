"""DuckDB: views over the files in place of external tables, of which it has none."""

from __future__ import annotations

import re
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
    "string": "VARCHAR",
    "bigint": "BIGINT",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "list<string>": "VARCHAR[]",
    "list<bigint>": "BIGINT[]",
}
_ADDRESSES = {
    **ANY_CLOUD,
    "abfss": "abfss://{account}.dfs.core.windows.net/{container}/{prefix}",
    "file": "{prefix}",
}
_STORAGE = {
    "s3": ("httpfs", "TYPE s3, PROVIDER credential_chain, REGION '<region>'"),
    "gs": ("httpfs", "TYPE gcs, KEY_ID '<hmac-key-id>', SECRET '<hmac-secret>'"),
    "abfss": ("azure", "TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME {account}"),
}


def _set_up(location: Location, _: str) -> Iterator[Statement]:
    if location.scheme in _STORAGE:
        extension, form = _STORAGE[location.scheme]
        secret = form.format(account=quote_literal(location.account, "duckdb"))
        yield Statement("set-up", "extension", f"INSTALL {extension}")
        yield Statement("set-up", "extension", f"LOAD {extension}")
        yield Statement("set-up", "secret", f"CREATE OR REPLACE SECRET {SCHEMA} ({secret})")
    yield Statement("set-up", "schema", f'CREATE SCHEMA IF NOT EXISTS "{SCHEMA}"')
    yield Statement("set-up", "schema", f'USE "{SCHEMA}"')


def _external_table(external: ExternalTable) -> str:
    columns = define_columns(external, _TYPES, "duckdb", "{name}")
    file = quote_literal(escape_pattern(external.folder + external.file), "duckdb")
    return (
        f"CREATE OR REPLACE VIEW {render_sql(external.name, 'duckdb')} AS\nSELECT\n{columns}\n"
        f"FROM READ_PARQUET({file}, hive_partitioning = FALSE)"
    )


def escape_pattern(path: str) -> str:
    """Return the pattern that matches this path alone: DuckDB takes every path for a pattern.

    It knows no pattern for a path that holds both a backslash and one of ``[*?``: it finds no file there.
    """
    return re.sub(r"([\[*?])", r"[\1]", path)


DUCKDB = ConsumerPlatform("duckdb", _TYPES, _ADDRESSES, _set_up, _external_table, external_kind="VIEW")
