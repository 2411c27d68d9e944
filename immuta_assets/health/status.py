"""Status: the judgement of the destinations as people and programs are told it.

Add here what a sentence, a row or an exit code says; what is true belongs to ``staleness``, how it is printed to
``cli``. Nothing here is about a person: destinations, files, export days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from immuta_assets.datasets.export_days import deadline
from immuta_assets.object_store import Store, StoreError, UnavailableError, parse
from immuta_assets.publishing.verdicts import (
    MEANINGS,
    REPAIRABLE,
    Expected,
    Judged,
    Judgement,
    Sight,
    Verdict,
    judge,
    look,
    unseen,
)

FINE, STALE, UNTOLD = 0, 1, 2
"""Exit codes: all is well; something is stale, or a store does not answer; it could not be told."""

SHOWN = 20
"""How many files a sentence names at most."""

OpenStore = Callable[[str], Store]


class Row(NamedTuple):
    """A file at a destination, for a table; ``verdict`` is ``fine`` or its verdicts."""

    destination: str
    layout: str
    table: str
    verdict: str
    export_date: str


def judged(destinations: Sequence[str], open_store: OpenStore, expected: Expected, now: datetime) -> list[Judgement]:
    """Look at every destination and judge it; one that cannot be opened or read is unknown, and no error is raised."""
    return [judge(_sight(destination, open_store), expected, now) for destination in destinations]


def shown(destination: str) -> str:
    """Return an address for people: one that has no allowed form may hold a secret, and is not shown."""
    try:
        return parse(destination).uri
    except StoreError:
        return "an address of no allowed form"


def rows(judgements: Sequence[Judgement]) -> list[Row]:
    """Return a row per file."""
    return [
        Row(judgement.destination, file.layout, file.table, _verdict(file), _shown(file.export_date))
        for judgement in judgements
        for file in judgement.files
    ]


def notes(judgements: Sequence[Judgement], expected: Expected) -> list[str]:
    """Return what is wrong with each destination and what to do, a sentence each; empty where all is well."""
    return [f"{each.destination}: {line}" for each in judgements for line in _notes(each, expected)]


def exit_code(judgements: Sequence[Judgement]) -> int:
    """Return how ``immuta-assets status`` ends; outdated layouts alone are no reason to alarm readers."""
    verdicts = {verdict for judgement in judgements for verdict in judgement.verdicts}
    if verdicts - {Verdict.UNKNOWN} or any(isinstance(each.error, UnavailableError) for each in judgements):
        return STALE
    return UNTOLD if verdicts else FINE


def as_json(judgements: Sequence[Judgement], expected: Expected) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        "fine": exit_code(judgements) == FINE,
        "files": [row._asdict() for row in rows(judgements)],
        "notes": notes(judgements, expected),
    }


def findings(judgement: Judgement) -> list[str]:
    """Say what is wrong with the files of a destination, a sentence per verdict, the gravest first."""
    return [_finding(verdict, judgement.files) for verdict in Verdict if verdict in judgement.verdicts]


def circumstances(judgement: Judgement, expected: Expected) -> list[str]:
    """Say what is to be known besides: the error met, the last export, the deadline missed, what to do."""
    missed = deadline(judgement.day, expected.timezone, expected.grace)
    told = [
        str(judgement.error) if judgement.error else "",
        f"Last complete export: export_date {_shown(judgement.published) or 'none known'}.",
        f"Deadline missed: {missed.astimezone(expected.timezone):%Y-%m-%d %H:%M} {expected.timezone.key}, "
        f"export day {judgement.day}."
        if Verdict.OVERDUE in judgement.verdicts
        else "",
        *_remedies(judgement),
    ]
    return [line for line in told if line]


def _remedies(judgement: Judgement) -> list[str]:
    remedies = {
        "Run `immuta-assets doctor`: it says which permission or setting is missing.": {Verdict.UNKNOWN},
        "Run `immuta-assets export`: it makes the export of the day that is due and publishes it.": {Verdict.OVERDUE},
        "Run `dg launch --job republish --partition <newest export day stored>`, unless the sensor did.": REPAIRABLE,
        "Have readers use the layout that is published (`immuta-assets layouts cutover`), then delete the files of the "
        "retired one.": {Verdict.SUPERSEDED},
    }
    return [remedy for remedy, verdicts in remedies.items() if judgement.verdicts & verdicts]


def _notes(judgement: Judgement, expected: Expected) -> list[str]:
    found = findings(judgement)
    return [*found, *(circumstances(judgement, expected) if found else []), *judgement.outdated]


def _finding(verdict: Verdict, files: Sequence[Judged]) -> str:
    found = [f"{file.layout}/{file.table}" for file in files if verdict in file.verdicts]
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return (
        f"{verdict.capitalize()}, {len(found):,} of the files: {MEANINGS[verdict]} ({', '.join(found[:SHOWN])}{more})."
    )


def _sight(destination: str, open_store: OpenStore) -> Sight:
    try:
        return look(open_store(destination))
    except StoreError as error:
        return unseen(shown(destination), error)


def _verdict(file: Judged) -> str:
    return ", ".join(file.verdicts) or "fine"


def _shown(export_date: datetime | None) -> str:
    return f"{export_date.replace(tzinfo=None):%Y-%m-%d %H:%M:%S} UTC" if export_date else ""
