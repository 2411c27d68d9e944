"""The assets ``query_history/<connection>/…``: what ran on a data platform, hour by hour, as the platform tells it.

``plan`` says which hours to read now; ``statements``, ``accesses`` and ``readings`` are hours that were read. An hour
is read as a whole and replaces what was read of it before. How a kind of
connection is read, and what a platform's rows mean, belongs to ``immuta_assets.platforms``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import dataframely as dy
import polars as pl

from immuta_assets.audit.identities.principals import Principals, changed_hours
from immuta_assets.audit.queries import plan
from immuta_assets.audit.queries.readings import Coverage, Readings, reading
from immuta_assets.datasets.hours import parse_hour_key
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.assets import tenant as snapshot
from immuta_assets.orchestration.columns import table_schema
from immuta_assets.orchestration.failures import explained
from immuta_assets.orchestration.moments import moment_of
from immuta_assets.orchestration.storage import ParquetStore
from immuta_assets.platforms import registry
from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.history import Accesses, Statements

FRAMES: dict[str, type[dy.Schema]] = {"statements": Statements, "accesses": Accesses, "readings": Readings}
RESULTS: dict[str, type[dy.Schema]] = {"principals": Principals, "coverage": Coverage}


def key(connection: str, frame: str) -> dg.AssetKey:
    """Return the key of a frame of a connection's history, or of its plan."""
    return dg.AssetKey(["query_history", connection, frame])


def result_key(connection: str, frame: str) -> dg.AssetKey:
    """Return the key of what became of a connection's hours: query_events, principals or coverage."""
    return dg.AssetKey(["audit", frame, connection])


def query_history(
    connection: Connection, store: ParquetStore, hours: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Return the multi-asset that reads hours of a connection, many in one run."""

    @dg.multi_asset(
        name=f"{connection.name}_history",
        group_name="query_history",
        outs={name: _out(connection, name) for name in FRAMES},
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def read(context: dg.AssetExecutionContext) -> Iterator[dg.Output[dict[str, pl.LazyFrame]]]:
        moment = moment_of(context)
        with (
            TemporaryDirectory(prefix=f"{connection.name}-") as spool,
            store.alone([key(connection.name, name) for name in FRAMES]),
            explained(connection.name),
            registry.open_reader(connection) as read_hour,
        ):
            read = {key: read_hour(parse_hour_key(key), Path(spool, key), moment) for key in context.partition_keys}
            rows = {key: reading(parse_hour_key(key), hour.facts, moment) for key, hour in read.items()}
            found = _found(pl.concat(rows.values()))
            for name in ("statements", "accesses"):
                yield dg.Output({key: getattr(hour, name) for key, hour in read.items()}, name, metadata=found)
            yield dg.Output({key: row.lazy() for key, row in rows.items()}, "readings", metadata=found)

    return read


def _out(connection: Connection, name: str) -> dg.AssetOut:
    return dg.AssetOut(
        key=key(connection.name, name),
        description=inspect.getdoc(FRAMES[name]),
        metadata={"dagster/column_schema": table_schema(FRAMES[name])},
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
    )


def _found(readings: pl.DataFrame) -> dict[str, int | str]:
    """The counts of several hours together, and what limited the reading, for people."""
    counts = readings.select(pl.col("statements", "accesses", "source_duplicates", "redacted", "pending").sum())
    limits = readings["limits"].explode(empty_as_null=False).unique().sort()
    return counts.row(0, named=True) | {"limits": "; ".join(limits)}


def planned(connection: Connection, store: ParquetStore, start: date) -> dg.AssetsDefinition:
    """Return the asset that says which hours of a connection, from a day on, are to be read now, and why."""

    @dg.asset(
        key=key(connection.name, "plan"),
        group_name="query_history",
        description=inspect.getdoc(plan.Plan),
        metadata={"dagster/column_schema": table_schema(plan.Plan)},
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
    )
    def compute(context: dg.AssetExecutionContext) -> dg.Output[pl.DataFrame]:
        moment = moment_of(context)
        with explained(connection.name):
            made = _plan(connection, store, datetime.combine(start, time(), UTC), moment)
        due = made.drop_nulls("reason").group_by("reason").len().sort("reason")
        return dg.Output(made, metadata={"hours due": int(due["len"].sum())} | dict(due.iter_rows()))

    return compute


def _plan(connection: Connection, store: ParquetStore, start: datetime, moment: datetime) -> pl.DataFrame:
    # An hour that was read once more, by a run that was killed before its events were made, is not covered.
    readings = store.scan_all(key(connection.name, "readings"), Readings)
    covered = store.scan_all(result_key(connection.name, "coverage"), Coverage)
    coverage = covered.join(readings, on=["hour", "read_at"], how="semi").collect()
    stored = store.scan_if_stored(key(connection.name, "plan"))
    previous = None if stored is None else stored.collect()
    since, until = plan.window(coverage, previous, connection.reread, moment, start=start)
    return plan.plan(
        registry.count_hours(connection, since, until, moment),
        coverage,
        _renamed(connection, store),
        previous,
        reread=connection.reread,
        now=moment,
        start=start,
    )


def _renamed(connection: Connection, store: ParquetStore) -> pl.Series:
    """The hours in which the newest snapshot of the tenant knows people otherwise than their events do."""
    if not store.stored(snapshot.key("users")):
        return pl.Series(dtype=pl.Datetime("us", "UTC"))
    principals = store.scan_all(result_key(connection.name, "principals"), Principals)
    users = store.newest(snapshot.key("users"))
    return changed_hours(principals, users, connection.platform)
