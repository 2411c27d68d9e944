"""The kind of connection ``snowflake``: an account whose views are read over the network."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

from immuta_assets.platforms.kind import ConnectionKind, ReadHour
from immuta_assets.platforms.origin import Origin
from immuta_assets.platforms.snowflake import reader
from immuta_assets.platforms.snowflake.connection import SnowflakeConnection
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE


def _open_reader(connection: SnowflakeConnection) -> AbstractContextManager[ReadHour]:
    return nullcontext(partial(reader.read_hour, connection))


def _make_origin(connection: SnowflakeConnection, tenant_id: str) -> Origin:
    account = connection.account
    return Origin(tenant_id, SNOWFLAKE, account, f"{account}.snowflakecomputing.com")


SNOWFLAKE_ACCOUNT = ConnectionKind(SnowflakeConnection, _open_reader, reader.count_hours, _make_origin)
