"""Causes: what the instance knows of why an export is not what it should be, as one sentence without people.

Add a cause here when the instance can tell it. Reading the instance's records belongs here too, so that what Dagster
may change lies in one place.
"""

from __future__ import annotations

import dagster as dg

from immuta_assets.orchestration.automation import EXPORT, UNFINISHED
from immuta_assets.publishing.verdicts import Judgement, Verdict
from immuta_assets.secrets import redact_people

REPUBLISH = "republish"
SCHEDULER = "SCHEDULER"


def find_probable_cause(instance: dg.DagsterInstance, judgement: Judgement, link: str) -> str:
    """Say what most likely is behind a judgement: credentials, the last run, the schedule, the daemon."""
    if Verdict.UNKNOWN in judgement.verdicts:
        return "the destination could not be read with these credentials and this network; see above."
    runs = [
        run for job in (EXPORT, REPUBLISH) for run in instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    ]
    newest = max(runs, key=lambda run: run.create_timestamp, default=None)
    if newest is None:
        return _explain_no_run(instance)
    run = newest.dagster_run
    place = f"{link}/runs/{run.run_id}"
    run_of_day = f"the last run, of export day {run.tags.get('dagster/partition', 'unknown')},"
    if run.status in UNFINISHED:
        return f"{run_of_day} is not finished ({place})."
    if run.status is dg.DagsterRunStatus.FAILURE:
        return f"{run_of_day} failed: {describe_failure(instance, run.run_id)} ({place})."
    if run.tags.get("dagster/partition", "") < judgement.day.isoformat():
        return f"{run_of_day} ended as {run.status.value}, and none was started since; {_explain_no_run(instance)}"
    return f"{run_of_day} ended as {run.status.value} ({place}); somebody else may have changed the destination."


def describe_failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """Name the first step of a run that failed, and its error without what may be about a person."""
    failed = [
        event.dagster_event
        for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        if event.dagster_event
    ]
    return f"step {failed[0].step_key}: {describe_error(failed[0])}" if failed else "its process ended; see its log"


def describe_error(event: dg.DagsterEvent) -> str:
    """Return the error of a failed step, without what may be about a person."""
    data = event.step_failure_data
    if data.user_failure_data:
        return redact_people(str(data.user_failure_data.description))
    return data.error.cls_name or "error" if data.error else "error"


def _explain_no_run(instance: dg.DagsterInstance) -> str:
    statuses = instance.get_daemon_statuses([SCHEDULER])
    if SCHEDULER in statuses and statuses[SCHEDULER].healthy is False:
        return "the scheduler daemon does not run: start `dagster-daemon run`."
    return "no run was started: see whether the schedule daily_export is on."
