"""Whether a store has conditional writes, which alone keep two machines from overwriting each other.

Add here what a store must be asked before data is kept in it. How a condition is said belongs to each store.
"""

from __future__ import annotations

from uuid import uuid4

from immuta_assets.object_store.interface import ConflictError, Store, StoreError

PROBE = ".immuta.export.log.conditional"
"""What the key of the object begins with that is written and removed again."""


def prove_conditional_put(store: Store) -> None:
    """Write an object that must be absent twice, with other content; raise ``StoreError`` where both are let through.

    The object is removed again in any case. Needs the permissions to write, read and delete.
    """
    key = f"{PROBE}.{uuid4().hex}"
    store.put_bytes(key, b"first", if_absent=True)
    try:
        _prove_conflict(store, key)
    finally:
        store.delete(key)


def _prove_conflict(store: Store, key: str) -> None:
    try:
        store.put_bytes(key, b"second", if_absent=True)
    except ConflictError:
        if store.read(key) == b"first":
            return
    msg = (
        f"{store.uri} has no conditional writes: two machines would overwrite each other; use a store that has them, "
        f"such as S3, ADLS Gen2, GCS or a local folder."
    )
    raise StoreError(msg)
