"""The assets ``audit/…``: query history as audit events, who ran it, what is covered, and what needs an operator.

Events are made from the newest stored snapshot of the tenant, so a mapping that is added there reaches the hours that
are computed again. What an event says belongs to ``audit.queries.events``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import dagster as dg
import dataframely as dy
import polars as pl

from immuta_assets.audit.identities.principals import principals
from immuta_assets.audit.identities.resolution import resolve_identities
from immuta_assets.audit.identities.unknown_users import UnknownUsers, unknown_users
from immuta_assets.audit.queries import readings
from immuta_assets.audit.queries.events import QueryEvents
from immuta_assets.audit.queries.hour_events import Snapshot, make_hour_events
from immuta_assets.audit.queries.plan import Plan
from immuta_assets.audit.queries.status import LOOK_BACK, Status, findings, markdown, status
from immuta_assets.datasets.hours import hour_key
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.assets import query_history as history
from immuta_assets.orchestration.assets import tenant as snapshot
from immuta_assets.orchestration.columns import table_schema
from immuta_assets.orchestration.failures import explained
from immuta_assets.orchestration.moments import moment_of
from immuta_assets.orchestration.storage import ParquetStore
from immuta_assets.platforms import registry
from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.hour import HistoryError
from immuta_assets.platforms.platform import Platform
from immuta_assets.tenant.info import TenantInfo

COLLECTIONS = ("tenant", *Snapshot._fields)
RESULTS: dict[str, type[dy.Schema]] = {"query_events": QueryEvents} | history.RESULTS
UNKNOWN_USERS = dg.AssetKey(["audit", "unknown_users"])
STATUS = dg.AssetKey(["audit", "status"])
FRESHNESS = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=2), fail_window=timedelta(hours=3))


class _Tenant:
    """The newest stored snapshot of the tenant, as far as events need it."""

    def __init__(self, store: ParquetStore) -> None:
        frames = {name: store.newest(snapshot.key(name)) for name in COLLECTIONS}
        self.info = TenantInfo.of(frames.pop("tenant"))
        self.snapshot = Snapshot(**frames)


def query_events(
    connection: Connection, store: ParquetStore, hours: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Return the multi-asset with the events of a connection, its principals, and what is covered.

    Coverage is stored last: an hour whose coverage is older than its reading is not done.
    """

    @dg.multi_asset(
        name=f"{connection.name}_events",
        group_name="audit",
        outs={name: _out(connection, name, schema) for name, schema in RESULTS.items()},
        deps=[
            *(history.key(connection.name, name) for name in history.FRAMES),
            *(dg.AssetDep(snapshot.key(name), partition_mapping=dg.LastPartitionMapping()) for name in COLLECTIONS),
        ],
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def compute(context: dg.AssetExecutionContext) -> Iterator[dg.Output[Mapping[str, pl.LazyFrame]]]:
        moment, keys = moment_of(context), context.partition_keys
        written = [history.result_key(connection.name, name) for name in RESULTS]
        with store.alone(written), explained(connection.name):
            tenant = _Tenant(store)
            hours = {key: _Hour(connection, store, key) for key in keys}
            yield dg.Output({key: hour.events(tenant, moment) for key, hour in hours.items()}, "query_events")
            yield dg.Output({key: hour.principals(tenant) for key, hour in hours.items()}, "principals")
            covered = {key: hour.coverage(tenant) for key, hour in hours.items()}
            yield dg.Output(covered, "coverage", metadata=_counts(covered.values()))

    return compute


def _out(connection: Connection, name: str, schema: type[dy.Schema]) -> dg.AssetOut:
    return dg.AssetOut(
        key=history.result_key(connection.name, name),
        description=inspect.getdoc(schema),
        metadata={"dagster/column_schema": table_schema(schema)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
        freshness_policy=FRESHNESS,
    )


class _Hour:
    """The stored reading of an hour, and what is made of it."""

    def __init__(self, connection: Connection, store: ParquetStore, key: str) -> None:
        self._connection = connection
        self._store = store
        self._key = key
        self._reading = store.scan(history.key(connection.name, "readings"), key).collect()
        self._statements = store.scan(history.key(connection.name, "statements"), key)
        self._accesses = store.scan(history.key(connection.name, "accesses"), key)
        readings.require_consistent(self._reading, self._statements, self._accesses)

    def events(self, tenant: _Tenant, moment: datetime) -> pl.LazyFrame:
        return make_hour_events(
            self._statements,
            self._accesses,
            self._previous(),
            tenant.snapshot,
            origin=registry.make_origin(self._connection, tenant.info.tenant_id),
            moment=moment,
            hold=self._connection.hold,
            registered_only=self._connection.users == "registered",
        )

    def _previous(self) -> pl.LazyFrame | None:
        stored = self._store.scan_if_stored(history.result_key(self._connection.name, "query_events"), self._key)
        if stored is not None and stored.collect_schema().names() != QueryEvents.column_names():
            msg = (
                f"The stored events of {self._connection.name}, {self._key} UTC, have the columns of another version: "
                f"move them away, and the hour is made anew."
            )
            raise HistoryError(msg)
        return stored

    def principals(self, tenant: _Tenant) -> pl.LazyFrame:
        return principals(self._named(tenant), self._accesses)

    def coverage(self, tenant: _Tenant) -> pl.LazyFrame:
        """What the stored events and principals cover of the statements that are to give events."""
        events, who = (
            self._store.scan(history.result_key(self._connection.name, name), self._key)
            for name in ("query_events", "principals")
        )
        wanted = pl.col("profile_id").is_not_null() if self._connection.users == "registered" else pl.lit(value=True)
        statements = self._named(tenant).filter(wanted)
        return readings.coverage(self._reading, statements, events, who, snapshot_at=tenant.info.dumped_at).lazy()

    def _named(self, tenant: _Tenant) -> pl.LazyFrame:
        return resolve_identities(self._statements, tenant.snapshot.users, self._connection.platform)


def _counts(coverage: Iterable[pl.LazyFrame]) -> dict[str, int]:
    counted = pl.col("statements", "events", "withdrawn", "held", "unknown_statements", "unmapped_objects")
    counts: dict[str, int] = pl.concat(coverage).select(counted.sum()).collect().row(0, named=True)
    return counts


def unknown(connections: Sequence[Connection], store: ParquetStore) -> dg.AssetsDefinition:
    """Return the asset that lists the platform users nobody knows, over all hours that are stored."""

    @dg.asset(
        key=UNKNOWN_USERS,
        group_name="audit",
        deps=[
            *_all_hours(connections, "principals"),
            dg.AssetDep(snapshot.key("users"), partition_mapping=dg.LastPartitionMapping()),
        ],
        description=inspect.getdoc(UnknownUsers),
        metadata={"dagster/column_schema": table_schema(UnknownUsers)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
    )
    def compute() -> Iterator[dg.Output[pl.DataFrame]]:
        # Runs of connections go side by side: who writes last has seen the hours of both.
        with store.alone([UNKNOWN_USERS]):
            users = store.newest(snapshot.key("users"))
            found = [
                unknown_users(pl.concat(_hours(each, store, "principals") for each in same), users, platform)
                for platform, same in _by_platform(connections)
            ]
            unknown = pl.concat([UnknownUsers.create_empty(), *found])
            yield dg.Output(unknown, metadata={"unknown users": unknown.height})

    return compute


def _all_hours(connections: Sequence[Connection], frame: str) -> list[dg.AssetDep]:
    return [
        dg.AssetDep(history.result_key(each.name, frame), partition_mapping=dg.AllPartitionMapping())
        for each in connections
    ]


def _hours(connection: Connection, store: ParquetStore, frame: str, since: str = "") -> pl.LazyFrame:
    return store.scan_all(history.result_key(connection.name, frame), RESULTS[frame], since)


def _by_platform(connections: Sequence[Connection]) -> Iterator[tuple[Platform, Iterable[Connection]]]:
    for _, platform in sorted(registry.PLATFORMS.items()):
        if same := [each for each in connections if each.platform is platform]:
            yield platform, same


def shown(connections: Sequence[Connection], store: ParquetStore) -> dg.AssetsDefinition:
    """Return the asset that shows operators how far every connection is covered, with the checks on it."""

    @dg.asset(
        key=STATUS,
        group_name="audit",
        deps=[*_all_hours(connections, "coverage"), *(history.key(each.name, "plan") for each in connections)],
        check_specs=checks.history_specs(STATUS),
        description=inspect.getdoc(Status),
        metadata={"dagster/column_schema": table_schema(Status)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
    )
    def compute(context: dg.AssetExecutionContext) -> Iterator[dg.Output[pl.DataFrame] | dg.AssetCheckResult]:
        moment = moment_of(context)
        since = hour_key(moment - LOOK_BACK)
        with store.alone([STATUS]):
            covered = [(each, _hours(each, store, "coverage", since).collect()) for each in connections]
            plans = [(each, _newest_plan(each, store)) for each in connections]
            found = status(_of_connections(covered), _of_connections(plans), moment)
            yield dg.Output(found, metadata={"status": dg.MetadataValue.md(markdown(found))})
        yield from checks.history(STATUS, findings(found))

    return compute


def _newest_plan(connection: Connection, store: ParquetStore) -> pl.DataFrame:
    stored = store.scan_if_stored(history.key(connection.name, "plan"))
    return Plan.create_empty() if stored is None else stored.collect()


def _of_connections(frames: Iterable[tuple[Connection, pl.DataFrame]]) -> pl.DataFrame:
    """The rows of all connections, with the name of each."""
    return pl.concat(frame.with_columns(connection=pl.lit(each.name)) for each, frame in frames)
