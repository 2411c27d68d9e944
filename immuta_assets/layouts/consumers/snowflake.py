"""Snowflake: external tables on a stage, named and quoted as the schema reference guide shows it.

Names of tables are unquoted and so in upper case; names of columns are quoted, in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from immuta_assets.layouts.consumers.location import Location
from immuta_assets.layouts.consumers.platform import (
    ConsumerPlatform,
    ExternalTable,
    define_columns,
    quote_literal,
    render_sql,
)
from immuta_assets.layouts.consumers.statements import Statement

_TYPES = {
    "string": "VARCHAR",
    "bigint": "NUMBER",
    "timestamp": "TIMESTAMP_NTZ",
    "boolean": "BOOLEAN",
    "list<string>": "ARRAY",
    "list<bigint>": "ARRAY",
}
_ADDRESSES = {
    "s3": "s3://{container}/{prefix}",
    "gs": "gcs://{container}/{prefix}",
    "abfss": "azure://{account}.blob.core.windows.net/{container}/{prefix}",
}
_STORAGE = {
    "s3": "STORAGE_PROVIDER = 'S3'\n  STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::<aws-account-id>:role/<reading-role>'",
    "gs": "STORAGE_PROVIDER = 'GCS'",
    "abfss": "STORAGE_PROVIDER = 'AZURE'\n  AZURE_TENANT_ID = '<azure-tenant-id>'",
}
_ABOUT_REFRESH = """AUTO_REFRESH below lives on event notifications of the store: on S3, SHOW EXTERNAL TABLES names
their queue. Without them, run ALTER EXTERNAL TABLE … REFRESH on every table after each export."""


def _set_up(location: Location, root: str) -> Iterator[Statement]:
    url = quote_literal(f"{root}/", "snowflake")
    integration = (
        "CREATE STORAGE INTEGRATION IF NOT EXISTS ACCESS_SUMMARY\n  TYPE = EXTERNAL_STAGE\n  ENABLED = TRUE\n"
        f"  {_STORAGE[location.scheme]}\n  STORAGE_ALLOWED_LOCATIONS = ({url})"
    )
    stage = (
        f"CREATE STAGE IF NOT EXISTS ACCESS_SUMMARY\n  URL = {url}\n  STORAGE_INTEGRATION = ACCESS_SUMMARY\n"
        "  FILE_FORMAT = (FORMAT_NAME = 'ACCESS_SUMMARY')"
    )
    # Without logical types, timestamps would be read as numbers.
    file_format = "CREATE FILE FORMAT IF NOT EXISTS ACCESS_SUMMARY\n  TYPE = PARQUET\n  USE_LOGICAL_TYPE = TRUE"
    about_identity = "Let the identity that this shows list and read the location."
    yield Statement("set-up", "schema", 'CREATE SCHEMA IF NOT EXISTS "<DATABASE>".ACCESS_SUMMARY')
    yield Statement("set-up", "schema", 'USE SCHEMA "<DATABASE>".ACCESS_SUMMARY')
    yield Statement("set-up", "storage integration", integration, "Needs the privilege CREATE INTEGRATION.")
    yield Statement("set-up", "storage integration", "DESC INTEGRATION ACCESS_SUMMARY", about_identity)
    yield Statement("set-up", "file format", file_format)
    yield Statement("set-up", "stage", stage, _ABOUT_REFRESH)


def _make_external_table(external: ExternalTable) -> str:
    columns = define_columns(external, _TYPES, "snowflake", "{name} {type} AS (VALUE:{name}::{type})")
    # Only stores of Amazon need no integration for notifications.
    notified = "" if external.root.startswith("s3:") else "INTEGRATION = '<NOTIFICATION_INTEGRATION>'\n"
    return (
        f"CREATE OR REPLACE EXTERNAL TABLE {render_sql(external.name, 'snowflake')} (\n{columns}\n)\n{notified}"
        f"LOCATION = @ACCESS_SUMMARY/{external.path}\nFILE_FORMAT = (FORMAT_NAME = 'ACCESS_SUMMARY')\n"
        "AUTO_REFRESH = TRUE"
    )


SNOWFLAKE = ConsumerPlatform(
    "snowflake",
    _TYPES,
    _ADDRESSES,
    _set_up,
    _make_external_table,
    external_kind="EXTERNAL TABLE",
    upper_case=True,
    # A view that is replaced would else be taken away from those who may read it.
    view_properties=(exp.CopyGrantsProperty(),),
)
