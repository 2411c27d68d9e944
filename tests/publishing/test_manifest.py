"""What a destination says about its files, and what is made of it when it is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exports import DAY, LAYOUT, export, publish_to
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.layouts.parquet import inspect_file
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.object_store import MissingError, Store
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.publishing.manifest import (
    Intent,
    Manifest,
    ManifestError,
    State,
    encode_document,
    hash_object,
    intent_key,
    manifest_key,
    published_key,
    read_intent,
    read_manifest,
    read_states,
    read_tagged_manifest,
)
from immuta_assets.publishing.transaction import claim, intend, stage

VERSION = LAYOUT.version
PETS, PEOPLE = (published_key(VERSION, name) for name in ("pets", "people-metadata"))


def test_a_manifest_names_every_file_and_where_the_set_comes_from(store: Store, tmp_path: Path) -> None:
    files = export(tmp_path / "first")
    publish_to([store], files, run_id="run-1", snapshot_id="acme 2026-11-20")
    manifest = json.loads(store.read("_manifest/v=prpr9.json"))
    found = store.head(PEOPLE)
    assert found is not None
    assert manifest["files"]["people-metadata"] == {
        "key": "people-metadata/v=prpr9/people-metadata.parquet",
        "rows": 3,
        "bytes": found.size,
        "sha256": inspect_file(files["people-metadata"], LAYOUT.tables["people-metadata"]).sha256,
        "etag": found.etag,
    }
    assert {name: value for name, value in manifest.items() if name != "files"} == {
        "layout": "prpr9",
        "export_date": "2026-11-20T05:00:00",
        "previous_export_date": None,
        "snapshot_id": "acme 2026-11-20",
        "code_version": compute_code_version(LAYOUT),
        "run_id": "run-1",
    }


def test_a_manifest_names_the_export_date_of_the_set_before(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "published")
    for day in range(3):
        publish_to([store], export(tmp_path / str(day), DAY + timedelta(days=day)))
    manifest = read_manifest(store, VERSION)
    assert manifest is not None
    assert manifest.previous_export_date == DAY + timedelta(days=1)


def test_where_nothing_was_published_there_is_no_manifest_and_no_state(store: Store) -> None:
    assert read_manifest(store, VERSION) is None
    assert read_tagged_manifest(store, VERSION) == (None, None)
    assert read_intent(store, VERSION) is None
    assert read_states(store, VERSION) == {}


def test_what_happened_to_a_file_is_told_by_its_bytes(store: Store, tmp_path: Path) -> None:
    files = export(tmp_path / "first")
    publish_to([store], files)
    assert read_states(store, VERSION) == {"people-metadata": State.CURRENT, "pets": State.CURRENT}
    content = store.read(PETS)
    store.put_bytes(PETS, content[:-1] + b"2")
    store.delete(PEOPLE)
    assert read_states(store, VERSION) == {"people-metadata": State.MISSING, "pets": State.ALTERED}
    store.put_bytes(PETS, content)
    assert read_states(store, VERSION) == {"people-metadata": State.MISSING, "pets": State.CURRENT}


def test_during_a_switch_old_new_altered_and_missing_files_are_told_apart(store: Store, tmp_path: Path) -> None:
    publish_to([store], export(tmp_path / "first"))
    before = read_tagged_manifest(store, VERSION)
    assert before.manifest is not None
    files = export(tmp_path / "second", DAY + timedelta(days=1))
    entries = {
        name: msgspec.structs.replace(file, sha256=inspect_file(files[name], LAYOUT.tables[name]).sha256, etag=None)
        for name, file in before.manifest.files.items()
    }
    intent = intend(store, msgspec.structs.replace(before.manifest, run_id="2", files=entries), before)
    stage(store, intent, files)
    claim(store, intent)
    assert read_states(store, VERSION) == {"people-metadata": State.OLD, "pets": State.OLD}
    old = store.read(PEOPLE)
    store.put_file(files["people-metadata"], PEOPLE)
    store.put_bytes(PETS, b"something else")
    assert read_states(store, VERSION) == {"people-metadata": State.NEW, "pets": State.ALTERED}
    store.put_bytes(PEOPLE, old)
    store.delete(PETS)
    assert read_states(store, VERSION) == {"people-metadata": State.OLD, "pets": State.MISSING}


def test_a_digest_is_that_of_the_bytes_that_come_back(store: Store) -> None:
    store.put_bytes("x", b"")
    assert hash_object(store, "x") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(MissingError):
        hash_object(store, "y")


def changed(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document | changes


DAMAGES: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "an unknown field": changed(rows=1),
    "another layout": changed(layout="prpr1"),
    "a zone": changed(export_date="2026-11-20T05:00:00Z"),
    "no run": lambda document: {name: value for name, value in document.items() if name != "run_id"},
    "no object": lambda document: [document],
    "a file elsewhere": lambda document: document | {"files": {"pets": document["files"]["people-metadata"]}},
    "a table that leads elsewhere": lambda document: document | {"files": {"../x": document["files"]["pets"]}},
    "no digest": lambda document: document | {"files": {"pets": document["files"]["pets"] | {"sha256": "0"}}},
    "fewer than no rows": lambda document: document | {"files": {"pets": document["files"]["pets"] | {"rows": -1}}},
}


@pytest.fixture
def published(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "published")
    publish_to([store], export(tmp_path / "first"))
    return store


def refusal(ask: Callable[[], object]) -> str:
    with pytest.raises(ManifestError) as refused:
        ask()
    message = str(refused.value)
    assert message.endswith("look who changed it, remove it and publish again.")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_told_in_one_sentence(damage: str, published: FolderStore) -> None:
    manifest = json.loads(published.read(manifest_key(VERSION)))
    published.put_bytes(manifest_key(VERSION), json.dumps(DAMAGES[damage](manifest)).encode())
    assert refusal(lambda: read_manifest(published, VERSION)).startswith(f"{published.uri}/_manifest/v=prpr9.json is ")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"null", b'{"layout": "\xff"}'])
def test_what_is_no_document_is_told_in_one_sentence(data: bytes, published: FolderStore) -> None:
    published.put_bytes(manifest_key(VERSION), data)
    refusal(lambda: read_states(published, VERSION))
    published.delete(manifest_key(VERSION))
    published.put_bytes(intent_key(VERSION), data)
    refusal(lambda: read_states(published, VERSION))


@pytest.mark.parametrize(
    "staged",
    [{}, {"pets": "_staged/1"}, {"pets": "pets/v=prpr9/pets.parquet", "people-metadata": "_staged/../x"}],
)
def test_an_intent_whose_staged_files_lie_elsewhere_is_damaged(staged: dict[str, str], published: FolderStore) -> None:
    manifest = read_manifest(published, VERSION)
    assert manifest is not None
    published.put_bytes(
        intent_key(VERSION), encode_document(Intent(manifest=manifest, replaces=None, staged=staged, old={}))
    )
    refusal(lambda: read_intent(published, VERSION))


@given(st.builds(Manifest, files=st.just({})))
def test_a_manifest_comes_back_as_it_was_written(manifest: Manifest) -> None:
    assert msgspec.json.decode(encode_document(manifest), type=Manifest) == manifest
