"""What is stored of the export: a dataset per table of every version, as it is to be published."""

from __future__ import annotations

from immuta_assets.datasets.files import FileDataset
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.layouts.versions import LAYOUTS


def open_layout(root: StoreRoot, version: str) -> dict[str, FileDataset]:
    """Return the datasets of a version by table; nothing is read yet."""
    return {table: FileDataset(root, f"{version}/{table}", schema) for table, schema in LAYOUTS[version].tables.items()}
