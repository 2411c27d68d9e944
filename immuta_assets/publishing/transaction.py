"""One layout at one destination: staged, switched and recorded. A stop between any two requests does no harm.

An intent holds everything that a switch needs. Every publication that finds one finishes it: the next run after a
crash, but also another run at the same time. Every step may therefore be done twice. Add here what makes a single
destination safer; which sets go where, and what is said about failures, belongs to ``publish``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from immuta_assets.object_store import ConflictError, MissingError, Store, StoreError
from immuta_assets.publishing.manifest import (
    STAGED,
    Intent,
    Manifest,
    ManifestError,
    ManifestFile,
    ReplacedFile,
    Tagged,
    encode_document,
    hash_object,
    intent_key,
    manifest_key,
    read_intent,
    read_tagged_manifest,
    staged_key,
)

logger = logging.getLogger(__name__)


def settle(store: Store, version: str) -> Tagged:
    """Finish or give up the unfinished publication of a layout, and return the manifest that is then true.

    A switch is finished where all its files are there as they were verified. Where they are not, some files may be new
    and some old until the next set takes the place of all.
    """
    intent = read_intent(store, version)
    if intent:
        if intent.replaces == read_tagged_manifest(store, version).etag and _is_staged(store, intent):
            logger.info("%s: finishing the publication of run %s", store.uri, intent.manifest.run_id)
            with suppress(ConflictError):  # somebody else finished it
                switch(store, intent)
        remove(store, intent)
    return read_tagged_manifest(store, version)


def intend(store: Store, manifest: Manifest, true: Tagged) -> Intent:
    """Return the intent to put ``manifest`` in the place of the one that is ``true`` now."""
    before = true.manifest
    return Intent(
        manifest=msgspec.structs.replace(manifest, previous_export_date=before.export_date if before else None),
        replaces=true.etag,
        staged={table: staged_key(manifest.run_id, manifest.layout, table) for table in manifest.files},
        old={
            table: ReplacedFile(
                found.etag, _find_known_digest(before, table, found.etag) or hash_object(store, file.key)
            )
            for table, file in manifest.files.items()
            if (found := store.head(file.key))
        },
    )


def stage(store: Store, intent: Intent, sources: Mapping[str, Path]) -> None:
    """Upload every file beside the published ones and read it back.

    Raises ``StoreError`` where other bytes come back, and ``MissingError`` where somebody removed them meanwhile.
    """
    for table, path in sources.items():
        store.put_file(path, intent.staged[table])
    for table, file in intent.manifest.files.items():
        if hash_object(store, intent.staged[table]) != file.sha256:
            msg = (
                f"{store.uri}/{intent.staged[table]} differs from what was written, check the store and publish again."
            )
            raise StoreError(msg)


def claim(store: Store, intent: Intent) -> None:
    """Write the intent, which keeps others from switching; raise ``ConflictError`` where another set came before."""
    version = intent.manifest.layout
    store.put_bytes(intent_key(version), encode_document(intent), if_absent=True)
    found = store.head(manifest_key(version))
    if (found.etag if found else None) != intent.replaces:
        remove(store, intent)
        msg = f"Cannot publish to {store.uri}: another set of {version} was published meanwhile, publish again."
        raise ConflictError(msg)


def switch(store: Store, intent: Intent) -> None:
    """Put every staged file in its place, verify all, and then say so in the manifest.

    The intent must be claimed. Raises ``ConflictError`` where somebody else finished it, or changed a file meanwhile.
    """
    manifest = intent.manifest
    for table, file in manifest.files.items():
        with suppress(MissingError):  # moved before; whether it arrived is verified
            store.move(intent.staged[table], file.key)
    files = {table: _verify_file(store, file) for table, file in manifest.files.items()}
    content = encode_document(msgspec.structs.replace(manifest, files=files))
    key = manifest_key(manifest.layout)
    store.put_bytes(key, content, if_absent=intent.replaces is None, if_match=intent.replaces)


def remove(store: Store, intent: Intent) -> None:
    """Remove an intent that is carried out or given up, and its staged files."""
    version = intent.manifest.layout
    if read_intent(store, version) == intent:
        store.delete(intent_key(version))
    for key in intent.staged.values():
        store.delete(key)


def sweep(store: Store) -> None:
    """Remove the staged files that no intent needs: their runs died, or will stage them again."""
    intents = [_read_sound_intent(store, Path(entry.key).stem.removeprefix("v=")) for entry in store.list("_intent")]
    needed = {key for intent in intents if intent for key in intent.staged.values()}
    for entry in store.list(STAGED):
        if entry.key not in needed:
            store.delete(entry.key)


def _verify_file(store: Store, file: ManifestFile) -> ManifestFile:
    """Return the file with its tag once its bytes are proved to be the new ones."""
    found = store.head(file.key)
    if found is None or _read_digest(store, file.key) != file.sha256:
        msg = f"Cannot publish {store.uri}/{file.key}: somebody else changed it meanwhile, publish again."
        raise ConflictError(msg)
    return msgspec.structs.replace(file, etag=found.etag)


def _is_staged(store: Store, intent: Intent) -> bool:
    """Say whether every file lies where it was staged, or already in its place."""
    return all(
        (_read_digest(store, intent.staged[table]) or _read_digest(store, file.key)) == file.sha256
        for table, file in intent.manifest.files.items()
    )


def _read_digest(store: Store, key: str) -> str | None:
    try:
        return hash_object(store, key)
    except MissingError:
        return None


def _find_known_digest(manifest: Manifest | None, table: str, etag: str) -> str | None:
    file = manifest.files.get(table) if manifest else None
    return file.sha256 if file and file.etag == etag else None


def _read_sound_intent(store: Store, version: str) -> Intent | None:
    try:
        return read_intent(store, version)
    except ManifestError:
        return None
