"""What delta-rs does and does not do, as far as tables of hours rely on it or guard against it.

A test that fails after an upgrade says which guard of ``table_log`` or ``maintenance`` is to be thought over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table without files."""
    columns = pl.DataFrame(schema={"id": pl.Int64}).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    DeltaTable.create(str(tmp_path), Schema.from_arrow(columns))
    return tmp_path


def write(folder: Path, name: str) -> AddAction:
    """Write a file of one row."""
    pl.DataFrame({"id": [1]}).write_parquet(folder / name)
    return AddAction(name, (folder / name).stat().st_size, {}, 0, data_change=True, stats='{"numRecords": 1}')


def commit(
    table: DeltaTable, actions: Sequence[AddAction | RemoveAction], transactions: Sequence[Transaction] = ()
) -> None:
    properties = CommitProperties(app_transactions=list(transactions))
    table.create_write_transaction(list(actions), "append", table.schema(), [], commit_properties=properties)


def remove(name: str, *, data_change: bool = True) -> RemoveAction:
    return RemoveAction(name, data_change=data_change, deletion_timestamp=0, size=0, partition_values={})


def list_live(folder: Path) -> list[str]:
    return sorted(Path(uri).name for uri in DeltaTable(str(folder)).file_uris())


def test_two_first_writers_are_both_kept_without_a_transaction_of_their_own(folder: Path) -> None:
    first, second = DeltaTable(str(folder)), DeltaTable(str(folder))
    commit(first, [write(folder, "first")])
    commit(second, [write(folder, "second")])
    assert list_live(folder) == ["first", "second"]


def test_of_two_first_writers_with_the_same_transaction_one_conflicts(folder: Path) -> None:
    first, second = DeltaTable(str(folder)), DeltaTable(str(folder))
    commit(first, [write(folder, "first")], [Transaction("hour", 1)])
    with pytest.raises(CommitFailedError):
        commit(second, [write(folder, "second")], [Transaction("hour", 2)])
    assert list_live(folder) == ["first"]


def test_writers_with_different_transactions_do_not_conflict(folder: Path) -> None:
    first, second = DeltaTable(str(folder)), DeltaTable(str(folder))
    commit(first, [write(folder, "first")], [Transaction("one hour", 1)])
    commit(second, [write(folder, "second")], [Transaction("another", 1)])
    assert list_live(folder) == ["first", "second"]
    assert DeltaTable(str(folder)).transaction_version("another") == 1


def test_a_writer_that_has_seen_the_transaction_of_another_does_not_conflict_whatever_its_version(folder: Path) -> None:
    commit(DeltaTable(str(folder)), [write(folder, "first")], [Transaction("hour", 2)])
    commit(DeltaTable(str(folder)), [write(folder, "second")], [Transaction("hour", 1)])
    assert list_live(folder) == ["first", "second"]


def test_a_table_keeps_the_version_it_had_when_it_commits(folder: Path) -> None:
    table = DeltaTable(str(folder))
    commit(table, [write(folder, "first")])
    assert table.version() == 0
    assert DeltaTable(str(folder)).version() == 1


def test_of_two_writers_that_remove_a_file_one_conflicts(folder: Path) -> None:
    commit(DeltaTable(str(folder)), [write(folder, "old")])
    first, second = DeltaTable(str(folder)), DeltaTable(str(folder))
    commit(first, [remove("old"), write(folder, "first")])
    with pytest.raises(CommitFailedError):
        commit(second, [remove("old"), write(folder, "second")])
    assert list_live(folder) == ["first"]


def test_who_removes_a_file_does_not_conflict_with_one_who_removed_it_without_a_change_of_data(folder: Path) -> None:
    commit(DeltaTable(str(folder)), [write(folder, "old")])
    compactor, writer = DeltaTable(str(folder)), DeltaTable(str(folder))
    commit(compactor, [remove("old", data_change=False), write(folder, "compacted")])
    commit(writer, [remove("old"), write(folder, "new")])
    assert list_live(folder) == ["compacted", "new"]


def test_a_file_that_is_removed_stays_in_its_place_and_in_older_versions(folder: Path) -> None:
    commit(DeltaTable(str(folder)), [write(folder, "old")])
    commit(DeltaTable(str(folder)), [remove("old")])
    assert list_live(folder) == []
    assert (folder / "old").exists()
    assert len(DeltaTable(str(folder), version=1).file_uris()) == 1


def test_nobody_checks_whether_a_file_that_is_added_or_removed_is_there(folder: Path) -> None:
    commit(DeltaTable(str(folder)), [remove("nowhere"), AddAction("lost", 1, {}, 0, data_change=True, stats="{}")])
    assert list_live(folder) == ["lost"]


def test_vacuum_finds_files_that_were_never_added_only_when_it_is_full(folder: Path) -> None:
    commit(DeltaTable(str(folder)), [write(folder, "old.parquet"), write(folder, "live.parquet")])
    commit(DeltaTable(str(folder)), [remove("old.parquet")])
    write(folder, "orphan.parquet")

    def vacuum(*, full: bool) -> list[str]:
        table = DeltaTable(str(folder))
        table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=full)
        return sorted(path.name for path in folder.glob("*.parquet"))

    assert vacuum(full=False) == ["live.parquet", "orphan.parquet"]
    assert vacuum(full=True) == ["live.parquet"]


def test_an_empty_entry_is_taken_for_a_commit_that_changes_nothing(folder: Path) -> None:
    commit(DeltaTable(str(folder)), [write(folder, "first")])
    Path(folder, "_delta_log", f"{1:020}.json").write_bytes(b"")
    assert DeltaTable(str(folder)).version() == 1
    assert list_live(folder) == []


def test_the_first_line_of_an_entry_carries_what_a_commit_says_of_itself(folder: Path) -> None:
    table = DeltaTable(str(folder))
    properties = CommitProperties({"lines": 3}, app_transactions=[Transaction("hour", 1)])
    table.create_write_transaction([write(folder, "first")], "append", table.schema(), [], commit_properties=properties)
    lines = Path(folder, "_delta_log", f"{1:020}.json").read_bytes().splitlines()
    assert [next(iter(json.loads(line))) for line in lines] == ["commitInfo", "add", "txn"]
    assert json.loads(lines[0])["commitInfo"]["lines"] == 3


def test_a_checkpoint_comes_with_every_hundredth_commit_by_itself(folder: Path) -> None:
    for number in range(101):
        commit(DeltaTable(str(folder)), [], [Transaction(f"{number}", 1)])
    assert [path.name for path in Path(folder, "_delta_log").glob("*.checkpoint.parquet")] == [
        f"{99:020}.checkpoint.parquet"
    ]
