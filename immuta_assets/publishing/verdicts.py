"""Staleness: whether readers may rely on the files at a destination now, whatever any job reports.

``inspect_destination`` reads a destination, ``judge`` compares what was seen with what must lie there at a moment. Add
a verdict here with the family it belongs to, and a test that makes it happen. When somebody hears of it belongs to
``incidents``, and what is done about it to ``orchestration``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from immuta_assets.datasets.export_days import find_day, find_due_day
from immuta_assets.layouts.lifecycle import published_on, stale_layouts
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.layouts.versions import LAYOUTS, find_newest
from immuta_assets.object_store import Store, StoreError, UnavailableError
from immuta_assets.publishing import manifest as manifests
from immuta_assets.publishing.manifest import Manifest, ManifestError, State
from immuta_assets.settings import LayoutChoice

PUBLISHING = timedelta(minutes=15)
"""How long a publication counts as going on after its intent was written; until then a mixed set is no incident."""


class Verdict(StrEnum):
    """What is wrong with a published file."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    ALTERED = "altered"
    PARTIAL = "partial"
    SUPERSEDED = "superseded"
    OVERDUE = "overdue"


MEANINGS = {
    Verdict.UNKNOWN: "could not look at them",
    Verdict.MISSING: "nothing lies there",
    Verdict.UNREADABLE: "no Parquet file of the export, or the manifest is damaged",
    Verdict.ALTERED: "other bytes than the manifest names",
    Verdict.PARTIAL: "their set is not of one export",
    Verdict.SUPERSEDED: "the layout is retired, and they can still be taken for current",
    Verdict.OVERDUE: "of an older export day than the one that is due",
}
"""What each verdict says of files, for people, the gravest first."""

REPAIRABLE = frozenset({Verdict.MISSING, Verdict.UNREADABLE, Verdict.ALTERED, Verdict.PARTIAL})
"""The verdicts that publishing the stored export again puts right."""


class Family(NamedTuple):
    """The verdicts that one check of a published file stands for, and what holds where it passes."""

    verdicts: frozenset[Verdict]
    promise: str


FAMILIES = {
    "reachable": Family(frozenset({Verdict.UNKNOWN}), "Every destination can be looked at."),
    "whole_set": Family(frozenset({Verdict.MISSING, Verdict.PARTIAL}), "It lies there, and so does all of its set."),
    "intact": Family(frozenset({Verdict.UNREADABLE, Verdict.ALTERED}), "It holds the bytes that were published."),
    "on_time": Family(frozenset({Verdict.OVERDUE}), "It is of the export day that is due, or a newer one."),
    "current_layout": Family(frozenset({Verdict.SUPERSEDED}), "Its layout is published, by the contract in force."),
}
"""The checks of a published file by name: every verdict belongs to one of them."""


class Expected(NamedTuple):
    """What a deployment promises its readers: the layouts, and by when the export of a day lies there."""

    layouts: Sequence[LayoutChoice]
    timezone: ZoneInfo
    grace: timedelta = timedelta(hours=2)
    dump_lead: timedelta = timedelta(0)

    def find_day_due(self, now: datetime) -> date:
        """Return the newest export day whose deadline has passed."""
        return find_due_day(now, self.timezone, self.grace)

    def find_day(self, export_date: datetime) -> date:
        """Return the export day of files with an ``export_date`` (UTC without a zone)."""
        return find_day(export_date.replace(tzinfo=UTC) + self.dump_lead, self.timezone)


class SeenFile(NamedTuple):
    """A file as the manifest and the intent describe it; ``export_date`` is None where it is no file of the export."""

    state: State
    export_date: datetime | None = None


class SeenLayout(NamedTuple):
    """The files of a layout by table and its manifest, or the error that keeps them from being read.

    ``switching_since`` is when the intent of an unfinished publication was written; ``moving`` says that something
    was published during the look.
    """

    files: Mapping[str, SeenFile] = MappingProxyType({})
    manifest: Manifest | None = None
    switching_since: datetime | None = None
    moving: bool = False
    error: StoreError | None = None


class Sight(NamedTuple):
    """What a look at a destination found, by version."""

    destination: str
    layouts: Mapping[str, SeenLayout]


class JudgedFile(NamedTuple):
    """A file with its verdicts (none where it is fine), and the ``export_date`` it has, UTC without a zone."""

    layout: str
    table: str
    verdicts: tuple[Verdict, ...]
    export_date: datetime | None


class Judgement(NamedTuple):
    """The verdicts on a destination at a moment.

    ``day`` is the export day that must lie there, ``outdated`` has a sentence for each layout that is not up to date,
    ``error`` says why something was not seen, ``published`` is the ``export_date`` that every manifest has reached.
    """

    destination: str
    day: date
    files: Sequence[JudgedFile]
    outdated: Sequence[str]
    error: StoreError | None
    published: datetime | None

    @property
    def verdicts(self) -> frozenset[Verdict]:
        """All verdicts passed on any file."""
        return frozenset(verdict for file in self.files for verdict in file.verdicts)


def inspect_destination(store: Store) -> Sight:
    """Read what a destination holds of every layout; a file is read in full only where its tag does not decide.

    A store that does not answer is not asked again.
    """
    layouts = {}
    for version in LAYOUTS:
        layouts[version] = seen = _inspect_layout(store, version)
        if isinstance(seen.error, UnavailableError):
            return report_unseen(store.uri, seen.error)
    return Sight(store.uri, layouts)


def report_unseen(destination: str, error: StoreError) -> Sight:
    """Return the sight of a destination that cannot even be opened."""
    return Sight(destination, dict.fromkeys(LAYOUTS, SeenLayout(error=error)))


def judge(sight: Sight, expected: Expected, now: datetime) -> Judgement:
    """Judge every file that must lie at a destination now, and those of retired layouts that still do."""
    day = expected.find_day_due(now)
    current = published_on(expected.layouts, day)
    files = [
        file
        for version, seen in sight.layouts.items()
        for file in (
            _judge_current(version, seen, expected, now) if version in current else _judge_retired(version, seen)
        )
    ]
    layouts = [sight.layouts[version] for version in current]
    outdated = stale_layouts(expected.layouts, find_day(now, expected.timezone), find_newest())
    return Judgement(
        sight.destination,
        day,
        files,
        [*outdated, *_find_changed_contracts(layouts)],
        next((seen.error for seen in layouts if seen.error), None),
        min((seen.manifest.export_date for seen in layouts if seen.manifest), default=None),
    )


def _inspect_layout(store: Store, version: str) -> SeenLayout:
    try:
        before = _read_tags(store, version)
        seen = _read_layout(store, version)
        return seen._replace(moving=_read_tags(store, version) != before)
    except StoreError as error:
        return SeenLayout(error=error)


def _read_tags(store: Store, version: str) -> list[str | None]:
    found = [store.head(key(version)) for key in (manifests.manifest_key, manifests.intent_key)]
    return [each and each.etag for each in found]


def _read_layout(store: Store, version: str) -> SeenLayout:
    tagged = manifests.read_tagged_manifest(store, version)
    intent = manifests.read_intent(store, version)
    switching = intent if intent and intent.replaces == tagged.etag else None
    written = store.head(manifests.intent_key(version)) if switching else None
    states = manifests.read_states(store, version)
    sets = {State.CURRENT: tagged.manifest, State.OLD: tagged.manifest}
    if switching:
        sets[State.NEW] = switching.manifest
    files = {
        table: _read_file(store, manifests.published_key(version, table), states.get(table), sets)
        for table in LAYOUTS[version].tables
    }
    return SeenLayout(files, tagged.manifest, written and written.last_modified)


def _read_file(store: Store, key: str, state: State | None, sets: Mapping[State, Manifest | None]) -> SeenFile:
    """Return a file with its date; one that no manifest knows is altered, or missing."""
    of_set = sets.get(state) if state else None
    if state and of_set:
        return SeenFile(state, of_set.export_date)
    if state is State.MISSING or store.head(key) is None:
        return SeenFile(State.MISSING)
    return SeenFile(State.ALTERED, _read_footer_date(store, key))


def _read_footer_date(store: Store, key: str) -> datetime | None:
    with TemporaryDirectory(prefix="immuta-assets-") as folder:
        copy = Path(folder, "file.parquet")
        store.get_file(key, copy)
        try:
            return datetime.fromisoformat(pl.read_parquet_metadata(copy)["export_date"])
        except (OSError, pl.exceptions.PolarsError, KeyError, ValueError):
            return None


def _judge_current(version: str, seen: SeenLayout, expected: Expected, now: datetime) -> list[JudgedFile]:
    if seen.error:
        verdict = Verdict.UNREADABLE if isinstance(seen.error, ManifestError) else Verdict.UNKNOWN
        return [JudgedFile(version, table, (verdict,), None) for table in LAYOUTS[version].tables]
    publishing = seen.moving or bool(seen.switching_since and now - seen.switching_since < PUBLISHING)
    day = expected.find_day_due(now)
    judged = []
    for table, file in seen.files.items():
        broken = () if publishing else _judge_file(file, seen)
        late = file.export_date is not None and expected.find_day(file.export_date) < day
        judged.append(JudgedFile(version, table, (*broken, *((Verdict.OVERDUE,) if late else ())), file.export_date))
    return judged


def _judge_file(file: SeenFile, seen: SeenLayout) -> tuple[Verdict, ...]:
    of_manifest = seen.manifest is not None and file.export_date == seen.manifest.export_date
    switched = any(each.state is State.NEW for each in seen.files.values())
    match file.state:
        case State.MISSING:
            return (Verdict.MISSING,)
        case State.ALTERED if file.export_date is None:
            return (Verdict.UNREADABLE,)
        case State.ALTERED:
            return (Verdict.ALTERED if of_manifest else Verdict.PARTIAL,)
        case State.OLD | State.NEW if switched:
            return (Verdict.PARTIAL,)
    return ()


def _judge_retired(version: str, seen: SeenLayout) -> list[JudgedFile]:
    """Judge only the files that still lie there: no export renews them, but nothing keeps readers from them."""
    return [
        JudgedFile(version, table, (Verdict.SUPERSEDED,), file.export_date)
        for table, file in seen.files.items()
        if file.state is not State.MISSING
    ]


def _find_changed_contracts(layouts: Iterable[SeenLayout]) -> list[str]:
    published = [seen.manifest for seen in layouts if seen.manifest]
    return [
        f"Layout {each.layout} was published by another contract than the one in the code: export the day again."
        for each in published
        if each.code_version != compute_code_version(LAYOUTS[each.layout])
    ]
