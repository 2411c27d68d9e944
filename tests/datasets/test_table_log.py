"""The log of a table on a local disk: what was acknowledged outlives a power failure, and damage is mended or loud.

A power failure is an entry that was cut, and what it may cut is what nobody made durable.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from datasets.tables import FIRST, KEY, commit_notes, get_key, open_notes, read_texts
from deltalake.exceptions import DeltaError

from immuta_assets.datasets.maintenance import maintain_table
from immuta_assets.datasets.table_log import parse_files

LATER = FIRST + timedelta(days=60)


def list_entries(folder: Path) -> list[Path]:
    return sorted(Path(folder, KEY, "_delta_log").glob("*.json"))


def record_syncs(work: Callable[[], object]) -> dict[Path, int]:
    """Return the files and folders that are made durable meanwhile, with their sizes at that moment.

    There is no way to see system calls of another process without a tracer, so the call itself is watched.
    """
    synced, fsync = {}, os.fsync

    def watch(descriptor: int) -> None:
        synced[Path(f"/proc/self/fd/{descriptor}").readlink()] = os.fstat(descriptor).st_size
        fsync(descriptor)

    with patch("os.fsync", watch):
        work()
    return synced


@pytest.mark.parametrize("commits", [0, 1, 3])
def test_a_commit_makes_its_file_its_entry_and_their_folders_durable(tmp_path: Path, commits: int) -> None:
    for number in range(commits):
        commit_notes(tmp_path, number, ["text"], 1)
    synced = record_syncs(lambda: commit_notes(tmp_path, 9, ["text"], 1))
    entry = list_entries(tmp_path)[-1]
    assert synced.get(entry) == entry.stat().st_size
    assert {entry.parent, tmp_path / KEY, tmp_path / KEY / "month=2026-05"} <= synced.keys()
    # A draft is durable before it gets its name.
    data = next(file for file in Path(tmp_path, KEY).rglob("20260504T09-*.parquet"))
    assert data.stat().st_size in [size for path, size in synced.items() if ".unfinished" in path.parts]


def test_a_commit_makes_the_entries_of_others_durable_on_which_it_rests(tmp_path: Path) -> None:
    commit_notes(tmp_path, 0, ["text"], 1)
    late = open_notes(tmp_path)
    (file,) = parse_files(late.log.list_files())
    same = late.place_rows(late.read_files([file.path]), (file.first, file.last))
    commit_notes(tmp_path, 1, ["text"], 1)
    synced = record_syncs(lambda: late.log.replace([file], [same]))
    assert set(list_entries(tmp_path)[-2:]) <= synced.keys()


def test_a_checkpoint_is_durable_before_entries_go(tmp_path: Path) -> None:
    for number in range(3):
        commit_notes(tmp_path, number, ["text"], 1)
    synced = record_syncs(lambda: maintain_table(open_notes(tmp_path), LATER))
    (checkpoint,) = Path(tmp_path, KEY, "_delta_log").glob("*.checkpoint.parquet")
    assert {checkpoint, checkpoint.with_name("_last_checkpoint"), checkpoint.parent} <= synced.keys()


def test_a_checkpoint_that_a_commit_makes_is_durable_and_lets_no_entry_go(tmp_path: Path) -> None:
    for number in range(97):
        commit_notes(tmp_path, number, ["text"], 1)
    month_ago = LATER.timestamp() - timedelta(days=90).total_seconds()
    for entry in list_entries(tmp_path):
        os.utime(entry, (month_ago, month_ago))
    dataset = open_notes(tmp_path)

    def commit_more() -> None:
        for number in range(97, 100):
            commit_notes(tmp_path, number, ["text"], 1)

    synced = record_syncs(commit_more)
    (checkpoint,) = Path(tmp_path, KEY, "_delta_log").glob("*.checkpoint.parquet")
    assert checkpoint in synced
    assert len(list_entries(tmp_path)) == 101
    assert len(dataset.list_partitions()) == 100


CUTS = {
    "empty": lambda _: b"",
    "cut within a line": lambda content: content[: len(content) // 2],
    "cut between lines": lambda content: b"\n".join(content.split(b"\n")[:-2]),
    "cut after the first line": lambda content: content.split(b"\n")[0],
    "zeros": lambda content: content[:100] + b"\0" * (len(content) - 100),
    "nothing but zeros": lambda content: b"\0" * len(content),
}
cuts = pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())


@cuts
def test_a_torn_last_entry_leaves_the_hour_as_it_was_before(tmp_path: Path, cut: Callable[[bytes], bytes]) -> None:
    commit_notes(tmp_path, 0, ["old"], 1)
    running = open_notes(tmp_path)
    assert read_texts(running, 0) == ["old"]
    commit_notes(tmp_path, 0, ["new"], 2)
    entry = list_entries(tmp_path)[-1]
    entry.write_bytes(cut(entry.read_bytes()))
    assert read_texts(open_notes(tmp_path), 0) == ["old"]
    assert read_texts(running, 0) == ["old"]
    assert entry.with_name(f"{entry.name}.torn").exists()
    commit_notes(tmp_path, 0, ["new"], 2)
    assert [read_texts(each, 0) for each in (running, open_notes(tmp_path))] == [["new"], ["new"]]


@pytest.mark.parametrize("cut", [CUTS["empty"], CUTS["cut within a line"]])
def test_a_torn_first_entry_leaves_no_table(tmp_path: Path, cut: Callable[[bytes], bytes]) -> None:
    open_notes(tmp_path).log.prepare()
    (entry,) = list_entries(tmp_path)
    entry.write_bytes(cut(entry.read_bytes()))
    assert open_notes(tmp_path).list_partitions() == []
    commit_notes(tmp_path, 0, ["new"], 1)
    assert read_texts(open_notes(tmp_path), 0) == ["new"]


@pytest.mark.parametrize("cut", [CUTS["cut within a line"], CUTS["empty"], CUTS["nothing but zeros"]])
def test_a_torn_entry_that_is_not_the_last_is_loud(tmp_path: Path, cut: Callable[[bytes], bytes]) -> None:
    for number in range(4):
        commit_notes(tmp_path, number, ["text"], 1)
    entry = list_entries(tmp_path)[-2]
    entry.write_bytes(cut(entry.read_bytes()))
    with pytest.raises(DeltaError):
        open_notes(tmp_path).list_partitions()


def test_a_missing_entry_is_loud(tmp_path: Path) -> None:
    for number in range(4):
        commit_notes(tmp_path, number, ["text"], 1)
    list_entries(tmp_path)[-2].unlink()
    with pytest.raises(DeltaError):
        open_notes(tmp_path).list_partitions()


def test_a_live_file_that_is_missing_is_loud(tmp_path: Path) -> None:
    for number in range(2):
        commit_notes(tmp_path, number, ["text"], 1)
    next(Path(tmp_path, KEY).rglob("20260504T00-*.parquet")).unlink()
    with pytest.raises(FileNotFoundError):
        open_notes(tmp_path).scan().collect()
    assert read_texts(open_notes(tmp_path), 1) == ["text"]


def test_a_live_file_that_is_cut_is_loud(tmp_path: Path) -> None:
    commit_notes(tmp_path, 0, ["text"], 1)
    file = next(Path(tmp_path, KEY).rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(pl.exceptions.ComputeError):
        open_notes(tmp_path).scan([get_key(0)]).collect()
