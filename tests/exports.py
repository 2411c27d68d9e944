"""A small layout, exports of it as files, and their publication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import dataframely as dy
import polars as pl

from immuta_assets.layouts.parquet import write_table
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.layouts.versions import Layout
from immuta_assets.object_store import Store
from immuta_assets.publishing.publish import PublishedTable, Release, publish


class People(dy.Schema):
    name = dy.String()
    export_date = dy.Datetime(time_unit="us")


class Pets(dy.Schema):
    name = dy.String()
    export_date = dy.Datetime(time_unit="us")


LAYOUT = Layout("prpr9", {"people-metadata": People, "pets": Pets})
DAY = datetime(2026, 11, 20, 5, 0, 0)  # export_date is UTC without a zone


def export(folder: Path, date: datetime = DAY, *, rows: int = 3) -> dict[str, Path]:
    """Files of one export: ``rows`` people and no pets."""
    folder.mkdir(parents=True, exist_ok=True)
    names = pl.LazyFrame({"name": [f"{i:032}" for i in range(rows)]}, schema={"name": pl.String}).with_columns(
        pl.lit(date).cast(pl.Datetime("us")).alias("export_date")
    )
    files = {name: folder / f"{name}.parquet" for name in LAYOUT.tables}
    write_table(names, People, files["people-metadata"], export_date=date)
    write_table(names.head(0), Pets, files["pets"], export_date=date)
    return files


def release(files: Mapping[str, Path], layout: Layout = LAYOUT) -> Release:
    return Release(layout, files, compute_code_version(layout))


def publish_to(stores: Sequence[Store], files: Mapping[str, Path], **options: Any) -> list[PublishedTable]:
    """Publish an export of the small layout, as a run of its own unless the options name one."""
    chosen = {"run_id": uuid4().hex, "snapshot_id": "acme 2026-11-20"} | options
    return publish([release(files)], stores, **chosen)
