"""Query history of a Snowflake account: the views of ``ACCOUNT_USAGE``, read for one hour through Snowflake's driver.

Here stand the session, the time windows, and what an error of the driver means for an operator. Change it when the way
of reading changes. The statements sent belong to ``views``, what their rows mean to ``rows``, and the grants to
``deploy/snowflake/grants.sql``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.hour import SETTLE, Counted, HistoryError, Hour, ReadFacts, get_bounds
from immuta_assets.platforms.parts import divide_rows
from immuta_assets.platforms.snowflake import rows
from immuta_assets.platforms.snowflake import views as account_usage
from immuta_assets.platforms.snowflake.connection import SnowflakeConnection
from immuta_assets.platforms.snowflake.views import View

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection as Session
    from snowflake.connector.cursor import SnowflakeCursor

logger = logging.getLogger(__name__)

QUERY_TAG = "immuta-assets"
"""Tag of the statements sent here; those that our own user ran are not part of the history."""

LONGEST_STATEMENT = timedelta(days=8)
"""Longer than Snowflake lets any statement run (7 days): the bound only lets it skip what is older."""

LONGEST_SESSION = timedelta(days=30)
_EDITION_PROBE = timedelta(days=7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATEMENTS_AT_ONCE = 100_000
_MISSING_GRANT = {2003, 3001}
_NO_WAREHOUSE = 606
_TIMEOUT = 630
_SESSION_PARAMETERS = {
    "TIMEZONE": "UTC",
    "QUERY_TAG": QUERY_TAG,
    "STATEMENT_TIMEOUT_IN_SECONDS": 900,
    "CLIENT_TELEMETRY_ENABLED": False,
}
_TIMEOUTS_SECONDS = {"login_timeout": 60, "network_timeout": 600, "socket_timeout": 300}
_STANDARD_EDITION = (
    "ACCESS_HISTORY holds nothing of the last 7 days, so no statement has objects: Snowflake fills it from the"
    " Enterprise Edition on."
)


def read_hour(connection: SnowflakeConnection, hour: datetime, spool: Path, moment: datetime) -> Hour:
    """Read the statements that ended in ``[hour, hour + 1 h)`` and what they accessed, by way of files in ``spool``.

    ``hour`` and ``moment``, that of the run, are aware; objects that have not come ``SETTLE`` after the hour are
    taken to never come. Raises ``HistoryError`` when a grant is missing or anything is not read to its end.
    """
    start, end = get_bounds(hour)
    spool.mkdir(parents=True, exist_ok=True)
    with _open_session(connection) as session:
        counted = _count_hours(connection, session, start, end).get(start, Counted())
        reading = _Reading(connection, session, spool, counted)
        views, edition_warnings = _read_views(reading, start, end)
    settled = bool(edition_warnings) or moment >= end + SETTLE
    return _parse_views(reading, views, settled=settled, warnings=edition_warnings)


def count_hours(
    connection: SnowflakeConnection,
    since: datetime,
    until: datetime,
    moment: datetime,  # noqa: ARG001 - what came later is counted, too: the account keeps no record of arrivals
) -> dict[datetime, Counted]:
    """Count the rows of every hour of ``[since, until)``, two whole hours with a zone, in one statement.

    Keys are the starts of hours in UTC; hours without statements are absent. An hour that ``read_hour`` would read as
    before counts as before, whichever objects the connection follows. Raises ``HistoryError`` when a grant is missing.
    """
    (start, _), (end, _) = get_bounds(since), get_bounds(until)
    with _open_session(connection) as session:
        return _count_hours(connection, session, start, end)


def _count_hours(
    connection: SnowflakeConnection, session: Session, since: datetime, until: datetime
) -> dict[datetime, Counted]:
    started = (since - LONGEST_STATEMENT, until)
    window = (since, *started, QUERY_TAG, until, *started)
    views = (account_usage.QUERY_HISTORY, account_usage.DIRECT_ACCESSES)
    with _explain_errors(connection, *views), session.cursor() as cursor:
        cursor.execute(account_usage.COUNTED_HOURS, [_bind_value(value) for value in window])
        return dict(map(_parse_count, cursor.fetchall()))


def _parse_count(row: Sequence[str]) -> tuple[datetime, Counted]:
    hour, statements, statement_ids, accesses, latest_end = map(int, row)
    return _parse_time(hour), Counted(statements, statement_ids, accesses, _parse_time(latest_end))


def _parse_time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _read_views(reading: _Reading, start: datetime, end: datetime) -> tuple[rows.Views, tuple[str, ...]]:
    window = (start, start - LONGEST_STATEMENT, end, QUERY_TAG, end)
    query_history = reading.drain(account_usage.QUERY_HISTORY, [window])
    access_history = reading.drain(reading.accesses, _find_starts(query_history) or [(start, end)])
    sessions = reading.drain(account_usage.SESSIONS, [(start - LONGEST_SESSION, end)])
    logins = reading.drain(account_usage.LOGIN_HISTORY, [(start - LONGEST_SESSION, end)])
    users = reading.drain(account_usage.USERS, [()])
    unrecorded = _is_empty(access_history) and not _is_empty(query_history) and not reading.records_accesses(end)
    views = rows.Views(query_history, access_history, sessions, logins, users)
    return views, (_STANDARD_EDITION,) if unrecorded else ()


def _find_starts(query_history: pl.LazyFrame) -> list[tuple[datetime, ...]]:
    """Return the intervals of whole hours that statements started in: one long statement must not widen all."""
    start = pl.col("start_time").cast(pl.Int64).cast(pl.Datetime("us", "UTC")).dt.truncate("1h")
    hours = query_history.select(hour=start).unique().sort("hour")
    intervals = hours.group_by((pl.col("hour").diff() > HOUR).fill_null(value=False).cum_sum(), maintain_order=True)
    return intervals.agg(first=pl.first("hour"), last=pl.last("hour") + HOUR).select("first", "last").collect().rows()


def _is_empty(frame: pl.LazyFrame) -> bool:
    return frame.head(1).collect().is_empty()


class _Reading:
    """A session that drains views into files, each wholly or not at all."""

    def __init__(self, connection: SnowflakeConnection, session: Session, spool: Path, counted: Counted) -> None:
        self.connection = connection
        self.session = session
        self.spool = spool
        self.counted = counted
        self.missing: list[str] = []
        direct = connection.objects == "direct"
        self.accesses = account_usage.DIRECT_ACCESSES if direct else account_usage.BASE_ACCESSES

    def drain(self, view: View, windows: Iterable[tuple[datetime | str, ...]]) -> pl.LazyFrame:
        """Read a view once for each window and return the rows of all."""
        with _explain_errors(self.connection, view), self.session.cursor() as cursor:
            statement = self._adapt_statement(cursor, view)
            files = [
                self._drain_window(cursor, view, statement, number, window) for number, window in enumerate(windows)
            ]
        return pl.scan_parquet(files, glob=False)

    def _adapt_statement(self, cursor: SnowflakeCursor, view: View) -> str:
        """Return the view's statement for the columns it has in this account; nothing is read to learn them."""
        described = cursor.describe(view.all_columns) or []
        missing = view.list_missing([column.name for column in described])
        self.missing += [f"{view.name}.{column}" for column in missing]
        return view.replace_missing(missing)

    def _drain_window(
        self, cursor: SnowflakeCursor, view: View, statement: str, number: int, window: tuple[datetime | str, ...]
    ) -> Path:
        cursor.execute(statement, [_bind_value(value) for value in window])
        path = self.spool / f"{view.name.lower()}-{number}.parquet"
        rows = _save_result(cursor, path)
        if rows != cursor.rowcount:
            msg = f"{view.name} gave {rows:,} of {cursor.rowcount:,} rows; run the hour again."
            raise HistoryError(_compose_message(self.connection, msg))
        logger.info("%s: %s rows of %s", self.connection.name, f"{rows:,}", view.name)
        return path

    def records_accesses(self, end: datetime) -> bool:
        """Whether the account recorded any access in the days before; the Standard Edition records none."""
        view = self.accesses
        with _explain_errors(self.connection, view), self.session.cursor() as cursor:
            cursor.execute(account_usage.ACCESS_RECORDED, [_bind_value(end - _EDITION_PROBE), _bind_value(end)])
            row = cursor.fetchone()
        return row is not None and row[0] != "0"


def _save_result(cursor: SnowflakeCursor, path: Path) -> int:
    """Write a result to a file part by part, so that memory holds one part; return the number of rows."""
    schema = pa.schema([(column.name.lower(), pa.string()) for column in cursor.description])
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in cursor.get_result_batches() or []:
            table = batch.to_arrow()
            if table.num_rows:
                writer.write_table(table.rename_columns(schema.names).cast(schema))
                rows += table.num_rows
    return rows


def _bind_value(value: datetime | str) -> tuple[str, datetime] | str:
    return ("TIMESTAMP_LTZ", value) if isinstance(value, datetime) else value


def _parse_views(reading: _Reading, views: rows.Views, *, settled: bool, warnings: tuple[str, ...]) -> Hour:
    """Write both frames into the spool folder, a range of statements at a time, and count what an operator asks for."""
    query_ids = views.query_history.select("query_id").unique().sort("query_id")
    try:
        files = [
            _save_frames(rows.select_statements(views, condition), reading.spool, number, settled=settled)
            for number, condition in enumerate(divide_rows(query_ids, _STATEMENTS_AT_ONCE))
        ]
    except (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError) as error:
        msg = "a number or a list of objects has a form that Snowflake does not document; see the error's cause."
        raise HistoryError(_compose_message(reading.connection, msg)) from error
    statements, accesses = (pl.scan_parquet(list(paths), glob=False) for paths in zip(*files, strict=True))
    return Hour(statements, accesses, _gather_facts(reading, views, statements, accesses, warnings))


def _save_frames(views: rows.Views, spool: Path, number: int, *, settled: bool) -> tuple[Path, Path]:
    statements, accesses = spool / f"statements-{number}.parquet", spool / f"accesses-{number}.parquet"
    rows.make_accesses(views).sink_parquet(accesses)
    rows.make_statements(views, pl.scan_parquet(accesses, glob=False), settled=settled).sink_parquet(statements)
    return statements, accesses


def _gather_facts(
    reading: _Reading,
    views: rows.Views,
    statements: pl.LazyFrame,
    accesses: pl.LazyFrame,
    warnings: tuple[str, ...],
) -> ReadFacts:
    redacted, pending = pl.col("text_state") == "REDACTED", pl.col("access_state") == "PENDING"
    counts = statements.select(pl.len(), redacted=redacted.sum(), pending=pending.sum()).collect().row(0, named=True)
    return ReadFacts(
        counted=reading.counted,
        statements=counts["len"],
        accesses=_count_rows(accesses),
        source_duplicates=_count_rows(views.query_history) - counts["len"],
        redacted=counts["redacted"],
        pending=counts["pending"],
        latest_end={
            "QUERY_HISTORY": _find_latest(views.query_history, "end_time"),
            "ACCESS_HISTORY": _find_latest(views.access_history, "query_start_time"),
        },
        missing_columns=tuple(reading.missing),
        warnings=warnings,
    )


def _count_rows(frame: pl.LazyFrame) -> int:
    count: int = frame.select(pl.len()).collect().item()
    return count


def _find_latest(frame: pl.LazyFrame, column: str) -> datetime | None:
    time = pl.col(column).cast(pl.Int64).max().cast(pl.Datetime("us", "UTC"))
    latest: datetime | None = frame.select(time).collect().item()
    return latest


@contextmanager
def _open_session(connection: SnowflakeConnection) -> Iterator[Session]:
    import snowflake.connector

    options = _TIMEOUTS_SECONDS | connection.driver_options()
    try:
        session = snowflake.connector.connect(
            **options,
            **_choose_credentials(connection),
            account=connection.account,
            user=connection.user,
            role=connection.role,
            warehouse=connection.warehouse,
            paramstyle="qmark",
            # The driver writes the server's answers into what it is given.
            session_parameters=dict(_SESSION_PARAMETERS),
        )
    except snowflake.connector.Error as error:
        msg = f"Snowflake refused the login (error {error.errno}); check account, user, credentials, role and network."
        raise HistoryError(_compose_message(connection, msg)) from error
    with closing(session):
        yield session


def _choose_credentials(connection: SnowflakeConnection) -> dict[str, object]:
    if connection.private_key:
        return {"authenticator": "SNOWFLAKE_JWT", "private_key": _load_private_key(connection)}
    if connection.token:
        return {"authenticator": "oauth", "token": connection.token.get_secret_value()}
    return {"password": connection.password.get_secret_value() if connection.password else None}


def _load_private_key(connection: SnowflakeConnection) -> bytes:
    """Return the key of a connection, PEM in the environment, as the driver takes it."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # comes with the driver

    pem = connection.private_key.get_secret_value() if connection.private_key else ""
    passphrase = connection.private_key_passphrase
    try:
        key = serialization.load_pem_private_key(
            pem.encode(), passphrase.get_secret_value().encode() if passphrase else None
        )
    except (TypeError, ValueError):
        msg = "private_key is no key in PEM that opens with private_key_passphrase."
        raise HistoryError(_compose_message(connection, msg)) from None
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@contextmanager
def _explain_errors(connection: SnowflakeConnection, *views: View) -> Iterator[None]:
    """Turn errors while views are read together into one sentence about one of them that says what to do."""
    import snowflake.connector

    try:
        yield
    except snowflake.connector.Error as error:
        view = next((view for view in views if view.name in str(error.msg).upper()), views[0])
        raise HistoryError(_compose_message(connection, _find_remedy(connection, view, error.errno or 0))) from error
    except OSError as error:
        kind = type(error).__name__
        msg = f"{views[0].path} cannot be kept in the spool folder ({kind}); check its disk and its owner."
        raise HistoryError(_compose_message(connection, msg)) from error


def _find_remedy(connection: SnowflakeConnection, view: View, code: int) -> str:
    role, warehouse = connection.role, connection.warehouse
    if code in _MISSING_GRANT:
        grant = f"GRANT DATABASE ROLE SNOWFLAKE.{view.database_role} TO ROLE {role};"
        return f"role {role} cannot read {view.path} (error {code}); as ACCOUNTADMIN run: {grant}"
    if code == _NO_WAREHOUSE:
        grant = f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {role};"
        return f"role {role} cannot use warehouse {warehouse} (error {code}); run: {grant}"
    if code == _TIMEOUT:
        return f"reading {view.path} took too long (error {code}); use a larger warehouse than {warehouse}."
    return f"{view.path} cannot be read (error {code}); look the number up in Snowflake's documentation and try again."


def _compose_message(connection: SnowflakeConnection, sentence: str) -> str:
    return f"Snowflake connection {connection.name}: {sentence}"
