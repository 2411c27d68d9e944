"""One destination: what may be published there, and the steps by which the sets of a run get there.

The steps are separate, so that a run can take each at all its destinations before the next. Add here what makes a set
unfit to replace another. How one layout is switched belongs to ``transaction``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from immuta_assets.object_store import ConflictError, MissingError, Store, StoreError
from immuta_assets.publishing import transaction
from immuta_assets.publishing.manifest import Intent, Manifest, State, Tagged, read_states

logger = logging.getLogger(__name__)

_ATTEMPTS = 20


class LayoutSet(NamedTuple):
    """The manifest of a layout to be published, and the paths its files come from."""

    manifest: Manifest
    sources: Mapping[str, Path]


class ShrunkTable(NamedTuple):
    """A table that lost more rows than it may: how many there were, and how many there would be."""

    version: str
    table: str
    before: int
    now: int

    def __str__(self) -> str:
        return f"{self.version} {self.table} from {self.before:,} to {self.now:,} rows"


class RefusedError(Exception):
    """Sets must not be published at a destination; ``tables`` have shrunk, where that is why."""

    def __init__(self, message: str, tables: Sequence[ShrunkTable] = ()) -> None:
        super().__init__(message)
        self.tables = tables


@dataclass(eq=False)
class Delivery:
    """The delivery of all sets to one destination; after a failure it takes no further step.

    Tables may lose the share ``max_shrink`` of their rows, or any where it is None. ``switching`` says that some files
    may be new and some old.
    """

    store: Store
    sets: Sequence[LayoutSet]
    max_shrink: float | None
    intents: list[Intent] = field(default_factory=list)
    staging: bool = False
    switching: bool = False
    failure: StoreError | RefusedError | None = None

    def take(self, step: Callable[[Delivery], None]) -> None:
        """Take a step and keep its failure."""
        if self.failure is None:
            try:
                step(self)
            except (StoreError, RefusedError) as error:
                self.failure = error
                self.unstage()

    def plan(self) -> None:
        """Settle unfinished publications, refuse sets that must not be published, and intend those not there yet."""
        true = [transaction.settle(self.store, one.manifest.layout) for one in self.sets]
        self.switching = False
        replacements = [
            (one.manifest, before) for one, (before, _) in zip(self.sets, true, strict=True) if before is not None
        ]
        _refuse_older(self.store, replacements)
        if self.max_shrink is not None:
            _refuse_shrunk(self.store, replacements, self.max_shrink)
        self.intents = [
            transaction.intend(self.store, one.manifest, each)
            for one, each in zip(self.sets, true, strict=True)
            if not self._is_published(one.manifest, each)
        ]

    def stage(self) -> None:
        """Stage and verify the intended sets."""
        self.staging = True
        self._persist(self._stage, self.plan)

    def switch(self) -> None:
        """Put the staged files in their places, and remove leftovers."""
        self._persist(self._switch, self._stage_anew)
        with self._tolerate_leftovers():
            for intent in self.intents:
                transaction.remove(self.store, intent)
            transaction.sweep(self.store)

    def unstage(self) -> None:
        """Remove the staged files, unless a switch needs them to finish."""
        if self.staging and not self.switching:
            with self._tolerate_leftovers():
                for intent in self.intents:
                    transaction.remove(self.store, intent)

    def _is_published(self, manifest: Manifest, true: Tagged) -> bool:
        """Say whether exactly this set lies there already, unaltered."""
        if true.manifest is None or _list_content(manifest) != _list_content(true.manifest):
            return False
        return set(read_states(self.store, manifest.layout).values()) == {State.CURRENT}

    def _stage(self) -> None:
        sources = {one.manifest.layout: one.sources for one in self.sets}
        for intent in self.intents:
            transaction.stage(self.store, intent, sources[intent.manifest.layout])

    def _stage_anew(self) -> None:
        self.plan()
        self.stage()

    def _switch(self) -> None:
        for intent in self.intents:
            transaction.claim(self.store, intent)
            self.switching = True
        for intent in self.intents:
            transaction.switch(self.store, intent)

    def _persist(self, attempt: Callable[[], None], anew: Callable[[], None]) -> None:
        """Begin anew where another publication got in the way: each time it has come further itself."""
        for _ in range(_ATTEMPTS):
            try:
                return attempt()
            except (ConflictError, MissingError) as error:
                logger.info("Another publication got in the way, beginning anew: %s", error)
            anew()
        return attempt()

    @contextmanager
    def _tolerate_leftovers(self) -> Iterator[None]:
        """Leave leftovers where they cannot be removed: they keep nobody from reading what is published."""
        try:
            yield
        except StoreError as error:
            logger.warning("Leftovers stay at %s until the next publication: %s", self.store.uri, error)


def _refuse_older(store: Store, replacements: Sequence[tuple[Manifest, Manifest]]) -> None:
    for manifest, before in replacements:
        if before.export_date > manifest.export_date:
            msg = (
                f"{store.uri} holds {before.layout} of {before.export_date} UTC, newer than this export of "
                f"{manifest.export_date} UTC, publish the older one in another place"
            )
            raise RefusedError(msg)


def _refuse_shrunk(store: Store, replacements: Sequence[tuple[Manifest, Manifest]], max_shrink: float) -> None:
    """Stop where tables lost more than the share ``max_shrink`` of their rows, or all."""
    shrunk = [table for manifest, before in replacements for table in _find_shrunk(manifest, before, max_shrink)]
    if shrunk:
        msg = (
            f"Tables at {store.uri} would shrink by more than {max_shrink:.0%} ({', '.join(map(str, shrunk))}), "
            "check the tenant dump and confirm with --allow-shrink where it is right"
        )
        raise RefusedError(msg, shrunk)


def _find_shrunk(manifest: Manifest, before: Manifest, max_shrink: float) -> Iterator[ShrunkTable]:
    for table, file in manifest.files.items():
        rows = before.files[table].rows if table in before.files else 0
        if rows - file.rows > max_shrink * rows or rows > file.rows == 0:
            yield ShrunkTable(manifest.layout, table, rows, file.rows)


def _list_content(manifest: Manifest) -> tuple[object, ...]:
    digests = {table: file.sha256 for table, file in manifest.files.items()}
    return manifest.snapshot_id, manifest.code_version, digests
