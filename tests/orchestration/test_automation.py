"""The daily schedule: at 05:00 local time it asks for the export day that opens at that moment."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from immuta_assets.definitions import build_graph
from immuta_assets.settings import load

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    folder = tmp_path_factory.mktemp("schedule")
    return build_graph(load(tenant=str(folder), store=folder, destination=folder, export_timezone=NEW_YORK))


@pytest.fixture(scope="module")
def schedule(definitions: dg.Definitions) -> dg.ScheduleDefinition:
    return definitions.resolve_schedule_def("daily_export")


def test_the_schedule_runs_by_default_at_five_in_the_exports_zone(schedule: dg.ScheduleDefinition) -> None:
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "0 5 * * *"
    assert schedule.execution_timezone == "America/New_York"


@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-08", "2026-03-09", "2026-10-31", "2026-11-01", "2026-11-02"])
def test_the_tick_requests_the_export_day_that_opens_then(
    definitions: dg.Definitions, schedule: dg.ScheduleDefinition, day: str
) -> None:
    tick = datetime.fromisoformat(f"{day}T05:00:00").replace(tzinfo=NEW_YORK)
    context = dg.build_schedule_context(scheduled_execution_time=tick, repository_def=definitions.get_repository_def())
    requests = schedule.evaluate_tick(context).run_requests
    assert requests is not None
    assert [request.partition_key for request in requests] == [day]
