"""What is stored of outcomes: a dataset per frame of the compact form, with a partition per export day."""

from __future__ import annotations

from immuta_assets.datasets.files import FileDataset
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.outcomes.profiles import FRAMES


def open_outcomes(root: StoreRoot) -> dict[str, FileDataset]:
    """Return the datasets by frame; days that older versions stored as ``access/profiles/…`` are read there."""
    return {
        name: FileDataset(root, f"outcomes/{name}", schema, former_key=f"access/profiles/{name}")
        for name, schema in FRAMES.items()
    }
