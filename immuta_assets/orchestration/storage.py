"""Storage: where assets lie between the steps, one Parquet file per asset and partition.

Change here how frames are written and read. Where people's consumers read belongs to ``delivery``, what a file of the
export looks like to ``layouts``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import dataframely as dy
import polars as pl

from immuta_assets.layouts import parquet
from immuta_assets.orchestration.failures import explained


class ExportTable(NamedTuple):
    """A table of the access summary export, to be stored exactly as its layout wants it published."""

    frame: pl.LazyFrame
    schema: type[dy.Schema]
    export_date: datetime


class ParquetStore(dg.ConfigurableIOManager):
    """Store frames as ``<root>/<key…>/<partition>.parquet`` and load them as one ``LazyFrame`` over all partitions.

    A file is replaced as a whole or not at all. The event log gets counts and places, never rows.
    """

    root: str

    def path(self, key: dg.AssetKey, partition: str) -> Path:
        """Return the file of an asset's partition."""
        return Path(self.root, *key.path, f"{partition}.parquet")

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | pl.LazyFrame | ExportTable) -> None:
        """Write a frame, or a table by the contract of its layout."""
        path = self.path(context.asset_key, context.partition_key)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(obj, ExportTable):
                parquet.write(obj.frame, obj.schema, path, export_date=obj.export_date)
            else:
                _replace(obj.lazy(), path)
            rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        context.add_output_metadata({"dagster/partition_row_count": rows, "dagster/uri": path.absolute().as_uri()})

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan the file of every partition that the consumer needs."""
        paths = [self.path(context.asset_key, key) for key in context.asset_partition_keys]
        with explained(paths[0]):
            _must_exist(paths)
            return pl.scan_parquet(paths)


def _replace(frame: pl.LazyFrame, path: Path) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        frame.sink_parquet(beside, sync_on_close="all")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _must_exist(paths: Sequence[Path]) -> None:
    for path in paths:
        path.stat()
