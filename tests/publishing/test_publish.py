"""Publication: complete or untouched, whatever goes wrong on the way."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from exports import DAY, LAYOUT, export, publish_to, release

from immuta_assets.layouts.parquet import inspect_file
from immuta_assets.layouts.versions import Layout
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.publishing.manifest import State, read_states
from immuta_assets.publishing.publish import PublishError, publish, published_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dates(folder: Path) -> set[datetime]:
    return {
        inspect_file(published_path(LAYOUT, name, folder), schema).export_date for name, schema in LAYOUT.tables.items()
    }


@contextmanager
def refused(folder: Path, message: str) -> Iterator[None]:
    """The block fails with one sentence that matches, and every file in the folder is as before, with none besides."""
    before = content(folder)
    with pytest.raises(PublishError, match=message) as failure:
        yield
    text = str(failure.value)
    assert "\n" not in text
    assert text.endswith("the files published before are unchanged.")
    assert content(folder) == before


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder with a published export of DAY."""
    folder = tmp_path / "published"
    publish_to([FolderStore(folder)], export(tmp_path / "first"))
    return folder


def test_files_lie_by_export_name_and_version_and_nothing_else_does(published: Path) -> None:
    assert set(content(published)) == {
        "people-metadata/v=prpr9/people-metadata.parquet",
        "pets/v=prpr9/pets.parquet",
        "_manifest/v=prpr9.json",
    }


def test_published_files_are_the_sources_byte_for_byte(tmp_path: Path) -> None:
    files = export(tmp_path / "export")
    result = publish_to([FolderStore(tmp_path / "published")], files)
    for file in result:
        published = published_path(LAYOUT, file.name, tmp_path / "published")
        assert published == tmp_path / "published" / file.key
        assert published.read_bytes() == files[file.name].read_bytes()
        assert file.facts == inspect_file(files[file.name], LAYOUT.tables[file.name])
    assert [(file.name, file.facts.rows) for file in result] == [("people-metadata", 3), ("pets", 0)]


def test_publishing_the_same_export_again_changes_nothing(tmp_path: Path, published: Path) -> None:
    before = content(published)
    publish_to([FolderStore(published)], export(tmp_path / "first"))
    assert content(published) == before


def test_a_newer_export_replaces_an_older_one(tmp_path: Path, published: Path) -> None:
    publish_to([FolderStore(published)], export(tmp_path / "second", DAY + timedelta(days=1)))
    assert dates(published) == {DAY + timedelta(days=1)}


def test_an_older_export_does_not_replace_a_newer_one(tmp_path: Path, published: Path) -> None:
    files = export(tmp_path / "older", DAY - timedelta(seconds=1))
    with refused(published, "2026-11-20 05:00:00 UTC, newer than this export of 2026-11-20 04:59:59 UTC"):
        publish_to([FolderStore(published)], files)


def test_a_newer_file_that_no_manifest_names_is_replaced(tmp_path: Path, published: Path) -> None:
    newer = export(tmp_path / "newer", DAY + timedelta(days=1))
    newer["pets"].replace(published_path(LAYOUT, "pets", published))
    assert read_states(FolderStore(published), "prpr9") == {"people-metadata": State.CURRENT, "pets": State.ALTERED}
    publish_to([FolderStore(published)], export(tmp_path / "same"))
    assert dates(published) == {DAY}


def test_a_damaged_published_file_is_replaced(tmp_path: Path, published: Path) -> None:
    published_path(LAYOUT, "pets", published).write_bytes(b"PAR1 no more")
    publish_to([FolderStore(published)], export(tmp_path / "again"))
    assert dates(published) == {DAY}


def test_files_of_two_exports_are_no_set(tmp_path: Path, published: Path) -> None:
    files = export(tmp_path / "one") | {"pets": export(tmp_path / "two", DAY + timedelta(days=1))["pets"]}
    with refused(published, r"not of one export \(people-metadata 2026-11-20 .* UTC, pets 2026-11-21 .* UTC\)"):
        publish_to([FolderStore(published)], files)


def test_a_missing_source_names_the_asset_to_materialize(tmp_path: Path, published: Path) -> None:
    files = export(tmp_path / "export", DAY + timedelta(days=1))
    files["pets"].unlink()
    with refused(published, r"pets\.parquet is missing, materialize the asset pets first"):
        publish_to([FolderStore(published)], files)
    with refused(published, r"pets is missing"):
        publish_to([FolderStore(published)], {"people-metadata": files["people-metadata"]})


def test_a_source_that_breaks_the_contract_is_named(tmp_path: Path, published: Path) -> None:
    files = export(tmp_path / "export", DAY + timedelta(days=1))
    pl.DataFrame({"nome": ["Ada"]}).write_parquet(files["pets"])
    with refused(published, r"pets\.parquet does not follow its layout"):
        publish_to([FolderStore(published)], files)


def test_a_damaged_source_is_named(tmp_path: Path, published: Path) -> None:
    files = export(tmp_path / "export", DAY + timedelta(days=1))
    files["pets"].write_bytes(files["pets"].read_bytes()[:-20])
    with refused(published, r"pets\.parquet cannot be read"):
        publish_to([FolderStore(published)], files)


def test_a_file_that_cannot_be_written_to_its_end_leaves_the_old_set(tmp_path: Path, published: Path) -> None:
    files = export(tmp_path / "large", DAY + timedelta(days=1), rows=50_000)
    with refused(published, r"people-metadata\.parquet: the file is larger than the system allows"), _at_most(20_000):
        publish_to([FolderStore(published)], files)


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    files = export(tmp_path / "export")
    (tmp_path / "published").write_text("mine")
    for folder in (tmp_path / "published", tmp_path / "published" / "below"):
        with refused(tmp_path, rf"{folder}/\S+: a file stands where a folder should be"):
            publish_to([FolderStore(folder)], files)


def test_a_file_in_place_of_a_table_folder_is_named(tmp_path: Path, published: Path) -> None:
    published_path(LAYOUT, "pets", published).unlink()
    (published / "pets" / "v=prpr9").rmdir()
    (published / "pets" / "v=prpr9").write_text("mine")
    with refused(published, r"pets/v=prpr9/pets\.parquet: a file stands where a folder should be"):
        publish_to([FolderStore(published)], export(tmp_path / "next", DAY + timedelta(days=1)))


def test_a_folder_in_place_of_a_published_file_is_named(tmp_path: Path, published: Path) -> None:
    target = published_path(LAYOUT, "pets", published)
    target.unlink()
    target.mkdir()
    with refused(published, r"pets\.parquet: a folder stands where a file should be"):
        publish_to([FolderStore(published)], export(tmp_path / "next", DAY + timedelta(days=1)))


def test_leftovers_of_a_killed_publication_disappear_at_the_next(tmp_path: Path, published: Path) -> None:
    expected = content(published)
    (published / "_staged").mkdir(exist_ok=True)
    (published / "_staged" / "0123.prpr9.pets.parquet").write_bytes(b"half")
    publish_to([FolderStore(published)], export(tmp_path / "first"))
    assert content(published) == expected


def test_a_symlinked_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "published").symlink_to(tmp_path / "disk")
    publish_to([FolderStore(tmp_path / "published")], export(tmp_path / "export"))
    assert dates(tmp_path / "disk") == {DAY}


def test_a_symlink_in_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path, published: Path) -> None:
    target = published_path(LAYOUT, "pets", published)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    target.unlink()
    target.symlink_to(precious)
    publish_to([FolderStore(published)], export(tmp_path / "next", DAY + timedelta(days=1)))
    assert precious.read_text() == "mine"
    assert not target.is_symlink()
    assert dates(published) == {DAY + timedelta(days=1)}


def test_publications_at_the_same_time_leave_one_complete_set_of_the_newest(tmp_path: Path) -> None:
    exports = [export(tmp_path / str(day), DAY + timedelta(days=day)) for day in range(6)]
    folder = tmp_path / "published"

    def attempt(files: Mapping[str, Path]) -> None:
        try:
            publish_to([FolderStore(folder)], files)
        except PublishError as error:
            assert "newer than this export" in str(error)  # noqa: PT017  # the only failure that may happen

    with ThreadPoolExecutor(len(exports)) as pool:
        list(pool.map(attempt, exports))
    assert dates(folder) == {DAY + timedelta(days=5)}
    assert len(content(folder)) == len(LAYOUT.tables) + 1
    assert set(read_states(FolderStore(folder), "prpr9").values()) == {State.CURRENT}


def test_one_bad_layout_keeps_every_layout_from_being_published(tmp_path: Path, published: Path) -> None:
    other = Layout("prpr10", LAYOUT.tables)
    good, bad = export(tmp_path / "good"), export(tmp_path / "bad")
    bad["pets"].unlink()
    with refused(published, "pets.parquet is missing"):
        publish([release(good), release(bad, other)], [FolderStore(published)], run_id="1", snapshot_id="acme")
