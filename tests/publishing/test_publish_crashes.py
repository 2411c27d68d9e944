"""A publication that stops before any of its requests, or meets another there, deceives no reader and is repaired."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from exports import DAY, LAYOUT, export, publish_to

from immuta_assets.layouts.parquet import inspect_file
from immuta_assets.object_store import Store, StoreOptions, open_store
from immuta_assets.object_store.cloud import CloudStore
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.publishing.manifest import State, read_states
from immuta_assets.publishing.publish import PublishError

VERSION = LAYOUT.version
MANIFEST = f"_manifest/v={VERSION}.json"
KEYS = {name: f"{name}/v={VERSION}/{name}.parquet" for name in LAYOUT.tables}
Files = dict[str, Path]
Exports = Callable[[int], Files]


class StoppedError(BaseException):
    """The process is dead: nothing that handles errors gets to see it."""


class Interrupted:
    """A store that calls ``interrupt`` before the ``number``-th request that is made of it."""

    def __init__(self, store: Store, number: int, interrupt: Callable[[], None]) -> None:
        self.store, self.number, self.interrupt, self.asked = store, number, interrupt, 0

    @property
    def uri(self) -> str:
        return self.store.uri

    def move(self, source: str, target: str) -> None:
        """Interrupt a cloud's move between its two requests, too."""
        if isinstance(self.store, CloudStore):
            CloudStore.move(cast("CloudStore", self), source, target)
        else:
            self.__getattr__("move")(source, target)

    def __getattr__(self, name: str) -> Any:
        def request(*arguments: Any, **options: Any) -> Any:
            self.asked += 1
            if self.asked == self.number:
                self.interrupt()
            return getattr(self.store, name)(*arguments, **options)

        return request


@pytest.fixture(params=["folder", "s3", "adls"])
def store(request: pytest.FixtureRequest, destinations: dict[str, Callable[[], str]], impatient: StoreOptions) -> Store:
    """A new, empty store of each kind in turn; the stand-in of the fourth is too slow for this."""
    return open_store(destinations[request.param](), impatient)


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    """What makes the export of the n-th day."""
    return cache(lambda day: export(tmp_path / str(day), DAY + timedelta(days=day), rows=day + 3))


def stop() -> None:
    raise StoppedError


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content(files: Files) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files.items()}


def date_of(files: Files) -> str:
    """The export date as manifests write it."""
    return inspect_file(files["pets"], LAYOUT.tables["pets"]).export_date.isoformat()


def lying(store: Store) -> dict[str, bytes | None]:
    return {name: store.read(key) if store.head(key) else None for name, key in KEYS.items()}


def believed(store: Store) -> str | None:
    """The export date that a reader takes for complete who follows the manifest."""
    if store.head(MANIFEST) is None:
        return None
    manifest = json.loads(store.read(MANIFEST))
    found = {name: content and digest(content) for name, content in lying(store).items()}
    complete = found == {name: file["sha256"] for name, file in manifest["files"].items()}
    return str(manifest["export_date"]) if complete else None


def is_complete(store: Store, files: Files) -> bool:
    """Whether exactly these files lie there, with their manifest and nothing else."""
    alone = {entry.key for entry in store.list()} == {*KEYS.values(), MANIFEST}
    current = set(read_states(store, VERSION).values()) == {State.CURRENT}
    return alone and current and lying(store) == content(files)


def stopped(store: Store, exports: Exports) -> Iterator[tuple[Files, Files]]:
    """Stop the publication of the next day's export before its first request, its second, and so on to its last.

    Gives the files published before and those that are on their way.
    """
    for number in count(1):
        old, new = exports(number - 1), exports(number)
        interrupted = Interrupted(store, number, stop)
        try:
            publish_to([interrupted], new)
        except StoppedError:
            yield old, new
        else:
            assert number > 20
            return


def check_after_a_stop(store: Store, old: Files, new: Files) -> None:
    """Check that a reader sees one of both sets as complete or none, and that each file is told to be old or new."""
    found = lying(store)
    complete = believed(store)
    assert complete in {None, *(date_of(files) for files in (old, new) if content(files) == found)}
    states = read_states(store, VERSION)
    for name, data in found.items():
        if complete:
            assert states[name] in {State.CURRENT, State.OLD}
        else:
            assert states[name] == (State.NEW if data == content(new)[name] else State.OLD)


def test_a_stop_before_any_request_is_repaired_by_the_same_export(store: Store, exports: Exports) -> None:
    publish_to([store], exports(0))
    for old, new in stopped(store, exports):
        check_after_a_stop(store, old, new)
        publish_to([store], new)
        assert is_complete(store, new)


def test_a_stop_before_any_request_is_repaired_by_the_next_export(tmp_path: Path, exports: Exports) -> None:
    store = FolderStore(tmp_path / "published")
    for number in count(1):
        publish_to([store], exports(2 * number))
        try:
            publish_to([Interrupted(store, number, stop)], exports(2 * number + 1))
        except StoppedError:
            check_after_a_stop(store, exports(2 * number), exports(2 * number + 1))
        else:
            break
        publish_to([store], exports(2 * number + 2))
        assert is_complete(store, exports(2 * number + 2))


def test_a_run_that_is_refused_finishes_what_was_begun_all_the_same(tmp_path: Path, exports: Exports) -> None:
    store, finished = FolderStore(tmp_path / "published"), 0
    publish_to([store], exports(0))
    for old, new in stopped(store, exports):
        intended, switched = bool(store.list("_intent")), lying(store) == content(new)
        with pytest.raises(PublishError, match="newer than this export"):
            publish_to([store], export(tmp_path / "older", DAY - timedelta(days=1)))
        assert lying(store) == content(new if intended or switched else old)
        assert set(read_states(store, VERSION).values()) == {State.CURRENT}
        finished += intended
        publish_to([store], new)
    assert finished > 2


def test_a_first_publication_that_stops_is_repaired(tmp_path: Path, exports: Exports) -> None:
    for number in count(1):
        store = FolderStore(tmp_path / f"published{number}")
        try:
            publish_to([Interrupted(store, number, stop)], exports(0))
        except StoppedError:
            assert set(read_states(store, VERSION).values()) <= {State.NEW, State.MISSING, State.CURRENT}
            assert believed(store) is None or None not in lying(store).values()
        else:
            break
        publish_to([store], exports(0))
        assert is_complete(store, exports(0))


def test_staged_files_that_got_lost_are_no_reason_to_stop_for_good(tmp_path: Path, exports: Exports) -> None:
    store, given_up = FolderStore(tmp_path / "published"), 0
    publish_to([store], exports(0))
    for _, new in stopped(store, exports):
        staged = store.list("_staged")
        if staged and store.list("_intent"):
            store.delete(staged[-1].key)
            given_up += 1
        publish_to([store], new)
        assert is_complete(store, new)
    assert given_up > 2


@pytest.mark.parametrize("other", [0, 1, 2], ids=["an older", "the same", "a newer"])
def test_another_publication_before_any_request_leaves_the_newest_set(
    tmp_path: Path, exports: Exports, other: int
) -> None:
    for number in count(1):
        store = FolderStore(tmp_path / f"published{number}")
        publish_to([store], exports(0))
        interrupted = Interrupted(store, number, partial(_try, [store], exports(other)))
        _try([interrupted], exports(1))
        if interrupted.asked < number:
            break
        assert is_complete(store, exports(max(1, other)))
    assert number > 20


def _try(stores: list[Any], files: Files) -> None:
    try:
        publish_to(stores, files)
    except PublishError as error:
        assert "newer than this export" in str(error)  # noqa: PT017  # the only failure that may happen
