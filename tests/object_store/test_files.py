"""Files appear whole or not at all, whoever fails and however late."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from immuta_assets.object_store.files import remove_unfinished, replace_file


def test_a_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for content in (b"old", b"new"):
        with replace_file(path) as file:
            file.write(content)
    assert {each: each.read_bytes() for each in path.parent.iterdir()} == {path: b"new"}


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replace_file(path) as file:
        file.writelines([b"new", "text"])  # type: ignore[list-item]
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == {path: b"old"}


def test_a_sink_that_goes_on_after_its_error_leaves_nothing(tmp_path: Path) -> None:
    failing = pl.LazyFrame({"a": ["x"]}).cast(pl.Int64)
    for _ in range(200):
        with pytest.raises(pl.exceptions.InvalidOperationError), replace_file(tmp_path / "file") as file:
            failing.sink_parquet(file)
    time.sleep(0.1)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    killed = replace_file(tmp_path / "file")
    killed.__enter__().write(b"half")
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
