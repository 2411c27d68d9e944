"""An hour keeps what was committed last in the order of moments, before and after its file is put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from datasets.tables import (
    FIRST,
    commit_notes,
    get_hour,
    get_key,
    get_moment,
    make_notes,
    open_notes,
    read_texts,
)
from deltalake.exceptions import CommitFailedError

from immuta_assets.datasets.dataset import NotStoredError, StaleError
from immuta_assets.datasets.hour_files import Span
from immuta_assets.datasets.maintenance import maintain_table
from immuta_assets.datasets.table_log import parse_files

LATER = FIRST + timedelta(days=60)


def leave(folder: Path) -> None:
    """Change nothing."""


def compact(folder: Path) -> None:
    commit_notes(folder, 7, ["another hour"], 0)
    assert maintain_table(open_notes(folder), LATER).compacted == 2


between = pytest.mark.parametrize("between", [leave, compact])


@between
def test_a_later_moment_replaces_an_hour(tmp_path: Path, between: Callable[[Path], None]) -> None:
    commit_notes(tmp_path, 0, ["old", "older"], 1)
    between(tmp_path)
    commit_notes(tmp_path, 0, ["new"], 2)
    assert read_texts(open_notes(tmp_path), 0) == ["new"]


@between
def test_an_older_moment_is_refused(tmp_path: Path, between: Callable[[Path], None]) -> None:
    commit_notes(tmp_path, 0, ["new"], 2)
    between(tmp_path)
    version = open_notes(tmp_path).describe_version()
    with pytest.raises(StaleError, match=r"2026-05-04-00:00 UTC was stored as of 2026-06-03 00:02:00 UTC"):
        commit_notes(tmp_path, 0, ["old"], 1)
    assert open_notes(tmp_path).describe_version() == version
    assert read_texts(open_notes(tmp_path), 0) == ["new"]


@between
@pytest.mark.parametrize("texts", [["one", "two"], []], ids=["rows", "no rows"])
def test_the_same_content_at_the_same_moment_changes_nothing(
    tmp_path: Path, between: Callable[[Path], None], texts: list[str]
) -> None:
    commit_notes(tmp_path, 0, texts, 1)
    between(tmp_path)
    version = open_notes(tmp_path).describe_version()
    commit_notes(tmp_path, 0, texts, 1)
    assert open_notes(tmp_path).describe_version() == version


@between
def test_other_content_of_the_same_moment_is_refused(tmp_path: Path, between: Callable[[Path], None]) -> None:
    commit_notes(tmp_path, 0, ["secret"], 1)
    between(tmp_path)
    with pytest.raises(StaleError, match="other content of the same moment") as refused:
        commit_notes(tmp_path, 0, ["classified"], 1)
    assert "secret" not in str(refused.value)
    assert "classified" not in str(refused.value)
    assert read_texts(open_notes(tmp_path), 0) == ["secret"]


def test_all_hours_of_a_commit_are_refused_where_one_is(tmp_path: Path) -> None:
    commit_notes(tmp_path, 1, ["new"], 2)
    frames = {get_key(number): make_notes(["old"], get_moment(1)) for number in (0, 1, 2)}
    with pytest.raises(StaleError):
        open_notes(tmp_path).commit(frames, get_moment(1))
    assert open_notes(tmp_path).list_partitions() == [get_key(1)]


def test_a_repeated_commit_of_several_hours_adds_those_that_are_missing(tmp_path: Path) -> None:
    commit_notes(tmp_path, 0, ["zero"], 1)
    frames = {get_key(number): make_notes(["zero" if number == 0 else "one"], get_moment(1)) for number in (0, 1)}
    open_notes(tmp_path).commit(frames, get_moment(1))
    assert [read_texts(open_notes(tmp_path), number) for number in (0, 1)] == [["zero"], ["one"]]


@pytest.mark.parametrize("span", get_args(Span))
def test_hours_without_rows_stay_stored_when_files_are_put_together(tmp_path: Path, span: Span) -> None:
    for number in range(5):
        commit_notes(tmp_path, number, [], 2, span)
    dataset = open_notes(tmp_path, span)
    assert maintain_table(dataset, LATER).files == 1
    assert [dataset.scan([get_key(number)]).collect().height for number in range(5)] == [0] * 5
    with pytest.raises(StaleError):
        dataset.commit({get_key(2): make_notes(["old"], get_moment(1))}, get_moment(1))


def test_hours_without_rows_stay_stored_when_the_last_hour_with_rows_is_replaced(tmp_path: Path) -> None:
    for number in range(3):
        commit_notes(tmp_path, number, ["text"] if number == 1 else [], 1)
    maintain_table(open_notes(tmp_path), LATER)
    commit_notes(tmp_path, 1, [], 2)
    assert [read_texts(open_notes(tmp_path), number) for number in range(3)] == [[], [], []]
    maintain_table(open_notes(tmp_path), LATER)
    commit_notes(tmp_path, 0, ["zero"], 2)
    assert [read_texts(open_notes(tmp_path), number) for number in range(3)] == [["zero"], [], []]


def test_an_hour_that_was_never_stored_is_named(tmp_path: Path) -> None:
    commit_notes(tmp_path, 0, ["text"], 1)
    with pytest.raises(NotStoredError, match=r"holds nothing of 2026-05-04-03:00 UTC"):
        open_notes(tmp_path).scan([get_key(3)])
    assert open_notes(tmp_path).scan_if_stored(get_key(3)) is None


@pytest.mark.parametrize("numbers", [[0], [0, 5]])
def test_the_other_hours_stay_when_one_is_replaced_in_a_file_of_several(tmp_path: Path, numbers: list[int]) -> None:
    for number in range(24):
        commit_notes(tmp_path, number, [f"text {number}"], 1)
    maintain_table(open_notes(tmp_path), LATER)
    frames = {get_key(number): make_notes(["new"], get_moment(2)) for number in numbers}
    open_notes(tmp_path).commit(frames, get_moment(2))
    found = open_notes(tmp_path).scan_with_hour().collect().select("hour", "text").rows()
    assert found == [(get_hour(number), "new" if number in numbers else f"text {number}") for number in range(24)]


@pytest.mark.parametrize("span", get_args(Span))
def test_an_hour_that_is_replaced_while_files_are_put_together_is_there_once(tmp_path: Path, span: Span) -> None:
    for number in range(3):
        commit_notes(tmp_path, number, [f"text {number}"], 1, span)
    writer = open_notes(tmp_path, span)
    writer.log.prepare()
    live = writer.log.list_files()
    assert maintain_table(open_notes(tmp_path, span), LATER).compacted == 3
    new = writer.place_rows(writer.read_files(live["path"].to_list()[:1]), (get_hour(0), get_hour(0)))
    with pytest.raises(CommitFailedError):
        writer.log.replace(parse_files(live[:1]), [new], [get_hour(0)], get_moment(2))
    assert read_texts(open_notes(tmp_path, span), 0) == ["text 0"]
