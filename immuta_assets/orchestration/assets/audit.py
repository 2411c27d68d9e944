"""The assets ``audit/…``: query history as audit events, who ran it, what is covered, and what needs an operator.

Events are made from the newest stored snapshot of the tenant, so a mapping that is added there reaches the hours that
are computed again. What an event says belongs to ``audit.queries.events``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from immuta_assets.audit.identities.principals import build_principals
from immuta_assets.audit.identities.resolution import resolve_identities
from immuta_assets.audit.identities.unknown_users import UnknownUsers, find_unknown_users
from immuta_assets.audit.queries import readings
from immuta_assets.audit.queries.hour_events import Snapshot, make_hour_events
from immuta_assets.audit.queries.plan import Plan
from immuta_assets.audit.queries.status import LOOK_BACK, build_status, format_markdown, list_findings
from immuta_assets.audit.stored import STATUS as STATUS_PATH
from immuta_assets.audit.stored import UNKNOWN_USERS as UNKNOWN_USERS_PATH
from immuta_assets.audit.stored import ConnectionData, open_status, open_unknown_users
from immuta_assets.datasets.dataset import UNPARTITIONED, Committed, NotStoredError
from immuta_assets.datasets.files import FileDataset
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.assets import query_history as history
from immuta_assets.orchestration.assets import tenant as snapshot
from immuta_assets.orchestration.columns import build_table_schema
from immuta_assets.orchestration.failures import explain_errors
from immuta_assets.orchestration.moments import read_moment
from immuta_assets.orchestration.storage import HourlyFrames, Metadata
from immuta_assets.platforms import registry
from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.platform import Platform
from immuta_assets.tenant.info import TenantInfo
from immuta_assets.tenant.stored import open_tenant, scan_newest

COLLECTIONS = ("tenant", *Snapshot._fields)
MADE = ("query_events", "principals", "coverage")
"""The frames that are made of what was read, in the order in which they are stored: coverage last."""
UNKNOWN_USERS = dg.AssetKey(UNKNOWN_USERS_PATH.split("/"))
STATUS = dg.AssetKey(STATUS_PATH.split("/"))
FRESHNESS = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=2), fail_window=timedelta(hours=3))
_COUNTS = ("statements", "events", "withdrawn", "held", "unknown_statements", "unmapped_objects")

Connected = tuple[Connection, ConnectionData]
"""A connection with what is stored of it."""


class _Tenant:
    """The newest stored snapshot of the tenant, as far as events need it."""

    def __init__(self, root: StoreRoot) -> None:
        frames = scan_newest(root, COLLECTIONS)
        self.info = TenantInfo.read(frames.pop("tenant"))
        self.snapshot = Snapshot(**frames)


def build_query_events(
    connection: Connection, data: ConnectionData, root: StoreRoot, hours: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """Return the multi-asset with the events of a connection, its principals, and what is covered.

    Coverage is stored last: an hour whose coverage is older than its reading is not done.
    """

    @dg.multi_asset(
        name=f"{connection.name}_events",
        group_name="audit",
        outs={
            name: history.define_out(data.tables[name], kinds={"polars", "delta"}, freshness=FRESHNESS) for name in MADE
        },
        deps=[
            *(history.make_key(data.tables[name]) for name in history.READ),
            *(
                dg.AssetDep(snapshot.make_key(name), partition_mapping=dg.LastPartitionMapping())
                for name in COLLECTIONS
            ),
        ],
        partitions_def=hours,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def compute(context: dg.AssetExecutionContext) -> Iterator[dg.Output[HourlyFrames]]:
        with explain_errors(connection.name):
            yield from _make_frames(connection, data, _Tenant(root), context.partition_keys, read_moment(context))

    return compute


def _make_frames(
    connection: Connection, data: ConnectionData, tenant: _Tenant, keys: Sequence[str], moment: datetime
) -> Iterator[dg.Output[HourlyFrames]]:
    """Make the frames of hours one after the other; each is stored before the next is made."""
    hours = _read_hours(connection, data, keys)
    previous = data.query_events.scan_each(keys)
    events = {key: hour.make_events(tenant, previous.get(key), moment) for key, hour in hours.items()}
    yield dg.Output(HourlyFrames(events, moment, {}), "query_events")
    who = {key: hour.build_principals(tenant) for key, hour in hours.items()}
    yield dg.Output(HourlyFrames(who, moment, {}), "principals")
    made = {name: data.tables[name].scan_each(keys) for name in ("query_events", "principals")}
    commits = {name: data.tables[name].read_commits(keys) for name in (*history.READ, *made)}
    covered = {
        key: hour.build_coverage(
            tenant,
            made["query_events"][key],
            made["principals"][key],
            {name: found[key] for name, found in commits.items() if key in found},
        )
        for key, hour in hours.items()
    }
    shown = {key: _describe_coverage(row) for key, row in covered.items()}
    rows = {key: row.lazy() for key, row in covered.items()}
    yield dg.Output(HourlyFrames(rows, moment, shown), "coverage")


class _StoredHour:
    """The stored reading of an hour, and what is made of it."""

    def __init__(
        self, connection: Connection, reading: pl.LazyFrame, statements: pl.LazyFrame, accesses: pl.LazyFrame
    ) -> None:
        self._connection = connection
        self._reading = reading.collect()
        self._statements = statements
        self._accesses = accesses
        readings.require_consistent(self._reading, self._statements, self._accesses)

    def make_events(self, tenant: _Tenant, previous: pl.LazyFrame | None, moment: datetime) -> pl.LazyFrame:
        return make_hour_events(
            self._statements,
            self._accesses,
            previous,
            tenant.snapshot,
            origin=registry.make_origin(self._connection, tenant.info.tenant_id),
            moment=moment,
            hold=self._connection.hold,
            registered_only=self._connection.users == "registered",
        )

    def build_principals(self, tenant: _Tenant) -> pl.LazyFrame:
        return build_principals(self._resolve_statements(tenant), self._accesses)

    def build_coverage(
        self, tenant: _Tenant, events: pl.LazyFrame, who: pl.LazyFrame, files: Mapping[str, Committed]
    ) -> pl.DataFrame:
        """What the stored events and principals cover of the statements that are to give events."""
        wanted = pl.col("profile_id").is_not_null() if self._connection.users == "registered" else pl.lit(value=True)
        return readings.build_coverage(
            self._reading,
            self._resolve_statements(tenant).filter(wanted),
            events,
            who,
            snapshot_at=tenant.info.dumped_at,
            files=files,
        )

    def _resolve_statements(self, tenant: _Tenant) -> pl.LazyFrame:
        return resolve_identities(self._statements, tenant.snapshot.users, self._connection.platform)


def _read_hours(connection: Connection, data: ConnectionData, keys: Sequence[str]) -> dict[str, _StoredHour]:
    """Return the stored readings of hours; raises ``NotStoredError`` for one that was never read."""
    frames = [data.tables[name].scan_each(keys) for name in ("readings", "statements", "accesses")]
    for key in keys:
        if not all(key in frame for frame in frames):
            msg = f"The hour {key} UTC of {connection.name} is not stored: read it first."
            raise NotStoredError(msg)
    return {key: _StoredHour(connection, *(frame[key] for frame in frames)) for key in keys}


def _describe_coverage(row: pl.DataFrame) -> Metadata:
    return row.select(_COUNTS).row(0, named=True)


def build_unknown_users(connections: Sequence[Connected], root: StoreRoot) -> dg.AssetsDefinition:
    """Return the asset that lists the platform users nobody knows, over all hours that are stored."""

    @dg.asset(
        key=UNKNOWN_USERS,
        group_name="audit",
        deps=[
            *_require_all_hours(connections, "principals"),
            dg.AssetDep(snapshot.make_key("users"), partition_mapping=dg.LastPartitionMapping()),
        ],
        description=inspect.getdoc(UnknownUsers),
        metadata={"dagster/column_schema": build_table_schema(UnknownUsers)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
    )
    def compute() -> dg.MaterializeResult[None]:
        with explain_errors(UNKNOWN_USERS_PATH):
            found = update_unknown_users(connections, root)
        return dg.MaterializeResult(metadata=_describe(open_unknown_users(root), found.height))

    return compute


def update_unknown_users(connections: Sequence[Connected], root: StoreRoot) -> pl.DataFrame:
    """Bring the list of unknown users up to date with what it is made of, and return it."""
    users = open_tenant(root)["users"]
    stored = users.list_partitions()
    if not stored:
        return UnknownUsers.create_empty()

    def compute() -> pl.DataFrame:
        found = [
            find_unknown_users(pl.concat(data.principals.scan() for data in same), users.scan_newest(), platform)
            for platform, same in _group_by_platform(connections)
        ]
        return pl.concat([UnknownUsers.create_empty(), *found])

    made_of = [users.describe_version(stored[-1]), *(data.principals.describe_version() for _, data in connections)]
    return open_unknown_users(root).update(compute, made_of=" ".join(made_of))


def _require_all_hours(connections: Sequence[Connected], frame: str) -> list[dg.AssetDep]:
    return [
        dg.AssetDep(history.make_key(data.tables[frame]), partition_mapping=dg.AllPartitionMapping())
        for _, data in connections
    ]


def _group_by_platform(connections: Sequence[Connected]) -> Iterator[tuple[Platform, list[ConnectionData]]]:
    for platform in dict.fromkeys(each.platform for each, _ in connections):
        yield platform, [data for each, data in connections if each.platform is platform]


def build_status_asset(connections: Sequence[Connected], root: StoreRoot) -> dg.AssetsDefinition:
    """Return the asset that shows operators how far every connection is covered, with the checks on it."""

    @dg.asset(
        key=STATUS,
        group_name="audit",
        deps=[
            *_require_all_hours(connections, "coverage"),
            *(history.make_key(data.plan) for _, data in connections),
        ],
        check_specs=checks.define_history(STATUS),
        description=inspect.getdoc(open_status(root).schema),
        metadata={"dagster/column_schema": build_table_schema(open_status(root).schema)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
    )
    def compute(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        moment = read_moment(context)
        with explain_errors(STATUS_PATH):
            found = update_status(connections, root, moment)
        metadata = {"status": dg.MetadataValue.md(format_markdown(found)), **_describe(open_status(root), found.height)}
        yield dg.MaterializeResult(metadata=metadata)
        yield from checks.check_history(STATUS, list_findings(found))

    return compute


def update_status(connections: Sequence[Connected], root: StoreRoot, moment: datetime) -> pl.DataFrame:
    """Bring the status of all connections up to date, as of a moment, and return it."""

    def compute() -> pl.DataFrame:
        covered = [(each, data.coverage.scan(since=moment - LOOK_BACK).collect()) for each, data in connections]
        plans = [(each, _read_plan(data.plan)) for each, data in connections]
        return build_status(_name_connections(covered), _name_connections(plans), moment)

    return open_status(root).update(compute)


def _read_plan(plan: FileDataset) -> pl.DataFrame:
    stored = plan.scan_if_stored()
    return Plan.create_empty() if stored is None else stored.collect()


def _describe(dataset: FileDataset, rows: int) -> Metadata:
    return {"dagster/partition_row_count": rows, "dagster/uri": dataset.locate(UNPARTITIONED)}


def _name_connections(frames: Iterable[tuple[Connection, pl.DataFrame]]) -> pl.DataFrame:
    """The rows of all connections, with the name of each."""
    return pl.concat(frame.with_columns(connection=pl.lit(each.name)) for each, frame in frames)
