"""One export from beginning to end, in this process: what the command line runs and reports.

Add here what a caller outside Dagster needs to start a run or to read its result. What is run is the job of
``automation``; how results are shown to people belongs to ``cli``.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import dagster as dg

from immuta_assets.audit.stored import open_connection_data
from immuta_assets.datasets.export_days import ExportDayError, choose_export_day, find_day
from immuta_assets.datasets.root import open_root
from immuta_assets.definitions import build_graph
from immuta_assets.orchestration.assets.tenant import find_dump_folder
from immuta_assets.orchestration.automation import (
    EXPORT,
    RANGE_END,
    RANGE_START,
    list_due_runs,
    name_ingest_job,
    name_plan_job,
)
from immuta_assets.orchestration.moments import MOMENT
from immuta_assets.settings import Settings
from immuta_assets.tenant import dump
from immuta_assets.tenant.info import TenantInfo


class Step(NamedTuple):
    """A finished step of a run: the ``number``-th of ``total``."""

    number: int
    total: int
    name: str


class PublishedFile(NamedTuple):
    """A published file, at every destination; ``export_date`` is UTC without a zone."""

    layout: str
    name: str
    uris: list[str]
    rows: int
    columns: int
    bytes: int
    export_date: datetime


class Check(NamedTuple):
    """An evaluated check of an asset; ``description`` tells what was found, where something was."""

    asset: str
    name: str
    status: Literal["passed", "warned", "failed"]
    description: str


class Failure(NamedTuple):
    """Why a run failed: a blocking check, or input (dump, folders, time) that cannot be used; one sentence."""

    kind: Literal["check", "input"]
    message: str


@dataclass(frozen=True)
class ExportResult:
    """What came of an export; without a failure, ``files`` are all files of the layouts asked for."""

    export_day: str | None
    files: list[PublishedFile] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    failure: Failure | None = None


class UnexpectedError(Exception):
    """A bug ended the run; the message holds the traceback of the step."""


def run_export(
    settings: Settings,
    *,
    instance: dg.DagsterInstance,
    allow_shrink: bool = False,
    progress: Callable[[Step], None] = lambda _: None,
) -> ExportResult:
    """Materialize the export day that the dump belongs to and publish ``settings.layouts``.

    ``allow_shrink`` confirms that tables may have lost most of their rows.
    Wrong input and failed checks are part of the result; ``UnexpectedError`` is raised for bugs only, and
    KeyboardInterrupt where the run was interrupted.
    """
    try:
        day = _find_export_day(settings)
    except (dump.DumpError, ExportDayError) as error:
        return ExportResult(None, failure=Failure("input", str(error)))
    job = _build_job(settings, EXPORT, progress)
    with _keep_interrupt():
        run = job.execute_in_process(
            {"loggers": {"progress": {}}, "ops": {"published": {"config": {"allow_shrink": allow_shrink}}}},
            instance=instance,
            partition_key=day,
            raise_on_error=False,
        )
    checks = [_describe_check(evaluation) for evaluation in run.get_asset_check_evaluations()]
    return ExportResult(day, _list_files(run), checks, _find_failure(run, checks))


@contextmanager
def _keep_interrupt() -> Iterator[None]:
    """Let Ctrl-C stay a KeyboardInterrupt; Dagster handles it during a run."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError as error:
        raise KeyboardInterrupt from error


class IngestResult(NamedTuple):
    """What came of loading audit events: rows per asset, checks, and why it failed where it did."""

    rows: dict[str, int]
    checks: list[Check]
    failure: Failure | None


def run_ingest(
    settings: Settings,
    connection: str,
    hours: Sequence[str],
    *,
    instance: dg.DagsterInstance,
    progress: Callable[[Step], None] = lambda _: None,
) -> IngestResult:
    """Load the audit events of hours of a connection (partition keys, ascending and without gaps) in one run.

    Raises like ``run_export``.
    """
    tags = {RANGE_START: hours[0], RANGE_END: hours[-1]}
    return _summarize_runs([_run_in_process(settings, name_ingest_job(connection), tags, instance, progress)])


def run_due(
    settings: Settings,
    connection: str,
    *,
    moment: datetime,
    instance: dg.DagsterInstance,
    progress: Callable[[Step], None] = lambda _: None,
) -> IngestResult:
    """Load the audit events of every hour of a connection that is due at a moment: what schedule and sensor do.

    A failed run ends it; what is due then is due the next time. Raises like ``run_export``.
    """
    data = open_connection_data(open_root(settings), connection)
    runs = [_run_in_process(settings, name_plan_job(connection), {MOMENT: moment.isoformat()}, instance, progress)]
    if runs[0].success:
        plan = data.plan.scan().collect()
        for due in list_due_runs(connection, plan):
            runs.append(_run_in_process(settings, due.job, due.tags, instance, progress))
            if not runs[-1].success:
                break
    return _summarize_runs(runs)


def _run_in_process(
    settings: Settings,
    job: str,
    tags: Mapping[str, str],
    instance: dg.DagsterInstance,
    progress: Callable[[Step], None],
) -> dg.ExecuteInProcessResult:
    with _keep_interrupt():
        return _build_job(settings, job, progress).execute_in_process(
            {"loggers": {"progress": {}}}, instance=instance, tags=dict(tags), raise_on_error=False
        )


def _summarize_runs(runs: Sequence[dg.ExecuteInProcessResult]) -> IngestResult:
    checks = [_describe_check(evaluation) for evaluation in runs[-1].get_asset_check_evaluations()]
    return IngestResult(_count_rows(runs), checks, _find_failure(runs[-1], []))


def _count_rows(runs: Sequence[dg.ExecuteInProcessResult]) -> dict[str, int]:
    """Count what several runs stored per asset: the rows of all hours, the newest rows of what has no partitions."""
    rows = Counter[str]()
    for event in (event for run in runs for event in run.get_asset_materialization_events()):
        stored = event.step_materialization_data.materialization
        asset = stored.asset_key.to_user_string()
        rows[asset] = _read_row_count(stored) + (rows[asset] if stored.partition else 0)
    return dict(rows)


def _read_row_count(materialization: dg.AssetMaterialization) -> int:
    value = materialization.metadata["dagster/partition_row_count"].value
    return value if isinstance(value, int) else 0


def _find_export_day(settings: Settings) -> str:
    """Return the export day of the dump, or of the present where dumps of several days are kept."""
    today = find_day(datetime.now(UTC), settings.export_timezone).isoformat()
    tenant = dump.read(find_dump_folder(settings, today), ["tenant"])["tenant"]
    return choose_export_day(TenantInfo.read(tenant).dumped_at, settings.export_timezone, settings.dump_lead)


def _build_job(settings: Settings, name: str, progress: Callable[[Step], None]) -> dg.JobDefinition:
    """Return a job with ``progress`` as its only logger; Dagster's console stays quiet."""
    done = itertools.count(1)

    class Steps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            event = getattr(record, "dagster_event", None)
            if isinstance(event, dg.DagsterEvent) and event.is_step_success:
                progress(Step(next(done), len(job.nodes), str(event.step_key)))

    @dg.logger
    def make_logger(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("progress")  # noqa: LOG001  # one per run, so that handlers do not pile up
        logger.addHandler(Steps())
        return logger

    definitions = dg.Definitions.merge(build_graph(settings), dg.Definitions(loggers={"progress": make_logger}))
    job = definitions.resolve_job_def(name)
    return job


def _list_files(run: dg.ExecuteInProcessResult) -> list[PublishedFile]:
    stored = [event.step_materialization_data.materialization for event in run.get_asset_materialization_events()]
    return [_describe_file(one) for one in stored if one.asset_key.path[0] == "published"]


def _describe_file(materialization: dg.AssetMaterialization) -> PublishedFile:
    _, version, name = materialization.asset_key.path
    found: dict[str, Any] = {label: metadata.value for label, metadata in materialization.metadata.items()}
    return PublishedFile(
        layout=version,
        name=name,
        uris=found["destinations"],
        rows=found["dagster/partition_row_count"],
        columns=found["columns"],
        bytes=found["bytes"],
        export_date=datetime.fromisoformat(found["export_date"]),
    )


def _describe_check(evaluation: dg.AssetCheckEvaluation) -> Check:
    unmet: Literal["failed", "warned"] = "failed" if evaluation.severity is dg.AssetCheckSeverity.ERROR else "warned"
    return Check(
        asset=evaluation.asset_key.to_user_string(),
        name=evaluation.check_name,
        status="passed" if evaluation.passed else unmet,
        description=evaluation.description or "",
    )


def _find_failure(run: dg.ExecuteInProcessResult, checks: Iterable[Check]) -> Failure | None:
    if run.success:
        return None
    kind: Literal["check", "input"] = "check" if any(check.status == "failed" for check in checks) else "input"
    return Failure(kind, _write_message(next(event for event in run.all_events if event.is_step_failure)))


def _write_message(failed: dg.DagsterEvent) -> str:
    data = failed.step_failure_data
    if data.user_failure_data:
        return str(data.user_failure_data.description)
    if data.error and data.error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
        raise KeyboardInterrupt
    if data.error and data.error.cls_name == dg.RetryRequested.__name__ and data.error.cause:
        return f"{data.error.cause.message.strip()}, also when tried again."
    raise UnexpectedError(data.error_display_string)
