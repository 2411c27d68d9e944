"""The assets ``audit/…``: query history as audit events, and the platform users nobody knows.

Events are made from the newest stored snapshot of the tenant, so a mapping that is added there reaches the hours that
are computed again. What an event says belongs to ``query_history.events``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

import dagster as dg
import polars as pl

from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.assets import query_history as history
from immuta_assets.orchestration.assets import tenant as snapshot
from immuta_assets.orchestration.columns import table_schema
from immuta_assets.orchestration.partitions import opening
from immuta_assets.orchestration.storage import ParquetStore
from immuta_assets.query_history.connections import Connection, EmbeddedConnection, SnowflakeConnection
from immuta_assets.query_history.events import Origin, QueryEvents, events, revised
from immuta_assets.query_history.history import Platform
from immuta_assets.query_history.hour import HOUR
from immuta_assets.query_history.identities import UnknownUsers, identified, unknown_users
from immuta_assets.tenant.info import TenantInfo

COLLECTIONS = ("tenant", "users", "data_sources", "columns", "tags")
UNKNOWN_USERS = dg.AssetKey(["audit", "unknown_users"])


def key(connection: Connection) -> dg.AssetKey:
    """Return the key of a connection's events."""
    return dg.AssetKey(["audit", "query_events", connection.name])


def query_events(
    connection: Connection, store: ParquetStore, hours: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Return the asset with the events of a connection; an event keeps its id through all revisions."""

    @dg.asset(
        key=key(connection),
        group_name="audit",
        ins={name: dg.AssetIn(history.key(connection, name)) for name in history.FRAMES},
        deps=[dg.AssetDep(snapshot.key(name), partition_mapping=dg.LastPartitionMapping()) for name in COLLECTIONS],
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=inspect.getdoc(QueryEvents),
        metadata={"dagster/column_schema": table_schema(QueryEvents)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
    )
    def compute(
        context: dg.AssetExecutionContext, statements: pl.LazyFrame, accesses: pl.LazyFrame
    ) -> dict[str, pl.DataFrame]:
        tenant = {name: store.newest(snapshot.key(name)) for name in COLLECTIONS}
        made = _events(connection, tenant, statements, accesses)
        before = [path for part in context.partition_keys if (path := store.path(context.asset_key, part)).exists()]
        if before:
            made = revised(made, pl.scan_parquet(before))
        return _by_hour(made.collect(), context.partition_keys)

    return compute


def _events(
    connection: Connection,
    tenant: dict[str, pl.LazyFrame],
    statements: pl.LazyFrame,
    accesses: pl.LazyFrame,
) -> pl.LazyFrame:
    info = TenantInfo.of(tenant["tenant"])
    return events(
        identified(statements, tenant["users"], connection.platform),
        accesses,
        tenant["data_sources"],
        tenant["columns"],
        tenant["tags"],
        origin=_origin(connection, info.tenant_id),
        received_at=datetime.now(UTC),
    )


def _origin(connection: Connection, tenant_id: str) -> Origin:
    match connection:
        case EmbeddedConnection():
            account, host = connection.account, connection.host
        case SnowflakeConnection():
            account, host = connection.account, f"{connection.account}.snowflakecomputing.com"
        case _:
            # One region is one metastore: the host tells the account apart for everything that is read through it.
            account, host = connection.host, connection.host
    return Origin(tenant_id, connection.platform, account, host)


def _by_hour(made: pl.DataFrame, keys: list[str]) -> dict[str, pl.DataFrame]:
    """The events of each hour: the one in which the statement ended."""
    ended = pl.col("auditPayload").struct.field("endTime")
    return {key: made.filter(ended >= opening(key), ended < opening(key) + HOUR) for key in keys}


def unknown(connections: Sequence[Connection], store: ParquetStore) -> dg.AssetsDefinition:
    """Return the asset that lists the platform users nobody knows, over all hours that are stored."""

    @dg.asset(
        key=UNKNOWN_USERS,
        group_name="audit",
        deps=[
            *(
                dg.AssetDep(history.key(connection, name), partition_mapping=dg.AllPartitionMapping())
                for connection in connections
                for name in history.FRAMES
            ),
            dg.AssetDep(snapshot.key("users"), partition_mapping=dg.LastPartitionMapping()),
        ],
        description=inspect.getdoc(UnknownUsers),
        metadata={"dagster/column_schema": table_schema(UnknownUsers)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
    )
    def compute() -> dg.Output[pl.DataFrame]:
        users = store.newest(snapshot.key("users"))
        found = [
            unknown_users(pl.concat(_history(each, store) for each in same), users, platform)
            for platform, same in _by_platform(connections)
        ]
        unknown = pl.concat([UnknownUsers.create_empty(), *found])
        return dg.Output(unknown, metadata={"unknown users": unknown.height})

    return compute


def _by_platform(connections: Sequence[Connection]) -> Iterator[tuple[Platform, Iterable[Connection]]]:
    return groupby(sorted(connections, key=_platform), key=_platform)


def _platform(connection: Connection) -> Platform:
    return connection.platform


def _history(connection: Connection, store: ParquetStore) -> pl.LazyFrame:
    """Statements with their objects, of all stored hours."""
    frames = {name: store.stored(history.key(connection, name)) for name in history.FRAMES}
    statements, accesses = (
        pl.scan_parquet(paths) if paths else history.FRAMES[name].create_empty(lazy=True)
        for name, paths in frames.items()
    )
    return statements.join(accesses.select("query_id", "object_name"), on="query_id", how="left")
