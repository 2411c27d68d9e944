"""The kind of connection ``embedded``: history in a DuckDB file beside the file of connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from immuta_assets.platforms.embedded import reader
from immuta_assets.platforms.embedded.connection import EmbeddedConnection
from immuta_assets.platforms.hour import Counted, HistoryError, Hour
from immuta_assets.platforms.kind import ConnectionKind, ReadHour
from immuta_assets.platforms.origin import Origin


@contextmanager
def _open_reader(connection: EmbeddedConnection) -> Iterator[ReadHour]:
    with _open_file(connection) as file:

        def read_hour(hour: datetime, spool: Path, moment: datetime) -> Hour:  # noqa: ARG001 - memory holds the hour
            return reader.read_hour(file, connection.platform, hour, moment)

        yield read_hour


def _count_hours(
    connection: EmbeddedConnection, since: datetime, until: datetime, moment: datetime
) -> dict[datetime, Counted]:
    with _open_file(connection) as file:
        return reader.count_hours(file, connection.platform, since, until, moment)


@contextmanager
def _open_file(connection: EmbeddedConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    if not connection.path.is_file():
        msg = f"Connection {connection.name}: {connection.path} is missing; correct its path in the connections file."
        raise HistoryError(msg)
    try:
        file = duckdb.connect(connection.path, read_only=True)
    except duckdb.Error as error:
        msg = f"Connection {connection.name}: {connection.path} cannot be opened ({type(error).__name__}); it must be a"
        msg += " DuckDB file that no other process is writing to."
        raise HistoryError(msg) from error
    with closing(file):
        yield file


def _make_origin(connection: EmbeddedConnection, tenant_id: str) -> Origin:
    return Origin(tenant_id, connection.platform, connection.account, connection.host)


EMBEDDED = ConnectionKind(EmbeddedConnection, _open_reader, _count_hours, _make_origin)
