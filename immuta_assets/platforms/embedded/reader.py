"""History kept in a DuckDB file: the two frames of ``history`` as tables, with the moment each row arrived.

For demonstrations and tests: history without a platform. The file has the tables ``statements`` and ``accesses`` with
the columns of the schemas, besides ``platform`` and ``arrived_at``; a row that has not arrived yet is not seen, as late
rows of a real platform are not. What a real platform's rows look like belongs to the readers of the platforms.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dataframely as dy
import duckdb
import polars as pl
import pyarrow as pa

from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.hour import SETTLE, Counted, Hour, ReadFacts, get_bounds
from immuta_assets.platforms.platform import Platform

_TABLES: dict[str, type[dy.Schema]] = {"statements": Statements, "accesses": Accesses}


def write_history(path: Path, statements: pl.DataFrame, accesses: pl.DataFrame) -> None:
    """Write a file anew: the columns of the schemas, ``platform``, and ``arrived_at`` (UTC) in both frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(path) as connection:
        for frame, (table, schema) in zip((statements, accesses), _TABLES.items(), strict=True):
            rows = frame.select("platform", "arrived_at", *_select_plain(schema))  # noqa: F841 - DuckDB finds it by its name
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM rows")  # noqa: S608 - one of two constants


def _select_plain(schema: type[dy.Schema]) -> list[pl.Expr]:
    """The columns of a schema as DuckDB keeps them: enumerations as text."""
    return [
        pl.col(name).cast(pl.String) if isinstance(column, dy.Enum) else pl.col(name)
        for name, column in schema.columns().items()
    ]


def count_hours(
    connection: duckdb.DuckDBPyConnection, platform: Platform, since: datetime, until: datetime, now: datetime
) -> dict[datetime, Counted]:
    """Count what had arrived of each hour in ``[since, until)`` at ``now``, by the hour's start (UTC).

    All moments have a zone, ``since`` and ``until`` are whole hours; hours with nothing are absent.
    """
    window = _make_window(platform, get_bounds(since)[0], get_bounds(until)[0], now)
    rows = connection.sql(_ENDED + _COUNT, params=window).fetchall()
    return {
        hour.replace(tzinfo=UTC): Counted(statements, statement_ids, accesses, latest_end.astimezone(UTC))
        for hour, statements, statement_ids, accesses, latest_end in rows
    }


def read_hour(connection: duckdb.DuckDBPyConnection, platform: Platform, hour: datetime, now: datetime) -> Hour:
    """Read the statements that ended in the hour (by its start) and had arrived at ``now``, and their objects.

    Both moments have a time zone. A statement that comes several times, as platforms give some, counts once: by the row
    that arrived last, which may have moved it to another hour.
    """
    start, end = get_bounds(hour)
    counted = count_hours(connection, platform, start, end, now).get(hour, Counted())
    window = _make_window(platform, start, end, now)
    rows = _conform(connection.sql(_ENDED + _STATEMENTS, params=window).to_arrow_table(), Statements)
    accesses = _conform(connection.sql(_ENDED + _ACCESSES, params=window).to_arrow_table(), Accesses)
    awaited = (pl.col("access_state") == "KNOWN") & ~pl.col("query_id").is_in(accesses["query_id"].implode())
    unarrived = "NONE" if now >= end + SETTLE else "PENDING"
    state = pl.when(awaited).then(pl.lit(unarrived)).otherwise(pl.col("access_state").cast(pl.String))
    statements = Statements.cast(rows.with_columns(access_state=state))
    return Hour(statements.lazy(), accesses.lazy(), _gather_facts(counted, statements, accesses))


def _make_window(platform: Platform, since: datetime, until: datetime, now: datetime) -> dict[str, str | datetime]:
    return {"platform": platform.name, "since": since, "until": until, "now": now}


def _gather_facts(counted: Counted, statements: pl.DataFrame, accesses: pl.DataFrame) -> ReadFacts:
    return ReadFacts(
        counted=counted,
        statements=statements.height,
        accesses=accesses.height,
        source_duplicates=counted.statements - counted.statement_ids,
        redacted=statements.filter(text_state="REDACTED").height,
        pending=statements.filter(access_state="PENDING").height,
        latest_end={"statements": counted.latest_end},
    )


_ENDED = """
WITH candidates AS (
    SELECT DISTINCT query_id FROM statements
    WHERE platform = $platform AND arrived_at <= $now AND ended_at >= $since AND ended_at < $until
),
newest AS MATERIALIZED (
    SELECT *, date_trunc('hour', ended_at AT TIME ZONE 'UTC') AS hour,
           count(*) OVER (PARTITION BY query_id, date_trunc('hour', ended_at AT TIME ZONE 'UTC')) AS copies
    FROM statements
    WHERE platform = $platform AND arrived_at <= $now AND query_id IN (FROM candidates)
    QUALIFY row_number() OVER (PARTITION BY query_id ORDER BY arrived_at DESC, ended_at DESC) = 1
),
ended AS MATERIALIZED (SELECT * FROM newest WHERE ended_at >= $since AND ended_at < $until),
arrived AS (
    SELECT accesses.* FROM accesses JOIN ended USING (platform, query_id) WHERE accesses.arrived_at <= $now
)
"""
_COUNT = """
SELECT hour, sum(copies)::BIGINT, count(*), coalesce(sum(objects), 0)::BIGINT, max(ended_at)
FROM ended LEFT JOIN (SELECT query_id, count(*) AS objects FROM arrived GROUP BY query_id) USING (query_id)
GROUP BY hour
"""
_STATEMENTS = "SELECT * FROM ended ORDER BY query_id"
_ACCESSES = "SELECT * FROM arrived ORDER BY query_id, object_name"


def _conform(rows: pa.Table, schema: type[dy.Schema]) -> pl.DataFrame:
    frame = pl.DataFrame(rows)
    return schema.cast(
        frame.select(schema.column_names()).with_columns(pl.col(pl.Datetime).dt.convert_time_zone("UTC"))
    )
