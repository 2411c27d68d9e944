"""The assets ``query_history/<connection>/…``: what ran on a data platform, hour by hour, as the platform tells it.

``plan`` says which hours to read now; ``statements``, ``accesses`` and ``readings`` are hours that were read. An hour
is read as a whole and replaces what was read of it before. How a kind of connection is read, and what a platform's rows
mean, belongs to ``immuta_assets.platforms``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import dagster as dg
import polars as pl

from immuta_assets.audit.identities.principals import find_changed_hours
from immuta_assets.audit.queries import plan
from immuta_assets.audit.queries.readings import build_reading
from immuta_assets.audit.stored import ConnectionData
from immuta_assets.datasets.dataset import Dataset
from immuta_assets.datasets.hours import parse_hour_key
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.columns import build_table_schema
from immuta_assets.orchestration.failures import explain_errors
from immuta_assets.orchestration.moments import read_moment
from immuta_assets.orchestration.storage import HourlyFrames, Metadata
from immuta_assets.platforms import registry
from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.spool import open_spool
from immuta_assets.tenant.stored import open_tenant

READ = ("statements", "accesses", "readings")
"""The frames that are read from the platform, in the order in which they are stored."""
COUNTS = ("statements", "accesses", "source_duplicates", "redacted", "pending")


def make_key(dataset: Dataset) -> dg.AssetKey:
    """Return the key of the asset that is stored as a dataset."""
    return dg.AssetKey(dataset.key.split("/"))


def build_query_history(
    connection: Connection, data: ConnectionData, hours: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Return the multi-asset that reads hours of a connection, many in one run."""

    @dg.multi_asset(
        name=f"{connection.name}_history",
        group_name="query_history",
        outs={name: define_out(data.tables[name], kinds={"duckdb", "delta"}) for name in READ},
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def read(context: dg.AssetExecutionContext) -> Iterator[dg.Output[HourlyFrames]]:
        moment = read_moment(context)
        with explain_errors(connection.name):
            data.statements.root.remove_drafts()
            with open_spool(connection.name) as spool, registry.open_reader(connection) as read_hour:
                hours = {
                    key: read_hour(parse_hour_key(key), Path(spool, key), moment) for key in context.partition_keys
                }
                rows = {key: build_reading(parse_hour_key(key), hour.facts, moment) for key, hour in hours.items()}
                shown = {key: _describe_reading(row) for key, row in rows.items()}
                for name in ("statements", "accesses"):
                    frames = {key: getattr(hour, name) for key, hour in hours.items()}
                    yield dg.Output(HourlyFrames(frames, moment, shown), name)
                readings = {key: row.lazy() for key, row in rows.items()}
                yield dg.Output(HourlyFrames(readings, moment, shown), "readings")

    return read


def define_out(dataset: Dataset, kinds: set[str], freshness: dg.FreshnessPolicy | None = None) -> dg.AssetOut:
    """Return the output that is stored as a dataset."""
    return dg.AssetOut(
        key=make_key(dataset),
        description=inspect.getdoc(dataset.schema),
        metadata={"dagster/column_schema": build_table_schema(dataset.schema)},
        kinds=kinds,
        owners=OWNERS,
        freshness_policy=freshness,
    )


def _describe_reading(row: pl.DataFrame) -> Metadata:
    """The counts of an hour, and what limited its reading, for people."""
    counts = row.select(COUNTS).row(0, named=True)
    return counts | {"limits": "; ".join(row["limits"].item())}


def build_plan_asset(connection: Connection, data: ConnectionData, root: StoreRoot, start: date) -> dg.AssetsDefinition:
    """Return the asset that says which hours of a connection, from a day on, are to be read now, and why."""

    @dg.asset(
        key=make_key(data.plan),
        group_name="query_history",
        description=inspect.getdoc(plan.Plan),
        metadata={"dagster/column_schema": build_table_schema(plan.Plan)},
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
    )
    def compute(context: dg.AssetExecutionContext) -> dg.Output[pl.DataFrame]:
        moment = read_moment(context)
        with explain_errors(connection.name):
            made = make_plan(connection, data, root, datetime.combine(start, time(), UTC), moment)
        due = made.drop_nulls("reason").group_by("reason").len().sort("reason")
        return dg.Output(made, metadata={"hours due": int(due["len"].sum())} | dict(due.iter_rows()))

    return compute


def make_plan(
    connection: Connection, data: ConnectionData, root: StoreRoot, start: datetime, moment: datetime
) -> pl.DataFrame:
    """Return the ``Plan`` of a connection from what is stored of it and what its platform counts."""
    # An hour that was read once more, by a run that was killed before its events were made, is not covered.
    readings = data.readings.scan().select("hour", "read_at")
    coverage = data.coverage.scan().join(readings, on=["hour", "read_at"], how="semi").collect()
    stored = data.plan.scan_if_stored()
    previous = None if stored is None else stored.collect()
    since, until = plan.find_window(coverage, previous, connection.reread, moment, start=start)
    return plan.plan(
        registry.count_hours(connection, since, until, moment),
        coverage,
        _find_changed_hours(connection, data, root),
        previous,
        reread=connection.reread,
        now=moment,
        start=start,
    )


def _find_changed_hours(connection: Connection, data: ConnectionData, root: StoreRoot) -> pl.Series:
    """The hours in which the newest snapshot of the tenant knows people otherwise than their events do."""
    users = open_tenant(root)["users"]
    if not users.list_partitions():
        return pl.Series(dtype=pl.Datetime("us", "UTC"))
    return find_changed_hours(data.principals.scan(), users.scan_newest(), connection.platform)
