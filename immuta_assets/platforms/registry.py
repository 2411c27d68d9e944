"""The platforms and the kinds of connection there are: the only place that lists them.

Add a line to ``PLATFORMS`` for a platform, and one to ``KINDS`` for a way to read its history. What they can do belongs
to their packages; the functions here only find the kind of a connection.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.embedded.kind import EMBEDDED
from immuta_assets.platforms.hour import Counted
from immuta_assets.platforms.kind import ConnectionKind, ReadHour
from immuta_assets.platforms.origin import Origin
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.snowflake.kind import SNOWFLAKE_ACCOUNT
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.platforms.unity_catalog.kind import UNITY_CATALOG
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS

PLATFORMS: dict[str, Platform] = {platform.name: platform for platform in (SNOWFLAKE, DATABRICKS)}
"""The platforms by name."""

KINDS: dict[str, ConnectionKind[Any]] = {
    "snowflake": SNOWFLAKE_ACCOUNT,
    "unity_catalog": UNITY_CATALOG,
    "embedded": EMBEDDED,
}
"""The kinds of connection, as ``kind`` names them in the file of connections."""


def open_reader(connection: Connection) -> AbstractContextManager[ReadHour]:
    """Give the function that reads hours of a connection, within a ``with``."""
    return KINDS[connection.kind].open_reader(connection)


def count_hours(connection: Connection, since: datetime, until: datetime, moment: datetime) -> dict[datetime, Counted]:
    """Count what a connection had at ``moment`` of the hours from ``since`` until ``until``, by the hour's start (UTC).

    All have a zone, ``since`` and ``until`` are whole hours; hours with nothing are absent. Raises ``HistoryError``
    when anything is refused.
    """
    return KINDS[connection.kind].count_hours(connection, since, until, moment)


def make_origin(connection: Connection, tenant_id: str) -> Origin:
    """Say where the events of a connection come from."""
    return KINDS[connection.kind].make_origin(connection, tenant_id)
