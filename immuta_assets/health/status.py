"""Status: what is judged of the destinations and of the ingestion, as people and programs read it.

Add here what a sentence, a row or an exit code says. What is true of a destination belongs to ``publishing.verdicts``,
what of a connection to ``ingestion``, how it is printed to ``cli``. Nothing here is about a person: destinations,
files, export days, connections, hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from immuta_assets.datasets.export_days import compute_deadline
from immuta_assets.health.ingestion import IngestionJudgement, IngestionVerdict, watch_ingestion
from immuta_assets.object_store import Store, StoreError, UnavailableError, parse
from immuta_assets.publishing.verdicts import (
    MEANINGS,
    REPAIRABLE,
    Expected,
    JudgedFile,
    Judgement,
    Sight,
    Verdict,
    inspect_destination,
    judge,
    report_unseen,
)
from immuta_assets.settings import Settings

FINE, STALE, UNKNOWN = 0, 1, 2
"""Exit codes: all is well; something is stale, or a store does not answer; it could not be judged."""

SHOWN = 20
"""How many files a sentence names at most."""

OpenStore = Callable[[str], Store]


class FileRow(NamedTuple):
    """A file at a destination, for a table; ``verdict`` is ``fine`` or its verdicts."""

    destination: str
    layout: str
    table: str
    verdict: str
    export_date: str


class Health(NamedTuple):
    """What is judged at a moment: the destinations by what must lie there, and the ingestion of every connection."""

    destinations: Sequence[Judgement]
    expected: Expected
    ingestion: Sequence[IngestionJudgement] = ()


def judge_health(settings: Settings, open_store: OpenStore, expected: Expected, now: datetime) -> Health:
    """Judge every destination and every connection of the settings; what cannot be read is unknown."""
    judgements = judge_destinations(settings.destination, open_store, expected, now)
    return Health(judgements, expected, watch_ingestion(settings, now))


def judge_destinations(
    destinations: Sequence[str], open_store: OpenStore, expected: Expected, now: datetime
) -> list[Judgement]:
    """Look at every destination and judge it; one that cannot be opened or read is unknown, and no error is raised."""
    return [judge(_look_at(destination, open_store), expected, now) for destination in destinations]


def redact_address(destination: str) -> str:
    """Return an address for people: one that has no allowed form may hold a secret, and is not shown."""
    try:
        return parse(destination).uri
    except StoreError:
        return "an address of no allowed form"


def list_files(health: Health) -> list[FileRow]:
    """Return a row per file, by destination; where something is wrong comes first."""
    return [
        FileRow(each.destination, file.layout, file.table, _join_verdicts(file), _format_date(file.export_date))
        for each in sorted(health.destinations, key=_is_fine)
        for file in sorted(each.files, key=lambda file: not file.verdicts)
    ]


def group_files(health: Health) -> list[tuple[str, list[FileRow]]]:
    """Return the rows of each destination, in the order of ``list_files``."""
    return [(name, list(rows)) for name, rows in groupby(list_files(health), key=lambda row: row.destination)]


def list_ingestion(health: Health) -> list[IngestionJudgement]:
    """Return the judgement of each connection; where something is wrong comes first."""
    return sorted(health.ingestion, key=lambda each: each.verdict is IngestionVerdict.FINE)


def describe_problems(health: Health) -> list[str]:
    """Return what is wrong and what to do, a sentence each; empty where all is well."""
    of_files = [f"{each.destination}: {line}" for each in health.destinations for line in _describe(each, health)]
    return [*of_files, *(note for each in list_ingestion(health) for note in each.notes)]


def choose_exit_code(health: Health) -> int:
    """Return how ``immuta-assets status`` ends; outdated layouts alone are no reason to alarm readers."""
    verdicts = {verdict for each in health.destinations for verdict in each.verdicts}
    connections = {each.verdict for each in health.ingestion}
    if verdicts - {Verdict.UNKNOWN} or any(isinstance(each.error, UnavailableError) for each in health.destinations):
        return STALE
    if connections & {IngestionVerdict.UNREAD, IngestionVerdict.STALE}:
        return STALE
    return UNKNOWN if verdicts or IngestionVerdict.UNKNOWN in connections else FINE


def build_report(health: Health) -> dict[str, Any]:
    """Return the same as plain data; moments are ISO-8601 in UTC, lags are seconds."""
    return {
        "fine": choose_exit_code(health) == FINE,
        "files": [row._asdict() for row in list_files(health)],
        "ingestion": [_report_connection(each) for each in list_ingestion(health)],
        "notes": describe_problems(health),
    }


def describe_verdicts(judgement: Judgement) -> list[str]:
    """Say what is wrong with the files of a destination, a sentence per verdict, the gravest first."""
    return [_describe_verdict(verdict, judgement.files) for verdict in Verdict if verdict in judgement.verdicts]


def describe_circumstances(judgement: Judgement, expected: Expected) -> list[str]:
    """Say what is to be known besides: the error met, the last export, the deadline missed, what to do."""
    missed = compute_deadline(judgement.day, expected.timezone, expected.grace)
    lines = [
        str(judgement.error) if judgement.error else "",
        f"Last complete export: export_date {_format_date(judgement.published) or 'none known'}.",
        f"Deadline missed: {missed.astimezone(expected.timezone):%Y-%m-%d %H:%M} {expected.timezone.key}, "
        f"export day {judgement.day}."
        if Verdict.OVERDUE in judgement.verdicts
        else "",
        *_choose_remedies(judgement),
    ]
    return [line for line in lines if line]


def _choose_remedies(judgement: Judgement) -> list[str]:
    remedies = {
        "Run `immuta-assets doctor`: it says which permission or setting is missing.": {Verdict.UNKNOWN},
        "Run `immuta-assets export`: it makes the export of the day that is due and publishes it.": {Verdict.OVERDUE},
        "Run `dg launch --job republish --partition <newest export day stored>`, unless the sensor did.": REPAIRABLE,
        "Have readers use the layout that is published (`immuta-assets layouts cutover`), then delete the files of the "
        "retired one.": {Verdict.SUPERSEDED},
    }
    return [remedy for remedy, verdicts in remedies.items() if judgement.verdicts & verdicts]


def _describe(judgement: Judgement, health: Health) -> list[str]:
    found = describe_verdicts(judgement)
    return [
        *found,
        *(describe_circumstances(judgement, health.expected) if found else []),
        *judgement.outdated,
    ]


def _describe_verdict(verdict: Verdict, files: Sequence[JudgedFile]) -> str:
    found = [f"{file.layout}/{file.table}" for file in files if verdict in file.verdicts]
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return (
        f"{verdict.capitalize()}, {len(found):,} of the files: {MEANINGS[verdict]} ({', '.join(found[:SHOWN])}{more})."
    )


def _report_connection(judgement: IngestionJudgement) -> dict[str, Any]:
    newest, lag = judgement.newest_hour, judgement.lag
    return {
        "connection": judgement.connection,
        "verdict": judgement.verdict,
        "newest_hour": newest.isoformat() if newest else None,
        "lag_seconds": None if lag is None else int(lag.total_seconds()),
        "missing_hours": judgement.missing,
        "due_hours": judgement.due,
    }


def _look_at(destination: str, open_store: OpenStore) -> Sight:
    try:
        return inspect_destination(open_store(destination))
    except StoreError as error:
        return report_unseen(redact_address(destination), error)


def _is_fine(judgement: Judgement) -> bool:
    return not judgement.verdicts


def _join_verdicts(file: JudgedFile) -> str:
    return ", ".join(file.verdicts) or "fine"


def _format_date(export_date: datetime | None) -> str:
    return f"{export_date.replace(tzinfo=None):%Y-%m-%d %H:%M:%S} UTC" if export_date else ""
