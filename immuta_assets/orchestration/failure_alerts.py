"""Failure alerts: messages about failed runs, failed checks, and schedules and sensors that fail themselves.

Add another kind of failure here. What lies at the destinations has its own sensor (``staleness``). A daemon that does
not run sends nothing: that is what ``immuta-assets status`` in a cron elsewhere is for.
"""

# No postponed annotations: Dagster compares that of `context` itself.
from collections.abc import Mapping

import dagster as dg
import msgspec
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from immuta_assets.health.incidents import Incident, IncidentChange, apply_changes, find_changes
from immuta_assets.health.notifications import Message
from immuta_assets.orchestration.causes import describe_error
from immuta_assets.orchestration.staleness import KINDS, Watch, list_check_keys
from immuta_assets.secrets import redact_people

FINISHED_TICKS = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]

Incidents = dict[str, Incident]


def build_failed_runs_sensor(watch: Watch) -> dg.SensorDefinition:
    """Return the sensor that sends a message about every run that fails: steps, errors without people, a link."""

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notify people of every run that fails: its steps, their errors, a link.",
    )
    def tell(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        steps = [f"Step {event.step_key}: {describe_error(event)}" for event in context.get_step_failure_events()]
        day = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start") or "all"
        body = [f"Partition {day}.", *(steps or ["Its process ended."]), f"{watch.link}/runs/{run.run_id}"]
        watch.notifier.send(Message(f"Run of {run.job_name} failed", "\n".join(body)), context.log)

    return tell


def build_failures_sensor(watch: Watch) -> dg.SensorDefinition:
    """Return the sensor that sends messages about failed checks, and about schedules and sensors whose tick failed."""

    @dg.sensor(
        name="failures",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every minute: notify people of failed checks, and of schedules and sensors that fail.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = msgspec.json.decode(context.cursor or "{}", type=Incidents)
        problems = _find_failed_checks(context, known) | _find_failed_ticks(context)
        sent = [
            change
            for change in find_changes(known, problems, watch.clock(), watch.repeat_every)
            if watch.notifier.send(_write_message(change, watch.link), context.log)
        ]
        return dg.SensorResult(cursor=msgspec.json.encode(apply_changes(known, sent)).decode())

    return look


def _find_failed_checks(context: dg.SensorEvaluationContext, known: Mapping[str, Incident]) -> dict[str, str]:
    """Return the checks that failed gravely when they were evaluated last; warnings stay in the UI."""
    keys = _require_repository(context).asset_graph.asset_check_keys - set(list_check_keys())
    latest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    failed = {}
    for key, record in latest.items():
        subject = f"Check {key.name} of {key.asset_key.to_user_string()}"
        evaluation = record.event and record.event.asset_check_evaluation
        if record.status is AssetCheckExecutionRecordStatus.PLANNED and subject in known:
            failed[subject] = known[subject].description
        elif evaluation and not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
            failed[subject] = redact_people(evaluation.description or "It failed.")
    return failed


def _find_failed_ticks(context: dg.SensorEvaluationContext) -> dict[str, str]:
    """Return the schedules and sensors whose last tick failed, of those that there still are and that are on."""
    repository = _require_repository(context)
    names = {each.name for each in repository.schedule_defs} | {each.name for each in repository.sensor_defs}
    failed = {}
    for state in context.instance.all_instigator_state():
        if state.is_running and state.instigator_name in names:
            ticks = context.instance.get_ticks(
                state.instigator_origin_id, state.selector_id, limit=1, statuses=FINISHED_TICKS
            )
            if ticks and ticks[0].status is TickStatus.FAILURE:
                subject = f"{state.instigator_type.value.capitalize()} {state.instigator_name}"
                failed[subject] = f"Its last tick failed: {ticks[0].error.cls_name if ticks[0].error else 'no error'}."
    return failed


def _require_repository(context: dg.SensorEvaluationContext) -> dg.RepositoryDefinition:
    if context.repository_def is None:
        msg = "A sensor that looks at what is defined is evaluated with its repository."
        raise TypeError(msg)
    return context.repository_def


def _write_message(change: IncidentChange, link: str) -> Message:
    text = "It is well again." if change.kind == "resolved" else change.incident.description
    since = f"It began {change.incident.since:%Y-%m-%d %H:%M} UTC."
    return Message(f"{change.subject}: {change.kind}", f"{text}\n{since}\n{link}", KINDS[change.kind])
