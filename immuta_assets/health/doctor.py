"""Doctor: whether a destination can be used, tried out with an object of its own, and what is missing where it cannot.

Add here what can be tried at a destination without touching the export. Connections and the instance are looked at in
``orchestration.doctor``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple
from uuid import uuid4

from immuta_assets.health.status import shown
from immuta_assets.object_store import Store, StoreError

PROBE = ".immuta.export.log"
"""What the keys of the objects begin with that are written to try a destination, and removed again."""


class Finding(NamedTuple):
    """What was tried, whether it works, and else what is missing, in one sentence."""

    what: str
    ok: bool
    missing: str = ""


def tried(what: str, probe: Callable[[], object], *errors: type[Exception]) -> Finding:
    """Try something out; one of these errors is what is missing, any other is raised."""
    try:
        probe()
    except errors as error:
        return Finding(what, ok=False, missing=str(error))
    return Finding(what, ok=True)


def destination(address: str, open_store: Callable[[str], Store]) -> Iterator[Finding]:
    """List a destination, write a probe, read it back and delete it; what follows a failed write is not tried."""
    try:
        store = open_store(address)
    except StoreError as error:
        yield Finding(f"{shown(address)}: open", ok=False, missing=str(error))
        return
    yield tried(f"{store.uri}: list", store.list, StoreError)
    key, content = f"{PROBE}.{uuid4().hex}", b"written by immuta-assets doctor, may be deleted\n"
    written = tried(f"{store.uri}: write", lambda: store.put_bytes(key, content), StoreError)
    yield written
    if written.ok:
        yield tried(f"{store.uri}: read back", lambda: _read_back(store, key, content), StoreError)
        yield tried(f"{store.uri}: delete", lambda: store.delete(key), StoreError)


def _read_back(store: Store, key: str, content: bytes) -> None:
    if store.read(key) != content:
        msg = f"{store.uri}/{key} holds other bytes than were written: look who changes objects there."
        raise StoreError(msg)
