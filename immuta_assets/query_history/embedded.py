"""History kept in a DuckDB file: the two frames of ``history`` as tables, with the moment each row arrived.

For demonstrations and tests: history without a platform. The file has the tables ``statements`` and ``accesses`` with
the columns of the schemas, besides ``platform`` and ``arrived_at``; a row that has not arrived yet is not seen, as late
rows of a real platform are not. What a real platform's rows look like belongs to the readers of the platforms.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import dataframely as dy
import duckdb
import polars as pl
import pyarrow as pa

from immuta_assets.query_history.history import Accesses, Platform, Statements
from immuta_assets.query_history.hour import Hour, ReadFacts, bounds

_TABLES: dict[str, type[dy.Schema]] = {"statements": Statements, "accesses": Accesses}


def write(path: Path, statements: pl.DataFrame, accesses: pl.DataFrame) -> None:
    """Write a file anew: the columns of the schemas, ``platform``, and ``arrived_at`` (UTC) in both frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(path) as connection:
        for frame, (table, schema) in zip((statements, accesses), _TABLES.items(), strict=True):
            rows = frame.select("platform", "arrived_at", *_plain(schema))  # noqa: F841 - DuckDB finds it by its name
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM rows")  # noqa: S608 - one of two constants


def _plain(schema: type[dy.Schema]) -> list[pl.Expr]:
    """The columns of a schema as DuckDB keeps them: enumerations as text."""
    return [
        pl.col(name).cast(pl.String) if isinstance(column, dy.Enum) else pl.col(name)
        for name, column in schema.columns().items()
    ]


def read_hour(connection: duckdb.DuckDBPyConnection, platform: Platform, hour: datetime, now: datetime) -> Hour:
    """Read the statements that ended in the hour (by its start) and had arrived at ``now``, and their objects.

    Both moments have a time zone. A statement that comes twice, as platforms give some, counts once.
    """
    start, end = bounds(hour)
    window = {"platform": platform.value, "now": now, "start": start, "end": end}
    accesses = _conforming(connection.sql(_ACCESSES, params=window).to_arrow_table(), Accesses)
    rows = _conforming(connection.sql(_STATEMENTS, params=window).to_arrow_table(), Statements)
    awaited = (pl.col("access_state") == "KNOWN") & ~pl.col("query_id").is_in(accesses["query_id"].implode())
    state = pl.when(awaited).then(pl.lit("PENDING")).otherwise(pl.col("access_state").cast(pl.String))
    statements = Statements.cast(
        rows.unique("query_id", maintain_order=True).with_columns(access_state=state).sort("query_id")
    )
    return Hour(statements.lazy(), accesses.sort("query_id", "object_name").lazy(), _facts(rows, statements, accesses))


def _facts(rows: pl.DataFrame, statements: pl.DataFrame, accesses: pl.DataFrame) -> ReadFacts:
    latest = rows["ended_at"].max()
    return ReadFacts(
        statements=statements.height,
        accesses=accesses.height,
        source_duplicates=rows.height - statements.height,
        redacted=statements.filter(text_state="REDACTED").height,
        pending=statements.filter(access_state="PENDING").height,
        latest_end={"statements": latest if isinstance(latest, datetime) else None},
    )


_STATEMENTS = """
SELECT * FROM statements
WHERE platform = $platform AND arrived_at <= $now AND ended_at >= $start AND ended_at < $end
"""
_ACCESSES = """
SELECT accesses.* FROM accesses
WHERE platform = $platform AND arrived_at <= $now AND query_id IN (
    SELECT query_id FROM statements
    WHERE platform = $platform AND arrived_at <= $now AND ended_at >= $start AND ended_at < $end
)
"""


def _conforming(rows: pa.Table, schema: type[dy.Schema]) -> pl.DataFrame:
    frame = pl.DataFrame(rows)
    return schema.cast(
        frame.select(schema.column_names()).with_columns(pl.col(pl.Datetime).dt.convert_time_zone("UTC"))
    )
