"""Automation: what runs together, and when.

Add jobs, schedules and sensors here. What a run then does belongs to the assets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from immuta_assets.audit.queries import plan
from immuta_assets.audit.stored import ConnectionData
from immuta_assets.datasets.export_days import OPENS_AT, find_day
from immuta_assets.datasets.hours import format_hour_key
from immuta_assets.orchestration.assets import query_history as history
from immuta_assets.orchestration.assets.audit import MADE, STATUS, UNKNOWN_USERS, Connected
from immuta_assets.orchestration.assets.maintenance import make_key
from immuta_assets.orchestration.moments import MOMENT
from immuta_assets.platforms.connection import Connection

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

EXPORT = "export"
LOAD = "load_audit_events"
CONNECTION = "immuta_assets/connection"
"""Tag of the runs of a connection; the instance lets one of them run at a time."""
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_export_job(layouts: Iterable[str], without: Iterable[dg.AssetCheckKey]) -> Job:
    """Return the job that turns the tenant dump of one export day into the published files of ``layouts``.

    ``without`` are checks that have no export day.
    """
    published = dg.AssetSelection.key_prefixes(*(["published", version] for version in layouts))
    wanted = dg.AssetSelection.groups("tenant", "outcomes", "access_summary") | published.upstream()
    return dg.define_asset_job(
        EXPORT,
        selection=wanted - dg.AssetSelection.checks(*without),
        description="Make the export of one day: read the tenant dump, compute the access summary, publish the files.",
    )


def name_plan_job(connection: str) -> str:
    """Return the name of the job that finds the hours of a connection which are to be read now."""
    return f"plan_{connection}"


def name_ingest_job(connection: str) -> str:
    """Return the name of the job that reads hours of a connection."""
    return f"ingest_{connection}"


def name_reattribute_job(connection: str) -> str:
    """Return the name of the job that attributes events of stored hours of a connection to people anew."""
    return f"reattribute_{connection}"


def build_ingest_job(connection: Connection, data: ConnectionData) -> Job:
    """Return the job that loads audit events of a connection: hours of its history, and what becomes of them."""
    return dg.define_asset_job(
        name_ingest_job(connection.name),
        selection=dg.AssetSelection.assets(*(history.make_key(data.tables[name]) for name in history.READ))
        | _select_results(data),
        tags={CONNECTION: connection.name},
        description=f"Read hours of query history of {connection.name}, make their audit events, list unknown users.",
    )


def build_reattribute_job(connection: Connection, data: ConnectionData) -> Job:
    """Return the job that attributes events of stored hours anew, to people whom the tenant knows otherwise now."""
    return dg.define_asset_job(
        name_reattribute_job(connection.name),
        selection=_select_results(data),
        tags={CONNECTION: connection.name},
        description=f"Make the events of stored hours of {connection.name} again for people whom the "
        "tenant knows otherwise now; the platform is not read.",
    )


def _select_results(data: ConnectionData) -> dg.AssetSelection:
    keys = [history.make_key(data.tables[name]) for name in MADE]
    return dg.AssetSelection.assets(*keys, UNKNOWN_USERS, STATUS)


def build_plan_job(connection: Connection, data: ConnectionData) -> Job:
    """Return the job that finds the hours of a connection which are to be read now.

    It also brings up to date what is derived from many hours: a run that was killed may have left it behind.
    """
    return dg.define_asset_job(
        name_plan_job(connection.name),
        selection=dg.AssetSelection.assets(history.make_key(data.plan), UNKNOWN_USERS, STATUS),
        tags={CONNECTION: connection.name},
        description=f"Find the hours of {connection.name} that are due; its sensor then requests runs that read them.",
    )


def build_load_job(connections: Sequence[Connected]) -> Job:
    """Return the job by which an operator loads audit events now: whatever is due on any connection."""
    return dg.define_asset_job(
        LOAD,
        selection=dg.AssetSelection.assets(
            *(history.make_key(data.plan) for _, data in connections), UNKNOWN_USERS, STATUS
        ),
        description="Load audit events now: find the hours of every connection that are due; the sensors then request "
        "runs that read them.",
    )


def build_maintain_job(connection: Connection) -> Job:
    """Return the job that puts the tables of a connection in order."""
    return dg.define_asset_job(
        f"maintain_{connection.name}",
        selection=dg.AssetSelection.assets(make_key(connection)),
        description=f"Put the tables of {connection.name} in order: few files, a short log, nothing that nobody reads.",
    )


def build_maintenance_schedule(connection: Connection, job: Job) -> dg.ScheduleDefinition:
    """Return the schedule that runs ``job`` every day, between the readings of two hours."""
    return dg.ScheduleDefinition(
        name=f"maintain_{connection.name}_daily",
        job=job,
        cron_schedule="35 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Every day at 02:35 UTC: put the tables of {connection.name} in order.",
    )


def build_export_schedule(job: Job, timezone: ZoneInfo) -> dg.ScheduleDefinition:
    """Return the schedule that runs ``job`` at 05:00 of ``timezone``, for the export day that then opens."""

    @dg.schedule(
        name="daily_export",
        job=job,
        cron_schedule=f"{OPENS_AT.minute} {OPENS_AT.hour} * * *",
        execution_timezone=timezone.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Every day at 05:00 ({timezone.key}): make the export of the day that then opens.",
    )
    def request_export(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=find_day(context.scheduled_execution_time, timezone).isoformat())

    return request_export


def build_plan_schedule(connection: Connection, job: Job) -> dg.ScheduleDefinition:
    """Return the schedule that runs ``job`` every hour, when the hour that closed last may be read first."""
    minute = connection.reread[0] // timedelta(minutes=1) % 60

    @dg.schedule(
        name=f"{job.name}_hourly",
        job=job,
        cron_schedule=f"{minute} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Every hour at minute {minute} (the first slot of the re-read plan): find the hours of "
        f"{connection.name} that are due.",
    )
    def request_plan(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags={MOMENT: context.scheduled_execution_time.isoformat()})

    return request_plan


def read_plan_moment(planned: pl.DataFrame) -> str:
    """Return the moment of a ``Plan`` as ISO time; a plan before the first hour that can be read is empty."""
    moment = planned["planned_at"].max()
    return moment.isoformat() if isinstance(moment, datetime) else ""


class DueRun(NamedTuple):
    """A run that a plan asks for."""

    job: str
    tags: dict[str, str]


def list_due_runs(connection: str, planned: pl.DataFrame) -> Iterator[DueRun]:
    """Name the runs that a connection's ``Plan`` asks for: a range of hours each, to read or to re-attribute."""
    moment = read_plan_moment(planned)
    reattributed = pl.col("reason") == plan.IDENTITIES
    due = planned.drop_nulls("reason")
    for job, hours in ((name_ingest_job, due.filter(~reattributed)), (name_reattribute_job, due.filter(reattributed))):
        for first, last in plan.group_hours(hours["hour"]):
            tags = {RANGE_START: format_hour_key(first), RANGE_END: format_hour_key(last), MOMENT: moment}
            yield DueRun(job(connection), tags)


def build_due_hours_sensor(connection: Connection, data: ConnectionData, jobs: Sequence[Job]) -> dg.SensorDefinition:
    """Return the sensor that asks for the runs of a connection's newest plan; ``jobs`` are those it may ask for."""

    @dg.sensor(
        name=f"due_hours_{connection.name}",
        jobs=jobs,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Every 30 seconds: request runs for the hours that the newest plan of {connection.name} names, "
        "once per plan.",
    )
    def request_due_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        stored = data.plan.scan_if_stored()
        if stored is None:
            return dg.SkipReason("There is no plan yet.")
        planned = stored.collect()
        moment = read_plan_moment(planned)
        if moment == context.cursor:
            return dg.SkipReason(f"The runs of the plan of {moment} were asked for already.")
        unfinished = dg.RunsFilter(tags={CONNECTION: connection.name}, statuses=UNFINISHED)
        if context.instance.get_runs_count(unfinished):
            return dg.SkipReason(f"A run of {connection.name} is not finished yet.")
        requests = [
            dg.RunRequest(run_key=f"{run.job} {run.tags[RANGE_START]} {moment}", job_name=run.job, tags=run.tags)
            for run in list_due_runs(connection.name, planned)
        ]
        return dg.SensorResult(run_requests=requests, cursor=moment)

    return request_due_runs
