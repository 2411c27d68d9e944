"""The one ``Definitions``: a table of contents of the graph.

Every asset, check, job and schedule is listed here; what they are is told in ``orchestration``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from datetime import date

import dagster as dg

from immuta_assets import settings as project
from immuta_assets.audit.stored import ConnectionData, open_connection_data
from immuta_assets.datasets.root import StoreRoot, open_root
from immuta_assets.health.notifications import Notifier, NotifyError
from immuta_assets.layouts.lifecycle import choose_layouts
from immuta_assets.orchestration import automation, checks, failure_alerts, staleness
from immuta_assets.orchestration.assets.access_summary import build_tables
from immuta_assets.orchestration.assets.audit import (
    Connected,
    build_query_events,
    build_status_asset,
    build_unknown_users,
)
from immuta_assets.orchestration.assets.maintenance import build_maintenance
from immuta_assets.orchestration.assets.outcomes import build_outcomes
from immuta_assets.orchestration.assets.published import build_published
from immuta_assets.orchestration.assets.query_history import build_plan_asset, build_query_history
from immuta_assets.orchestration.assets.tenant import build_tenant
from immuta_assets.orchestration.destinations import bind_open_store, choose_expected
from immuta_assets.orchestration.partitions import define_export_days
from immuta_assets.orchestration.partitions import define_hours as hours_since
from immuta_assets.orchestration.storage import DatasetIOManager, open_datasets
from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.connections import load


def build_graph(settings: project.Settings) -> dg.Definitions:
    """Return the whole graph for these settings."""
    with warnings.catch_warnings():
        # Checks per partition are a preview of Dagster; tests hold what is relied on.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        # So is reading many hours in one run.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _merge_definitions(settings)


def _merge_definitions(settings: project.Settings) -> dg.Definitions:
    root = open_root(settings)
    loaded = load(settings.connections, os.environ) if settings.connections.exists() else []
    connections = [(each, open_connection_data(root, each.name)) for each in loaded]
    audit = [_build_audit(connections, root)] if connections else []
    each = [_build_connection(connection, data, root, settings.start) for connection, data in connections]
    storage = DatasetIOManager(open_datasets(root, [data for _, data in connections]))
    return dg.Definitions.merge(_build_export(settings, root, storage), *audit, *each)


def _build_export(settings: project.Settings, root: StoreRoot, storage: DatasetIOManager) -> dg.Definitions:
    """Return what becomes of a tenant dump, and what watches over it."""
    days = define_export_days(settings.export_timezone)
    watch = _build_watch(settings)
    versions = [layout.version for layout in choose_layouts(settings)]
    export = automation.build_export_job(versions, without=staleness.list_check_keys())
    republish = staleness.build_republish_job(versions)
    return dg.Definitions(
        assets=[
            build_tenant(settings, days),
            build_outcomes(days),
            *build_tables(days),
            build_published(settings, root, days),
        ],
        asset_checks=_build_checks(days, watch),
        jobs=[export, republish],
        schedules=[automation.build_export_schedule(export, settings.export_timezone)],
        sensors=[
            staleness.build_destinations_sensor(watch, root, export, republish),
            failure_alerts.build_failed_runs_sensor(watch),
            failure_alerts.build_failures_sensor(watch),
        ],
        resources={"io_manager": storage},
        # Processes of their own would cost more than all steps together.
        executor=dg.in_process_executor,
    )


def _build_checks(days: dg.PartitionsDefinition[str], watch: staleness.Watch) -> list[dg.AssetChecksDefinition]:
    """Return the checks that no asset evaluates itself."""
    return [
        checks.build_valid_policies(days),
        *checks.build_documented_nulls(days),
        *checks.build_joins(days),
        staleness.build_destination_checks(watch),
    ]


def _build_watch(settings: project.Settings) -> staleness.Watch:
    """Return what is watched, and who is told."""
    try:
        notifier = Notifier(settings.notify)
    except NotifyError as error:
        raise project.SettingsError(str(error)) from error
    return staleness.Watch(
        settings.destination,
        bind_open_store(settings),
        choose_expected(settings),
        notifier,
        settings.notify_every,
        settings.ui,
    )


def _build_connection(connection: Connection, data: ConnectionData, root: StoreRoot, start: date) -> dg.Definitions:
    """Return what there is once per connection."""
    hours = hours_since(start)
    plan, ingest, reattribute = (
        job(connection, data)
        for job in (automation.build_plan_job, automation.build_ingest_job, automation.build_reattribute_job)
    )
    maintain = automation.build_maintain_job(connection)
    return dg.Definitions(
        assets=[
            build_plan_asset(connection, data, root, start),
            build_query_history(connection, data, hours),
            build_query_events(connection, data, root, hours),
            build_maintenance(connection, data),
        ],
        jobs=[plan, ingest, reattribute, maintain],
        schedules=[
            automation.build_plan_schedule(connection, plan),
            automation.build_maintenance_schedule(connection, maintain),
        ],
        sensors=[automation.build_due_hours_sensor(connection, data, [ingest, reattribute])],
    )


def _build_audit(connections: Sequence[Connected], root: StoreRoot) -> dg.Definitions:
    """Return what there is once for all connections."""
    assets = [build_unknown_users(connections, root), build_status_asset(connections, root)]
    return dg.Definitions(assets=assets, jobs=[automation.build_load_job(connections)])


@dg.definitions
def definitions() -> dg.Definitions:
    """Return the graph for the settings of the environment."""
    return build_graph(project.load())
