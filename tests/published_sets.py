"""Sets of the real layouts, without rows, published for tests of what lies at a destination afterwards."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import uuid4

from immuta_assets.layouts import parquet
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.object_store import Store
from immuta_assets.publishing.publish import Release, publish


def written(folder: Path, version: str, export_date: datetime) -> dict[str, Path]:
    """Write the tables of a layout; return the file of each."""
    files = {
        table: folder / version / f"{export_date:%Y%m%dT%H%M%S}" / f"{table}.parquet"
        for table in LAYOUTS[version].tables
    }
    for table, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        schema = LAYOUTS[version].tables[table]
        parquet.write_table(schema.create_empty(lazy=True), schema, path, export_date=export_date)
    return files


def publish_sets(
    store: Store, folder: Path, export_date: datetime, *versions: str, contract: str | None = None
) -> None:
    """Publish layouts (by default prpr2) of an export; ``contract`` stands for that of older code."""
    releases = [
        Release(
            LAYOUTS[version], written(folder, version, export_date), contract or compute_code_version(LAYOUTS[version])
        )
        for version in versions or ("prpr2",)
    ]
    publish(releases, [store], run_id=uuid4().hex, snapshot_id="acme 1")
