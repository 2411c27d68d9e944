"""The assets ``query_history/<connection>/…``: what ran on a data platform, hour by hour, as the platform tells it.

An hour is read as a whole and replaces what was read of it before. Add a kind of connection where ``_read`` chooses the
reader; what a platform's rows mean belongs to ``immuta_assets.query_history``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import dataframely as dy
import polars as pl
from dagster_duckdb import DuckDBResource

from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.columns import table_schema
from immuta_assets.orchestration.failures import explained
from immuta_assets.orchestration.partitions import opening
from immuta_assets.query_history import embedded, snowflake, unity_catalog
from immuta_assets.query_history.connections import (
    Connection,
    EmbeddedConnection,
    SnowflakeConnection,
    UnityCatalogConnection,
)
from immuta_assets.query_history.history import Accesses, Statements
from immuta_assets.query_history.hour import Hour, ReadFacts

FRAMES: dict[str, type[dy.Schema]] = {"statements": Statements, "accesses": Accesses}


def key(connection: Connection, frame: str) -> dg.AssetKey:
    """Return the key of a frame of a connection."""
    return dg.AssetKey(["query_history", connection.name, frame])


def query_history(connection: Connection, hours: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the multi-asset that reads hours of a connection, many in one run."""

    @dg.multi_asset(
        name=f"{connection.name}_history",
        group_name="query_history",
        outs={name: _out(connection, name) for name in FRAMES},
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=connection.name,
    )
    def read(context: dg.AssetExecutionContext) -> Iterator[dg.Output[dict[str, pl.LazyFrame]]]:
        with TemporaryDirectory(prefix=f"{connection.name}-") as spool, explained(connection.name):
            read = {key: _read(connection, opening(key), Path(spool, key)) for key in context.partition_keys}
            facts = _added([hour.facts for hour in read.values()])
            for name in FRAMES:
                yield dg.Output({key: getattr(hour, name) for key, hour in read.items()}, name, metadata=facts)

    return read


def _out(connection: Connection, name: str) -> dg.AssetOut:
    return dg.AssetOut(
        key=key(connection, name),
        description=inspect.getdoc(FRAMES[name]),
        metadata={"dagster/column_schema": table_schema(FRAMES[name])},
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
    )


def _read(connection: Connection, hour: datetime, spool: Path) -> Hour:
    match connection:
        case SnowflakeConnection():
            return snowflake.read_hour(connection, hour, spool)
        case UnityCatalogConnection():
            return unity_catalog.read_hour(connection, hour, spool)
        case EmbeddedConnection():
            file = DuckDBResource(database=str(connection.path), connection_config={"access_mode": "READ_ONLY"})
            with file.get_connection() as opened:
                return embedded.read_hour(opened, connection.platform, hour, datetime.now(UTC))


def _added(facts: list[ReadFacts]) -> dict[str, int | str]:
    """The counts of several hours together, and what limited the reading, for people."""
    counted = ("statements", "accesses", "source_duplicates", "redacted", "pending")
    limits = {text for each in facts for text in (*each.warnings, *each.missing_columns)}
    return {name: sum(getattr(each, name) for each in facts) for name in counted} | {
        "limits": "; ".join(sorted(limits))
    }
