"""Publication to every kind of store and to several at once, and the brake on tables that lose rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from exports import DAY, LAYOUT, export, publish_to, release

from immuta_assets.layouts.versions import Layout
from immuta_assets.object_store import Store, StoreOptions, UnavailableError, open_store
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.publishing.manifest import State, read_manifest, read_states
from immuta_assets.publishing.publish import PublishError, ShrunkError, publish

VERSION = LAYOUT.version
UNCHANGED = "the files published before are unchanged."


def content(store: Store) -> dict[str, bytes]:
    return {entry.key: store.read(entry.key) for entry in store.list()}


def is_current(store: Store) -> bool:
    return set(read_states(store, VERSION).values()) == {State.CURRENT}


def rows(store: Store) -> int:
    manifest = read_manifest(store, VERSION)
    assert manifest is not None
    return manifest.files["people-metadata"].rows


@pytest.fixture
def folders(tmp_path: Path) -> list[FolderStore]:
    return [FolderStore(tmp_path / name) for name in ("one", "two", "three")]


def test_a_newer_export_replaces_an_older_one_and_leaves_nothing_else(store: Store, tmp_path: Path) -> None:
    publish_to([store], export(tmp_path / "first"))
    files = export(tmp_path / "second", DAY + timedelta(days=1))
    publish_to([store], files)
    assert is_current(store)
    found = content(store)
    assert found.pop("_manifest/v=prpr9.json")
    assert found == {f"{name}/v=prpr9/{name}.parquet": path.read_bytes() for name, path in files.items()}


def test_the_same_set_again_writes_nothing(store: Store, tmp_path: Path) -> None:
    files = export(tmp_path / "first")
    publish_to([store], files)
    before = store.list()
    publish_to([store], files)
    assert store.list() == before


@pytest.mark.parametrize("changed", ["snapshot_id", "code_version"])
def test_the_same_bytes_of_another_origin_get_a_manifest_that_says_so(tmp_path: Path, changed: str) -> None:
    store, files = FolderStore(tmp_path / "published"), export(tmp_path / "first")
    publish_to([store], files, run_id="1")
    other = release(files)._replace(code_version="another") if changed == "code_version" else release(files)
    snapshot = "another" if changed == "snapshot_id" else "acme 2026-11-20"
    publish([other], [store], run_id="2", snapshot_id=snapshot)
    assert json.loads(store.read("_manifest/v=prpr9.json"))[changed] == "another"
    assert is_current(store)


def test_an_altered_file_is_put_right_by_the_same_set(store: Store, tmp_path: Path) -> None:
    files = export(tmp_path / "first")
    publish_to([store], files)
    store.put_bytes("pets/v=prpr9/pets.parquet", b"altered")
    publish_to([store], files)
    assert is_current(store)


def test_every_destination_gets_the_same_bytes(
    tmp_path: Path, destinations: dict[str, Callable[[], str]], impatient: StoreOptions
) -> None:
    stores = [open_store(destinations[kind](), impatient) for kind in ("folder", "s3", "adls")]
    publish_to(stores, export(tmp_path / "first"))
    first, *others = ({key: data for key, data in content(store).items() if "_manifest" not in key} for store in stores)
    assert others == [first, first]
    assert all(map(is_current, stores))


def test_a_destination_that_fails_is_named_and_the_others_are_complete(
    tmp_path: Path, s3: object, impatient: StoreOptions
) -> None:
    assert s3
    missing = open_store("s3://nowhere/a", impatient)
    stores = [FolderStore(tmp_path / "one"), missing, FolderStore(tmp_path / "two")]
    with pytest.raises(PublishError, match="the bucket nowhere does not exist") as failed:
        publish_to(stores, export(tmp_path / "first"))
    assert str(failed.value).endswith(f"unchanged; complete are {tmp_path}/one, {tmp_path}/two.")
    assert is_current(stores[0])
    assert is_current(stores[2])


def test_a_failure_during_a_switch_says_that_the_set_is_not_complete(
    tmp_path: Path, folders: list[FolderStore]
) -> None:
    publish_to(folders, export(tmp_path / "first"))
    blocked = folders[1].folder / "pets/v=prpr9/pets.parquet"

    class Blocking(FolderStore):
        def move(self, source: str, target: str) -> None:
            if blocked.is_file():
                blocked.unlink()
                blocked.mkdir()
            super().move(source, target)

    files = export(tmp_path / "second", DAY + timedelta(days=1))
    with pytest.raises(PublishError, match="a folder stands where a file should be") as failed:
        publish_to([folders[0], Blocking(folders[1].folder), folders[2]], files)
    assert "publish again to complete the set; complete are" in str(failed.value)
    assert is_current(folders[0])
    assert is_current(folders[2])
    blocked.rmdir()
    publish_to(folders, files)
    assert all(map(is_current, folders))
    assert content(folders[1]).keys() == content(folders[0]).keys()


def test_a_destination_that_is_down_may_be_tried_again_later(tmp_path: Path) -> None:
    class Down(FolderStore):
        def put_file(self, path: Path, key: str) -> str:
            msg = f"Cannot write {path} to {key}: the store answers 503, try again later."
            raise UnavailableError(msg)

    with pytest.raises(PublishError) as failed:
        publish_to([Down(tmp_path / "down")], export(tmp_path / "first"))
    assert isinstance(failed.value.__cause__, UnavailableError)
    assert str(failed.value).endswith(UNCHANGED)


def test_bytes_that_change_on_the_way_are_not_published(tmp_path: Path) -> None:
    class Damaging(FolderStore):
        def put_file(self, path: Path, key: str) -> str:
            return self.put_bytes(key, path.read_bytes()[::-1])

    store = Damaging(tmp_path / "published")
    with pytest.raises(PublishError, match="differs from what was written, check the store and publish again"):
        publish_to([store], export(tmp_path / "first"))
    assert content(store) == {}


def test_an_export_that_is_older_anywhere_is_published_nowhere(tmp_path: Path, folders: list[FolderStore]) -> None:
    publish_to(folders[2:], export(tmp_path / "newer", DAY + timedelta(days=1)))
    with pytest.raises(PublishError, match="three holds prpr9 of 2026-11-21 05:00:00 UTC, newer than this export"):
        publish_to(folders, export(tmp_path / "first"))
    assert [content(folder) for folder in folders[:2]] == [{}, {}]


@pytest.mark.parametrize(("before", "now"), [(1000, 699), (1000, 0), (1, 0)])
def test_a_table_that_shrinks_too_much_stops_everything_until_it_is_confirmed(
    tmp_path: Path, folders: list[FolderStore], before: int, now: int
) -> None:
    publish_to(folders[1:2], export(tmp_path / "first", rows=before))
    files = export(tmp_path / "second", DAY + timedelta(days=1), rows=now)
    lying = content(folders[1])
    with pytest.raises(
        ShrunkError, match=f"people-metadata from {before:,} to {now:,} rows.*--allow-shrink"
    ) as stopped:
        publish_to(folders, files)
    assert str(stopped.value).endswith(UNCHANGED)
    assert [(table.table, table.before, table.now) for table in stopped.value.tables] == [
        ("people-metadata", before, now)
    ]
    assert [content(folder) for folder in folders] == [{}, lying, {}]
    publish_to(folders, files, allow_shrink=True)
    assert [rows(folder) for folder in folders] == [now] * 3


@pytest.mark.parametrize(("before", "now"), [(1000, 700), (10, 7), (0, 0), (0, 5), (3, 1000)])
def test_a_table_that_shrinks_little_or_grows_is_published(tmp_path: Path, before: int, now: int) -> None:
    store = FolderStore(tmp_path / "published")
    publish_to([store], export(tmp_path / "first", rows=before))
    publish_to([store], export(tmp_path / "second", DAY + timedelta(days=1), rows=now))
    assert rows(store) == now


def test_how_much_a_table_may_shrink_can_be_chosen_but_never_to_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "published")
    publish_to([store], export(tmp_path / "first", rows=100))
    publish_to([store], export(tmp_path / "second", DAY + timedelta(days=1), rows=1), max_shrink=1.0)
    with pytest.raises(ShrunkError, match="from 1 to 0 rows"):
        publish_to([store], export(tmp_path / "third", DAY + timedelta(days=2), rows=0), max_shrink=1.0)
    with pytest.raises(ShrunkError, match="by more than 0%"):
        publish_to([store], export(tmp_path / "third", DAY + timedelta(days=2), rows=0), max_shrink=0.0)


def test_one_layout_that_shrinks_keeps_every_layout_from_being_published(tmp_path: Path) -> None:
    store, other = FolderStore(tmp_path / "published"), Layout("prpr10", LAYOUT.tables)
    large, small = export(tmp_path / "large", rows=100), export(tmp_path / "small", rows=1)
    publish([release(small), release(large, other)], [store], run_id="1", snapshot_id="acme")
    before = content(store)
    with pytest.raises(ShrunkError, match=r"would shrink by more than 30% \(prpr10 people-metadata from"):
        publish([release(large), release(small, other)], [store], run_id="2", snapshot_id="acme")
    assert content(store) == before


def test_two_layouts_of_a_run_each_get_their_own_manifest(store: Store, tmp_path: Path) -> None:
    other, files = Layout("prpr10", LAYOUT.tables), export(tmp_path / "first")
    publish([release(files), release(files, other)], [store], run_id="1", snapshot_id="acme")
    assert is_current(store)
    assert set(read_states(store, "prpr10").values()) == {State.CURRENT}
    assert len(store.list()) == 6
