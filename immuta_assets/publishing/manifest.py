"""Manifests and intents: the records at a destination about the files of a layout.

``_manifest/v=<version>.json`` names the bytes of every file of the set that was published last; a set is complete
exactly when every file holds them. ``_intent/v=<version>.json`` lies there while a set is switched, so that a reader
knows of each file whether it is old or new, whatever happens. Add here what readers of a destination need to know. Who
writes both, and when, belongs to ``transaction``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from immuta_assets.object_store import MissingError, Store, StoreError
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.secrets import quote_value

STAGED = "_staged"
"""The folder of files that no reader looks at yet."""

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Table = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]+$")]
StagedKey = Annotated[str, msgspec.Meta(pattern=f"^{STAGED}/[A-Za-z0-9][A-Za-z0-9._-]*$")]
Count = Annotated[int, msgspec.Meta(ge=0)]
ExportDate = Annotated[datetime, msgspec.Meta(tz=False)]
"""UTC without a zone, as in the files."""


class ManifestError(StoreError):
    """A manifest or intent is not one; one sentence with its place and the remedy."""


class ManifestFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A published file: where it lies, what it holds, and the store's tag of it when it had been verified."""

    key: str
    rows: Count
    bytes: Count
    sha256: Sha256
    etag: str | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A complete set: the files of one layout by table.

    ``snapshot_id`` names the tenant dump it was made from, ``code_version`` the contract it follows, ``run_id`` the run
    that published it, and ``previous_export_date`` is that of the set it replaced.
    """

    layout: str
    export_date: ExportDate
    previous_export_date: ExportDate | None = None
    snapshot_id: str
    code_version: str
    run_id: str
    files: dict[Table, ManifestFile]


class ReplacedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies in a file's place before a switch."""

    etag: str
    sha256: Sha256


class Intent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A set that is staged and verified and now takes its place.

    ``manifest`` is what will be true, ``replaces`` the tag of the manifest that is true until then, ``staged`` the key
    of each table's staged file and ``old`` what lies in the place of each, where something does.
    """

    manifest: Manifest
    replaces: str | None
    staged: dict[Table, StagedKey]
    old: dict[Table, ReplacedFile]


class State(StrEnum):
    """What a published file is, by its bytes."""

    CURRENT = "current"
    """As the manifest says."""
    OLD = "old"
    """A switch is not finished, and has not reached it."""
    NEW = "new"
    """A switch is not finished, and has reached it."""
    ALTERED = "altered"
    """Neither of these."""
    MISSING = "missing"


class Tagged(NamedTuple):
    """A manifest and the tag of the object that holds it; both are None where there is no manifest."""

    manifest: Manifest | None
    etag: str | None


def published_key(version: str, table: str) -> str:
    """Return the key that a table of a layout is published under."""
    return f"{table}/v={version}/{table}.parquet"


def manifest_key(version: str) -> str:
    """Return the key of a layout's manifest."""
    return f"_manifest/v={version}.json"


def intent_key(version: str) -> str:
    """Return the key of a layout's intent."""
    return f"_intent/v={version}.json"


def staged_key(run_id: str, version: str, table: str) -> str:
    """Return the key that a table of a layout is staged under by a run."""
    return f"{STAGED}/{run_id}.{version}.{table}.parquet"


def encode_document(document: Manifest | Intent) -> bytes:
    """Return a document as it is written: JSON that people can read, the same bytes for the same content."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def read_manifest(store: Store, version: str) -> Manifest | None:
    """Return the set of a layout that was published last; raises ``ManifestError`` where that is damaged."""
    return read_tagged_manifest(store, version).manifest


def read_tagged_manifest(store: Store, version: str) -> Tagged:
    """Return the manifest of a layout with a tag that is no newer than it; raises ``ManifestError``."""
    found = store.head(manifest_key(version))
    manifest = _read_document(store, manifest_key(version), Manifest) if found else None
    if manifest is None:
        return Tagged(None, None)
    _require_places(store, manifest_key(version), manifest, version)
    return Tagged(manifest, found.etag if found else None)


def read_intent(store: Store, version: str) -> Intent | None:
    """Return the intent of a layout; raises ``ManifestError`` where it is damaged."""
    key = intent_key(version)
    intent = _read_document(store, key, Intent)
    if intent is not None:
        _require_places(store, key, intent.manifest, version)
        if intent.staged.keys() != intent.manifest.files.keys():
            raise _make_damage_error(store, key, "its staged files are not those of its manifest")
    return intent


def read_states(store: Store, version: str) -> dict[str, State]:
    """Return the state of each published file of a layout, by table; empty where nothing was ever published.

    A file is read in full only where its size and tag do not decide. Raises ``ManifestError`` and ``StoreError``.
    """
    manifest, etag = read_tagged_manifest(store, version)
    intent = read_intent(store, version)
    if intent and intent.replaces == etag:
        return {
            table: _read_switching_state(store, file, intent.old.get(table))
            for table, file in _list_files(intent.manifest)
        }
    return {table: _read_settled_state(store, file) for table, file in _list_files(manifest)}


def hash_object(store: Store, key: str) -> str:
    """Return the digest of an object's bytes as they are read back; raises ``MissingError`` where there is none."""
    if isinstance(store, FolderStore):
        # As it lies, without a copy; where that fails, the store says why.
        with suppress(OSError):
            return _hash_file(store.folder / key)
    with TemporaryDirectory() as folder:
        store.get_file(key, Path(folder, "object"))
        return _hash_file(Path(folder, "object"))


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _list_files(manifest: Manifest | None) -> Iterator[tuple[str, ManifestFile]]:
    yield from manifest.files.items() if manifest else ()


def _read_settled_state(store: Store, file: ManifestFile) -> State:
    found = store.head(file.key)
    if found is None:
        return State.MISSING
    same_size = found.size == file.bytes
    same = same_size and (found.etag == file.etag or hash_object(store, file.key) == file.sha256)
    return State.CURRENT if same else State.ALTERED


def _read_switching_state(store: Store, file: ManifestFile, old: ReplacedFile | None) -> State:
    found = store.head(file.key)
    if found is None:
        return State.MISSING
    if old and found.etag == old.etag != file.etag:
        return State.OLD
    digest = hash_object(store, file.key)
    if digest == file.sha256:
        return State.NEW
    return State.OLD if old and digest == old.sha256 else State.ALTERED


Document = TypeVar("Document", Manifest, Intent)


def _read_document(store: Store, key: str, kind: type[Document]) -> Document | None:
    try:
        return msgspec.json.decode(store.read(key), type=kind)
    except MissingError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _make_damage_error(store, key, str(error)) from None


def _require_places(store: Store, key: str, manifest: Manifest, version: str) -> None:
    """Refuse a manifest whose files lie elsewhere: nothing is read or written where a damaged document points to."""
    if manifest.layout != version:
        raise _make_damage_error(store, key, f"it is of the layout {quote_value(manifest.layout)}")
    for table, file in manifest.files.items():
        if file.key != published_key(version, table):
            raise _make_damage_error(store, key, f"it names the file {quote_value(file.key)}")


def _make_damage_error(store: Store, key: str, reason: str) -> ManifestError:
    return ManifestError(f"{store.uri}/{key} is damaged ({reason}), look who changed it, remove it and publish again.")
