"""Staleness in Dagster: what lies at the destinations as checks of the published assets, messages and repairs.

Add here how a judgement reaches people and which run puts it right. What is judged belongs to ``publishing.verdicts``,
what is said of it to ``health.status``, and messages about other failures to ``failure_alerts``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg
import msgspec

from immuta_assets.datasets.export_days import find_day
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.health import status
from immuta_assets.health.incidents import Incident, IncidentChange, apply_changes, find_changes
from immuta_assets.health.notifications import Kind, Message, Notifier
from immuta_assets.layouts.lifecycle import published_on
from immuta_assets.layouts.stored import open_layout
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.orchestration.automation import EXPORT, UNFINISHED
from immuta_assets.orchestration.causes import REPUBLISH, find_probable_cause
from immuta_assets.publishing.verdicts import FAMILIES, MEANINGS, REPAIRABLE, Expected, Judgement, Verdict

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

SENSOR = "destinations"
EVERY_SECONDS = 300
"""How often the destinations are looked at."""

KINDS: Mapping[str, Kind] = {"opened": "failure", "changed": "failure", "reminder": "warning", "resolved": "success"}


def _read_clock() -> datetime:
    return datetime.now(UTC)


class Watch(NamedTuple):
    """What is watched, who gets messages, and how often again: ``link`` is the address of Dagster's UI.

    ``open_store`` must give up well within Dagster's minute for a sensor.
    """

    destinations: Sequence[str]
    open_store: status.OpenStore
    expected: Expected
    notifier: Notifier
    repeat_every: timedelta
    link: str
    clock: Callable[[], datetime] = _read_clock


class Memory(msgspec.Struct, frozen=True):
    """What the sensor keeps between its ticks: the incidents that are open, and what each check said last."""

    incidents: dict[str, Incident] = {}
    evaluated: dict[str, str] = {}


def list_check_keys() -> list[dg.AssetCheckKey]:
    """Return the keys of the checks of what lies at the destinations, to be left out of partitioned jobs."""
    return [dg.AssetCheckKey(_make_key(version, table), name) for version, table in _list_tables() for name in FAMILIES]


def build_destination_checks(watch: Watch) -> dg.AssetChecksDefinition:
    """Return the checks of the published assets; the sensor evaluates them, and an operator may at any time."""
    specs = [
        dg.AssetCheckSpec(name, asset=_make_key(version, table), description=family.promise)
        for version, table in _list_tables()
        for name, family in FAMILIES.items()
    ]

    @dg.multi_asset_check(name="look_at_destinations", specs=specs, can_subset=True)
    def look_at_destinations(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for each in _evaluate_all(_judge(watch)):
            if each.asset_check_key not in context.selected_asset_check_keys:
                continue
            yield dg.AssetCheckResult(
                asset_key=each.asset_key,
                check_name=each.check_name,
                passed=each.passed,
                severity=each.severity,
                description=each.description,
            )

    return look_at_destinations


def build_republish_job(versions: Iterable[str]) -> "Job":
    """Return the job that publishes the stored files of an export day again."""
    selection = dg.AssetSelection.key_prefixes(*(["published", version] for version in versions))
    return dg.define_asset_job(
        REPUBLISH,
        selection=selection - dg.AssetSelection.checks(*list_check_keys()),
        description="Publish the stored files of an export day again, as they are: nothing is computed.",
    )


def build_destinations_sensor(watch: Watch, root: StoreRoot, export: "Job", republish: "Job") -> dg.SensorDefinition:
    """Return the sensor that judges the destinations, sends messages about them and asks for runs that repair them."""

    @dg.sensor(
        name=SENSOR,
        jobs=[export, republish],
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Every 5 minutes: judge the files at every destination, notify people of what changed, and request "
        "runs of republish or export that repair them.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        before = msgspec.json.decode(context.cursor or "{}", type=Memory)
        judgements = _judge(watch)
        evaluations = {_name_evaluation(each): each for each in _evaluate_all(judgements)}
        newest = _find_newest_materializations(context.instance)
        said = {
            name: f"{newest.get(each.asset_key)} {each.passed} {each.description}" for name, each in evaluations.items()
        }
        incidents = _send_changes(watch, context, judgements, before.incidents)
        return dg.SensorResult(
            run_requests=list(_request_repairs(watch, context.instance, root, judgements, incidents)),
            asset_events=[evaluations[name] for name, text in said.items() if before.evaluated.get(name) != text],
            cursor=msgspec.json.encode(Memory(incidents, said)).decode(),
        )

    return look


def _find_newest_materializations(instance: dg.DagsterInstance) -> dict[dg.AssetKey, int | None]:
    """Number the newest materialization of every published asset.

    The UI shows a check as not evaluated until it was evaluated after that.
    """
    keys = [_make_key(version, table) for version, table in _list_tables()]
    entries = [record.asset_entry for record in instance.get_asset_records(keys)]
    return {entry.asset_key: entry.last_materialization_storage_id for entry in entries}


def _judge(watch: Watch) -> list[Judgement]:
    return status.judge_destinations(watch.destinations, watch.open_store, watch.expected, watch.clock())


def _list_tables() -> Iterator[tuple[str, str]]:
    yield from ((version, table) for version, layout in LAYOUTS.items() for table in layout.tables)


def _make_key(version: str, table: str) -> dg.AssetKey:
    return dg.AssetKey(["published", version, table])


def _name_evaluation(evaluation: dg.AssetCheckEvaluation) -> str:
    return f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"


def _evaluate_all(judgements: Sequence[Judgement]) -> Iterator[dg.AssetCheckEvaluation]:
    """Evaluate every check of every published asset over all destinations; what does not lie there at all passes."""
    for version, table in _list_tables():
        for name in FAMILIES:
            yield _evaluate(version, table, name, judgements)


def _evaluate(version: str, table: str, name: str, judgements: Sequence[Judgement]) -> dg.AssetCheckEvaluation:
    found = [
        (each, verdict)
        for each in judgements
        for file in each.files
        if (file.layout, file.table) == (version, table)
        for verdict in file.verdicts
        if verdict in FAMILIES[name].verdicts
    ]
    wrong = [f"{each.destination}: {MEANINGS[verdict]}." for each, verdict in found]
    outdated = [line for each in judgements for line in each.outdated] if name == "current_layout" else []
    return dg.AssetCheckEvaluation(
        asset_key=_make_key(version, table),
        check_name=name,
        passed=not wrong and not outdated,
        severity=dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN,
        description=" ".join([*wrong, *dict.fromkeys(outdated)]) or None,
    )


def _send_changes(
    watch: Watch, context: dg.SensorEvaluationContext, judgements: Sequence[Judgement], known: dict[str, Incident]
) -> dict[str, Incident]:
    """Send a message about every change, and return the incidents that are open then."""
    by_destination = {each.destination: each for each in judgements}
    problems = {
        name: "\n".join(found) for name, each in by_destination.items() if (found := status.describe_verdicts(each))
    }
    sent = [
        change
        for change in find_changes(known, problems, watch.clock(), watch.repeat_every)
        if watch.notifier.send(_write_message(watch, context, change, by_destination.get(change.subject)), context.log)
    ]
    return apply_changes(known, sent)


def _write_message(
    watch: Watch, context: dg.SensorEvaluationContext, change: IncidentChange, judgement: Judgement | None
) -> Message:
    title = f"Access summary export at {change.subject}: {change.kind}"
    since = f"It began {change.incident.since:%Y-%m-%d %H:%M} UTC."
    if change.kind == "resolved" or judgement is None:
        return Message(title, f"All is well again. {since}", KINDS["resolved"])
    cause = find_probable_cause(context.instance, judgement, watch.link)
    circumstances = status.describe_circumstances(judgement, watch.expected)
    wrong = next(file for file in judgement.files if file.verdicts)
    page = f"{watch.link}/assets/published/{wrong.layout}/{wrong.table}?view=checks"
    body = [change.incident.description, since, *circumstances, f"Probable cause: {cause}", page]
    return Message(title, "\n".join(body), KINDS[change.kind])


def _request_repairs(
    watch: Watch,
    instance: dg.DagsterInstance,
    root: StoreRoot,
    judgements: Sequence[Judgement],
    incidents: Mapping[str, Incident],
) -> Iterator[dg.RunRequest]:
    """Ask for what puts the destinations right, once per message about an incident and never beside a run."""
    running = [dg.RunsFilter(job_name=name, statuses=UNFINISHED) for name in (EXPORT, REPUBLISH)]
    if any(instance.get_runs_count(each) for each in running):
        return
    now = watch.clock()
    asked: dict[tuple[str, str], str] = {}
    for each in judgements:
        repair = _choose_repair(each, find_day(now, watch.expected.timezone), _find_stored_day(watch, root, each.day))
        if repair:
            asked.setdefault(repair, _name_attempt(incidents.get(each.destination), now, watch.repeat_every))
    for (job, day), attempt in asked.items():
        yield dg.RunRequest(run_key=f"{job} {day} {attempt}", job_name=job, partition_key=day)


def _name_attempt(incident: Incident | None, now: datetime, every: timedelta) -> str:
    """Name an attempt to repair, so that it is made once per message, and also while none can be sent."""
    return (
        f"{incident.since.isoformat()} {incident.times}"
        if incident
        else f"untold {now.timestamp() // every.total_seconds():.0f}"
    )


def _choose_repair(judgement: Judgement, today: date, stored: str | None) -> tuple[str, str] | None:
    """Return the job and export day that put a destination right: what is stored, unless it is too old itself."""
    if not judgement.verdicts & (REPAIRABLE | {Verdict.OVERDUE}):
        return None
    if stored is None or (Verdict.OVERDUE in judgement.verdicts and stored < judgement.day.isoformat()):
        return EXPORT, today.isoformat()
    return REPUBLISH, stored


def _find_stored_day(watch: Watch, root: StoreRoot, day: date) -> str | None:
    """Return the newest export day of which the store holds every file that is published."""
    tables = [open_layout(root, version) for version in published_on(watch.expected.layouts, day)]
    days = [set(table.list_partitions()) for layout in tables for table in layout.values()]
    return max(set.intersection(*days), default=None)
