"""Automation: what runs together, and when.

Add jobs and schedules here. What a run then does belongs to the assets.
"""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import dagster as dg

from immuta_assets.orchestration.partitions import OPENS_AT, day_of

EXPORT = "export"


def export_job(layouts: Iterable[str]) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that turns the tenant dump of one export day into the published files of ``layouts``."""
    published = dg.AssetSelection.key_prefixes(*(["published", version] for version in layouts))
    return dg.define_asset_job(
        EXPORT,
        selection=dg.AssetSelection.groups("tenant", "access", "access_summary") | published.upstream(),
        description="One export day: the tenant dump, the access summary, the published files.",
    )


def ingest_job_name(connection: str) -> str:
    """Return the name of the job that reads a connection."""
    return f"ingest_{connection}"


def ingest_job(connection: str) -> dg.UnresolvedAssetJobDefinition:
    """Return the job that loads audit events of a connection: its history, and the events made of it."""
    return dg.define_asset_job(
        ingest_job_name(connection),
        selection=dg.AssetSelection.key_prefixes(["query_history", connection])
        | dg.AssetSelection.assets(["audit", "query_events", connection], ["audit", "unknown_users"]),
        description=f"Load audit events of {connection}: hours of query history, their events, and who is unknown.",
    )


def daily_export(job: dg.UnresolvedAssetJobDefinition, timezone: ZoneInfo) -> dg.ScheduleDefinition:
    """Return the schedule that runs ``job`` at 05:00 of ``timezone``, for the export day that then opens."""

    @dg.schedule(
        job=job,
        cron_schedule=f"{OPENS_AT.minute} {OPENS_AT.hour} * * *",
        execution_timezone=timezone.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every day at 05:00 local time.",
    )
    def daily_export(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=day_of(context.scheduled_execution_time, timezone).isoformat())

    return daily_export
