"""Storage: where assets lie between the steps, one Parquet file per asset and partition.

Change here how frames are written and read. Where people's consumers read belongs to ``publishing``, what a file of the
export looks like to ``layouts``.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import dataframely as dy
import polars as pl
import pyarrow.parquet as pq

from immuta_assets.layouts import parquet
from immuta_assets.object_store.files import remove_unfinished, replacing
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
        return _scan([max(self.stored(key), default=self.path(key, "any"))])

    def scan(self, key: dg.AssetKey, partition: str = UNPARTITIONED) -> pl.LazyFrame:
        """Scan one partition of an asset."""
        return _scan([self.path(key, partition)])

    def scan_if_stored(self, key: dg.AssetKey, partition: str = UNPARTITIONED) -> pl.LazyFrame | None:
        """Scan one partition of an asset, or return None where it was never stored."""
        return self.scan(key, partition) if self.path(key, partition).exists() else None

    def scan_all(self, key: dg.AssetKey, schema: type[dy.Schema], since: str = "") -> pl.LazyFrame:
        """Scan all stored partitions of an asset, from the key ``since`` on; none have the columns of ``schema``."""
        paths = [path for path in self.stored(key) if path.stem >= since]
        return _scan(paths) if paths else schema.create_empty(lazy=True)

    @contextmanager
    def alone(self, keys: Sequence[dg.AssetKey]) -> Iterator[None]:
        """Write assets alone: every other process that asks for the first of them waits.

        What a writer left behind that was killed is removed.
        """
        folders = [Path(self.root, *key.path) for key in keys]
        with explained(folders[0]):
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            with (folders[0] / ".lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for folder in folders:
                    remove_unfinished(folder)
                yield

    def handle_output(self, context: dg.OutputContext, obj: Frame | ExportTable | Mapping[str, Frame]) -> None:
        """Write a frame, a table by the contract of its layout, or the frames of several partitions by their keys."""
        frames = obj if isinstance(obj, Mapping) else {_partition(context): obj}
        paths = {partition: self.path(context.asset_key, partition) for partition in frames}
        rows = sum(_write(frame, paths[partition]) for partition, frame in frames.items())
        place = next(iter(paths.values())) if len(paths) == 1 else Path(self.root, *context.asset_key.path)
        context.add_output_metadata({"dagster/partition_row_count": rows, "dagster/uri": place.absolute().as_uri()})

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan the file of every partition that the consumer needs."""
        return _scan([self.path(context.asset_key, key) for key in context.asset_partition_keys])


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
        return int(pq.read_metadata(path).num_rows)


def _scan(paths: list[Path]) -> pl.LazyFrame:
    with explained(paths[0]):
        for path in paths:
            path.stat()
        return pl.scan_parquet(paths)
