"""Storage: where assets lie between the steps, one Parquet file per asset and partition.

Change here how frames are written and read. Where people's consumers read belongs to ``delivery``, what a file of the
export looks like to ``layouts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import dataframely as dy
import polars as pl

from immuta_assets.files import replacing
from immuta_assets.layouts import parquet
from immuta_assets.orchestration.failures import explained

UNPARTITIONED = "all"
"""Stands for the partition of an asset that has none."""


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

    def stored(self, key: dg.AssetKey) -> list[Path]:
        """Return the files of all stored partitions of an asset, in the order of their keys."""
        return sorted(Path(self.root, *key.path).glob("*.parquet"))

    def newest(self, key: dg.AssetKey) -> pl.LazyFrame:
        """Scan the newest partition of an asset that is stored, whatever partition is computed."""
        newest = max(self.stored(key), default=self.path(key, "any"))
        with explained(newest):
            _must_exist([newest])
            return pl.scan_parquet(newest)

    def handle_output(self, context: dg.OutputContext, obj: Frame | ExportTable | Mapping[str, Frame]) -> None:
        """Write a frame, a table by the contract of its layout, or the frames of several partitions by their keys."""
        frames = obj if isinstance(obj, Mapping) else {_partition(context): obj}
        paths = {partition: self.path(context.asset_key, partition) for partition in frames}
        rows = sum(_write(frame, paths[partition]) for partition, frame in frames.items())
        place = next(iter(paths.values())) if len(paths) == 1 else Path(self.root, *context.asset_key.path)
        context.add_output_metadata({"dagster/partition_row_count": rows, "dagster/uri": place.absolute().as_uri()})

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan the file of every partition that the consumer needs."""
        paths = [self.path(context.asset_key, key) for key in context.asset_partition_keys]
        with explained(paths[0]):
            _must_exist(paths)
            return pl.scan_parquet(paths)


Frame = pl.DataFrame | pl.LazyFrame


def _partition(context: dg.OutputContext) -> str:
    return context.partition_key if context.has_asset_partitions else UNPARTITIONED


def _write(frame: Frame | ExportTable, path: Path) -> int:
    """Store a frame and return its number of rows."""
    with explained(path):
        if isinstance(frame, ExportTable):
            parquet.write(frame.frame, frame.schema, path, export_date=frame.export_date)
        else:
            with replacing(path) as file:
                frame.lazy().sink_parquet(file)
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _must_exist(paths: Sequence[Path]) -> None:
    for path in paths:
        path.stat()
