"""What is stored of the tenant: a dataset per collection, with a partition per export day."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from immuta_assets.datasets.files import FileDataset
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.tenant.collections import COLLECTIONS


def open_tenant(root: StoreRoot) -> dict[str, FileDataset]:
    """Return the datasets by collection; nothing is read yet."""
    return {name: FileDataset(root, f"tenant/{name}", schema) for name, schema in COLLECTIONS.items()}


def scan_newest(root: StoreRoot, collections: Iterable[str]) -> dict[str, pl.LazyFrame]:
    """Scan collections of the newest stored export day; raises ``NotStoredError`` where there is none."""
    tenant = open_tenant(root)
    return {name: tenant[name].scan_newest() for name in collections}
