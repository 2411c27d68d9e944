"""One hour of a busy Snowflake account, drawn over a demo tenant: as many statements as asked for, 2.2 objects each.

Rows are drawn many at a time, so that millions take seconds. The demo's own history (``demo.query_history``) is
smaller and tells stories instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import dataframely as dy
import numpy as np
import polars as pl

from immuta_assets.frames.streaming import stream_frames
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.origin import Origin
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.tenant.info import TenantInfo

COLLECTIONS = ("tenant", "users", "data_sources", "columns", "tags")
HOST = "alderbrook-eu.snowflake.example"

_AT_ONCE = 100_000
_FAILING = 0.05
_FURTHER_OBJECTS = 1.32  # besides the first: 2.2 objects a statement, those that fail included
_COLUMN_SETS = 5
_STRANGERS = ["LEGACY_ETL", "TMP_MIGRATION", "mreyes.contractor"]
_SCRATCH = 100


class _World(NamedTuple):
    """What statements draw from: user names, and tables with some of their columns, several times each."""

    users: list[str]
    tables: pl.DataFrame


def make_origin(tenant: Mapping[str, pl.DataFrame]) -> Origin:
    """Where the rows come from."""
    return Origin(TenantInfo.read(tenant["tenant"]).tenant_id, SNOWFLAKE, "alderbrook-eu", HOST)


def write_hour(tenant: Mapping[str, pl.DataFrame], hour: datetime, count: int, folder: Path, *, seed: int = 0) -> None:
    """Write ``statements.parquet`` and ``accesses.parquet`` of an hour, sorted by statement."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    users = tenant["users"].filter(~pl.col("system_generated"))["snowflake_user"].drop_nulls()
    world = _World([*users.shuffle(seed), *_STRANGERS], _list_tables(tenant, rng))
    parts = [(start, min(_AT_ONCE, count - start)) for start in range(0, count, _AT_ONCE)]

    def frames(schema: type[dy.Schema]) -> Iterator[pl.DataFrame]:
        for start, length in parts:
            yield _draw_part(world, hour, start, length, seed)[schema]

    for name, schema in (("statements", Statements), ("accesses", Accesses)):
        rows = stream_frames(partial(frames, schema), schema.create_empty().schema)
        rows.sink_parquet(folder / f"{name}.parquet")


def _list_tables(tenant: Mapping[str, pl.DataFrame], rng: np.random.Generator) -> pl.DataFrame:
    """List every table with sets of its columns: the columns of ``Accesses`` but for the statement."""
    columns = tenant["columns"].group_by("data_source_id").agg(pl.col("name").sort().alias("names"))
    registered = (
        tenant["data_sources"]
        .filter(pl.col("technology") == "Snowflake", pl.col("hostname") == HOST)
        .drop_nulls(["database", "schema", "table"])
        .unique(["database", "schema", "table"], keep="first", maintain_order=True)
        .join(columns, on="data_source_id", maintain_order="left")
        .select("database", "schema", "names", name="table")
    )
    scratch = pl.DataFrame({"name": [f"SCRATCH_{number}" for number in range(_SCRATCH)]}).select(
        "name", database=pl.lit("SANDBOX"), schema=pl.lit("PUBLIC"), names=pl.lit(["ID", "VALUE"])
    )
    tables = pl.concat([registered, scratch.select(registered.columns)])
    drawn = [
        [sorted(rng.choice(names, rng.integers(1, len(names) + 1), replace=False)) for _ in range(_COLUMN_SETS)]
        for names in tables["names"].to_list()
    ]
    return (
        tables.with_columns(accessed_columns=pl.Series(drawn, dtype=pl.List(pl.List(pl.String))))
        .select(
            "accessed_columns", "database", "schema", "name",
            object_name=pl.concat_str("database", "schema", "name", separator="."),
            object_type=pl.lit("TABLE"),
            inferred=pl.lit(value=False),
        )
    )  # fmt: skip


def _draw_part(
    world: _World, hour: datetime, start: int, length: int, seed: int
) -> dict[type[dy.Schema], pl.DataFrame]:
    """Statements by number, from ``start`` on, and their accesses."""
    rng = np.random.default_rng([seed, start])
    failing = rng.random(length) < _FAILING
    objects = np.where(failing, 0, 1 + rng.poisson(_FURTHER_OBJECTS, length))
    first = _draw_popular(rng, world.tables.height, length)
    statements = pl.DataFrame(
        {
            "query_id": [
                f"01bc{number:08x}-0302-4a1c-{number * 40503 % 65536:04x}" for number in range(start, start + length)
            ],
            "user_name": pl.Series(world.users).gather(_draw_popular(rng, len(world.users), length)),
            "table": world.tables["object_name"].gather(first),
            "failing": failing,
            "ended": rng.integers(0, 3_600_000_000, length),
            "duration_ms": rng.exponential(8_000, length).astype(np.int64),
            "session": rng.integers(0, 50_000, length),
            "rows_produced": rng.integers(0, 100_000, length),
            "warehouse": rng.integers(1, 9, length),
        }
    )
    return {
        Statements: _complete_columns(Statements, statements.select(**_describe_statement(hour))),
        Accesses: _complete_columns(
            Accesses, _draw_accesses(world.tables, statements["query_id"], objects, first, rng)
        ),
    }


def _draw_popular(rng: np.random.Generator, count: int, length: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of which a few come up again and again."""
    return (count * rng.random(length) ** 3).astype(np.int64)


def _complete_columns(schema: type[dy.Schema], rows: pl.DataFrame) -> pl.DataFrame:
    """Give rows all columns of a schema; those that are missing are null."""
    missing = [name for name in schema.column_names() if name not in rows.columns]
    return rows.with_columns(pl.lit(None).alias(name) for name in missing).select(
        pl.col(name).cast(dtype) for name, dtype in schema.create_empty().schema.items()
    )


def _describe_statement(hour: datetime) -> dict[str, pl.Expr]:
    ended = pl.lit(hour, pl.Datetime("us", "UTC")) + pl.duration(microseconds="ended")
    text = (
        "SELECT customer_id, date_trunc('month', booked_at) AS month, sum(amount) AS amount, count(*) AS bookings\n"
        "FROM {} AS booked\nWHERE booked_at >= '2026-01-01' AND region IN ('EMEA', 'APAC') AND customer_id <> {}\n"
        "GROUP BY ALL\nORDER BY amount DESC\nLIMIT 1000"
    )
    return {
        "query_id": pl.col("query_id"),
        "user_name": pl.col("user_name"),
        "user_type": pl.lit("PERSON"),
        "session_id": pl.format("9007199{}", "session"),
        "started_at": ended - pl.duration(milliseconds="duration_ms"),
        "ended_at": ended,
        "duration_ms": pl.col("duration_ms"),
        "status": pl.when("failing").then(pl.lit("FAILURE")).otherwise(pl.lit("SUCCESS")),
        "error_code": pl.when("failing").then(pl.lit("904")),
        "error_message": pl.when("failing").then(pl.lit("SQL compilation error: invalid identifier 'CUSTMER_ID'")),
        "statement_type": pl.lit("SELECT"),
        "text": pl.format(text, "table", "ended"),
        "text_state": pl.lit("WHOLE"),
        "access_state": pl.when("failing").then(pl.lit("NOT_APPLICABLE")).otherwise(pl.lit("KNOWN")),
        "rows_produced": pl.col("rows_produced"),
        "user_agent": pl.lit("JDBC 3.24.2"),
        "client_ip": pl.format("198.51.100.{}", pl.col("session") % 256),
        "role_name": pl.lit("ANALYST"),
        "warehouse_id": pl.col("warehouse").cast(pl.String),
        "warehouse_name": pl.format("WH_{}", "warehouse"),
        "cluster_number": pl.lit(1),
    }


def _draw_accesses(
    tables: pl.DataFrame,
    query_ids: pl.Series,
    objects: np.ndarray[tuple[int], np.dtype[np.int64]],
    first: np.ndarray[tuple[int], np.dtype[np.int64]],
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Draw the objects of each statement: those beside the first table, so that none comes twice."""
    statement = np.repeat(np.arange(len(objects)), objects)
    within = np.arange(len(statement)) - np.repeat(np.cumsum(objects) - objects, objects)
    table = (first[statement] + within) % tables.height
    return (
        tables[table]
        .with_columns(
            query_ids.gather(statement).alias("query_id"),
            pl.Series("drawn", rng.integers(0, _COLUMN_SETS, len(statement))),
        )
        .with_columns(pl.col("accessed_columns").list.get(pl.col("drawn")))
        .sort("query_id", maintain_order=True)
    )
