"""Failure alerts: people are told of failed runs, failed checks, and schedules and sensors that fail themselves.

Add another kind of failure here. What lies at the destinations has its own sensor (``staleness``). A daemon that does
not run tells nobody: that is what ``immuta-assets status`` in a cron elsewhere is for.
"""

# No postponed annotations: Dagster compares that of `context` itself.
from collections.abc import Mapping

import dagster as dg
import msgspec
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from immuta_assets.health.incidents import Change, Incident, after, changes
from immuta_assets.health.notifications import Message, without_people
from immuta_assets.orchestration.causes import error_of
from immuta_assets.orchestration.staleness import KINDS, Watch, check_keys

FINISHED_TICKS = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]

Incidents = dict[str, Incident]


def failed_runs(watch: Watch) -> dg.SensorDefinition:
    """Return the sensor that tells of every run that fails: the steps, their errors without people, a link."""

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tell people of runs that fail.",
    )
    def tell(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        steps = [f"Step {event.step_key}: {error_of(event)}" for event in context.get_step_failure_events()]
        day = run.tags.get("dagster/partition") or run.tags.get("dagster/asset_partition_range_start") or "all"
        body = [f"Partition {day}.", *(steps or ["Its process ended."]), f"{watch.link}/runs/{run.run_id}"]
        watch.notifier.send(Message(f"Run of {run.job_name} failed", "\n".join(body)), context.log)

    return tell


def failures(watch: Watch) -> dg.SensorDefinition:
    """Return the sensor that tells of checks that fail, and of schedules and sensors whose last tick failed."""

    @dg.sensor(
        name="failures",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tell people of failed checks, and of schedules and sensors that fail.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = msgspec.json.decode(context.cursor or "{}", type=Incidents)
        problems = _failed_checks(context, known) | _failed_ticks(context)
        told = [
            change
            for change in changes(known, problems, watch.clock(), watch.repeat_every)
            if watch.notifier.send(_message(change, watch.link), context.log)
        ]
        return dg.SensorResult(cursor=msgspec.json.encode(after(known, told)).decode())

    return look


def _failed_checks(context: dg.SensorEvaluationContext, known: Mapping[str, Incident]) -> dict[str, str]:
    """Return the checks that failed gravely when they were evaluated last; warnings stay in the UI."""
    keys = _repository(context).asset_graph.asset_check_keys - set(check_keys())
    latest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    failed = {}
    for key, record in latest.items():
        subject = f"Check {key.name} of {key.asset_key.to_user_string()}"
        evaluation = record.event and record.event.asset_check_evaluation
        if record.status is AssetCheckExecutionRecordStatus.PLANNED and subject in known:
            failed[subject] = known[subject].told
        elif evaluation and not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
            failed[subject] = without_people(evaluation.description or "It failed.")
    return failed


def _failed_ticks(context: dg.SensorEvaluationContext) -> dict[str, str]:
    """Return the schedules and sensors whose last tick failed, of those that there still are and that are on."""
    repository = _repository(context)
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


def _repository(context: dg.SensorEvaluationContext) -> dg.RepositoryDefinition:
    if context.repository_def is None:
        msg = "A sensor that looks at what is defined is evaluated with its repository."
        raise TypeError(msg)
    return context.repository_def


def _message(change: Change, link: str) -> Message:
    told = "It is well again." if change.kind == "resolved" else change.incident.told
    since = f"It began {change.incident.since:%Y-%m-%d %H:%M} UTC."
    return Message(f"{change.subject}: {change.kind}", f"{told}\n{since}\n{link}", KINDS[change.kind])
