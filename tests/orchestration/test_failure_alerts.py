"""Failed runs, checks and ticks: told through the same channel, once, and without a word about people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo
from fakes.webhook import Webhook
from pydantic import SecretStr

from immuta_assets.health.notifications import Notifier
from immuta_assets.object_store import open_store
from immuta_assets.orchestration.failure_alerts import build_failed_runs_sensor, build_failures_sensor
from immuta_assets.orchestration.staleness import Watch
from immuta_assets.publishing.verdicts import Expected
from immuta_assets.settings import parse_layouts

NOON = datetime(2026, 5, 4, 10, tzinfo=UTC)
LINK = "https://dagster.example"
ORIGIN = RemoteInstigatorOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("immuta_assets"), "__repository__"), "daily_export"
)
KEY = dg.AssetKey(["tenant", "users"])


@dg.asset(key=KEY)
def users() -> None:
    message = "users.ndjson: lines 1 and 2 both have userid 'ada@example.com'."
    raise dg.Failure(message, allow_retries=False)


@dg.asset_check(asset=KEY)
def references() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dataclass
class Alerts:
    """The sensor of failures, tick by tick."""

    watch: Watch
    instance: dg.DagsterInstance
    cursor: str | None = None
    seconds: Iterator[int] = field(default_factory=count)

    def tick(self) -> None:
        sensor = build_failures_sensor(self.watch)
        schedule = dg.ScheduleDefinition(name="daily_export", cron_schedule="0 5 * * *", target=users)
        definitions = dg.Definitions([users], asset_checks=[references], schedules=[schedule], sensors=[sensor])
        repository = definitions.get_repository_def()
        result = sensor(dg.build_sensor_context(self.instance, self.cursor, repository_def=repository))
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor

    def evaluated(self, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, *, passed: bool) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                KEY, "references", passed=passed, severity=severity, description="2 dangling, owner 'Ada Lovelace'"
            )
        )

    def ticked(self, status: TickStatus) -> None:
        """Record a tick of the schedule, as the daemon does."""
        (state,) = self.instance.all_instigator_state()
        error = SerializableErrorInfo("'ada' is unknown", [], "KeyError") if status is TickStatus.FAILURE else None
        data = TickData(
            state.instigator_origin_id,
            state.instigator_name,
            InstigatorType.SCHEDULE,
            status,
            NOON.timestamp() + next(self.seconds),
            run_ids=[],
            error=error,
            selector_id=state.selector_id,
        )
        self.instance.create_tick(data)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One that keeps ticks, as an ephemeral one does not."""
    with dg.instance_for_test() as kept:
        yield kept


@pytest.fixture
def alerts(hook: Webhook, instance: dg.DagsterInstance) -> Alerts:
    watch = Watch(
        destinations=[],
        open_store=open_store,
        expected=Expected(parse_layouts("prpr2"), ZoneInfo("UTC")),
        notifier=Notifier([SecretStr(hook.address)]),
        repeat_every=timedelta(hours=6),
        link=LINK,
        clock=lambda: NOON,
    )
    return Alerts(watch, instance)


def test_a_failed_check_is_told_once_and_so_is_its_end(alerts: Alerts, hook: Webhook) -> None:
    for passed in (True, False, False, True, True):
        alerts.evaluated(passed=passed)
        alerts.tick()
    assert hook.titles == [f"Check references of tenant/users: {kind}" for kind in ("opened", "resolved")]
    assert "Ada" not in str(hook.received)


def test_a_warning_stays_in_the_user_interface(alerts: Alerts, hook: Webhook) -> None:
    alerts.evaluated(dg.AssetCheckSeverity.WARN, passed=False)
    alerts.tick()
    assert hook.received == []


def test_a_schedule_that_fails_is_told_once_and_so_is_its_end(alerts: Alerts, hook: Webhook) -> None:
    alerts.instance.add_instigator_state(
        InstigatorState(ORIGIN, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, ScheduleInstigatorData("0 5 * * *"))
    )
    for status in (TickStatus.SKIPPED, TickStatus.FAILURE, TickStatus.STARTED, TickStatus.SKIPPED):
        alerts.ticked(status)
        alerts.tick()
    assert hook.titles == [f"Schedule daily_export: {kind}" for kind in ("opened", "resolved")]
    assert "Its last tick failed: KeyError." in hook.received[0]["message"]
    assert "ada" not in str(hook.received)


def test_a_failed_run_is_told_with_step_error_and_link_and_without_people(alerts: Alerts, hook: Webhook) -> None:
    job = dg.Definitions([users]).resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(instance=alerts.instance, raise_on_error=False)
    failed = next(event for event in run.all_events if event.event_type_value == "PIPELINE_FAILURE")
    sensor = build_failed_runs_sensor(alerts.watch)
    sensor(dg.build_run_status_sensor_context(sensor.name, failed, alerts.instance, run.dagster_run).for_run_failure())
    (told,) = hook.received
    assert "Step tenant__users: users.ndjson: lines 1 and 2 both have userid '…'." in told["message"]
    assert f"{LINK}/runs/{run.run_id}" in told["message"]
    assert "ada" not in str(told)
