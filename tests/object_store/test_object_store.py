from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from immuta_assets.object_store import (
    ConflictError,
    MissingError,
    Store,
)

LARGE = bytes(range(256)) * 80_000
"""More than two parts of an upload."""


def test_an_object_is_read_as_it_was_written(store: Store) -> None:
    etag = store.put_bytes("a/v=1/x.json", b"one")
    assert store.read("a/v=1/x.json") == b"one"
    stored = store.head("a/v=1/x.json")
    assert stored is not None
    assert (stored.size, stored.etag) == (3, etag)
    assert abs(datetime.now(UTC) - stored.last_modified) < timedelta(minutes=5)


def test_a_large_file_comes_back_unchanged(store: Store, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "below" / "target"
    source.write_bytes(LARGE)
    etag = store.put_file(source, "large.parquet")
    store.get_file("large.parquet", target)
    assert target.read_bytes() == LARGE
    stored = store.head("large.parquet")
    assert stored is not None
    assert (stored.size, stored.etag) == (len(LARGE), etag)


@pytest.mark.parametrize("data", [b"", b"x"])
def test_an_empty_file_is_an_object_too(store: Store, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "source").write_bytes(data)
    store.put_file(tmp_path / "source", "small")
    store.get_file("small", tmp_path / "target")
    assert store.read("small") == (tmp_path / "target").read_bytes() == data


def test_writing_again_replaces_and_gives_another_tag(store: Store) -> None:
    first = store.put_bytes("x", b"one")
    second = store.put_bytes("x", b"two")
    assert store.read("x") == b"two"
    assert first != second


def test_nothing_is_written_where_nothing_may_be(store: Store) -> None:
    store.put_bytes("x", b"one", if_absent=True)
    with pytest.raises(ConflictError, match=r"Cannot write .*/x: it is not what it was"):
        store.put_bytes("x", b"two", if_absent=True)
    assert store.read("x") == b"one"


def test_only_the_version_that_was_read_is_replaced(store: Store) -> None:
    first = store.put_bytes("x", b"one")
    second = store.put_bytes("x", b"two", if_match=first)
    with pytest.raises(ConflictError):
        store.put_bytes("x", b"three", if_match=first)
    store.put_bytes("x", b"four", if_match=second)
    assert store.read("x") == b"four"


def test_what_was_removed_has_no_version_to_replace(store: Store) -> None:
    etag = store.put_bytes("x", b"one")
    store.delete("x")
    with pytest.raises(ConflictError):
        store.put_bytes("x", b"two", if_match=etag)
    assert store.head("x") is None


def test_the_very_same_content_is_no_conflict(store: Store) -> None:
    etag = store.put_bytes("x", b"one", if_absent=True)
    assert store.put_bytes("x", b"one", if_absent=True) == etag
    assert store.put_bytes("x", b"one", if_match="another") == etag


def test_a_missing_object_has_no_head_and_cannot_be_read(store: Store, tmp_path: Path) -> None:
    assert store.head("x") is None
    with pytest.raises(MissingError, match=r"Cannot read .*/x: it is missing"):
        store.read("x")
    with pytest.raises(MissingError):
        store.get_file("x", tmp_path / "x")
    with pytest.raises(MissingError):
        store.move("x", "y")
    assert list(tmp_path.glob("**/*x*")) == []


def test_deleting_what_is_gone_is_no_error(store: Store) -> None:
    store.put_bytes("a/x", b"one")
    store.delete("a/x")
    store.delete("a/x")
    store.delete("b/x")
    assert store.list() == []


def test_objects_are_listed_by_folder_and_in_order(store: Store) -> None:
    for key in ("b", "a/y", "a/x/z", "ab/x", "a/.hidden"):
        store.put_bytes(key, b"one")
    assert [entry.key for entry in store.list()] == ["a/.hidden", "a/x/z", "a/y", "ab/x", "b"]
    assert [(entry.key, entry.size) for entry in store.list("a")] == [("a/.hidden", 3), ("a/x/z", 3), ("a/y", 3)]
    assert store.list("c") == []


def test_a_move_takes_the_place_of_what_was_there_and_leaves_no_source(store: Store, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(LARGE)
    store.put_file(tmp_path / "source", "staged/x")
    store.put_bytes("a/x", b"old")
    store.move("staged/x", "a/x")
    assert store.read("a/x") == LARGE
    assert [entry.key for entry in store.list()] == ["a/x"]
    with pytest.raises(MissingError, match="staged/x: it is missing"):
        store.move("staged/x", "a/x")
    assert store.read("a/x") == LARGE


def test_names_may_hold_signs_that_mean_something_in_addresses(store: Store) -> None:
    key = "v=prpr2/a b%20+&ü.parquet"
    store.put_bytes(key, b"one")
    store.move(key, f"{key}2")
    assert store.read(f"{key}2") == b"one"
    assert [entry.key for entry in store.list()] == [f"{key}2"]


def test_a_key_does_not_lead_out_of_the_store(store: Store) -> None:
    with pytest.raises(ValueError, match=r"\.\."):
        store.put_bytes("../x", b"one")
