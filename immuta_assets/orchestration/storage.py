"""Storage in Dagster: the IO manager, a few lines over the datasets.

What is stored, and how, belongs to ``datasets`` and to the modules ``stored`` of the domain packages. Metadata holds
counts and places, never rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

import dagster as dg
import dataframely as dy
import polars as pl

from immuta_assets.audit.stored import ConnectionData, open_status, open_unknown_users
from immuta_assets.datasets.dataset import UNPARTITIONED, Committed, Dataset
from immuta_assets.datasets.files import FileDataset
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.layouts import parquet
from immuta_assets.layouts.stored import open_layout
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.orchestration.failures import explain_errors
from immuta_assets.outcomes.stored import open_outcomes
from immuta_assets.tenant.stored import open_tenant

Frame = pl.DataFrame | pl.LazyFrame
Metadata = Mapping[str, dg.MetadataValue | int | float | str]


class ExportTable(NamedTuple):
    """A table of the access summary export, to be stored exactly as its layout wants it published."""

    frame: pl.LazyFrame
    schema: type[dy.Schema]
    export_date: datetime


class HourlyFrames(NamedTuple):
    """Frames of hours by their keys, as of a moment, with what is to be shown of each hour."""

    frames: Mapping[str, pl.LazyFrame]
    moment: datetime
    metadata: Mapping[str, Metadata]


class DatasetIOManager(dg.IOManager):
    """Commit what assets return to their datasets, and scan it for those that need it."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        """Take the datasets; their keys are those of the assets."""
        self._datasets = {dataset.key: dataset for dataset in datasets}

    def handle_output(self, context: dg.OutputContext, obj: Frame | ExportTable | HourlyFrames) -> None:
        """Commit a frame, a table by the contract of its layout, or the frames of several hours."""
        dataset = self._datasets["/".join(context.asset_key.path)]
        with explain_errors(dataset.key):
            if isinstance(obj, HourlyFrames):
                _describe_hours(context, dataset.commit(obj.frames, obj.moment), obj.metadata)
            else:
                partition = context.partition_key if context.has_asset_partitions else UNPARTITIONED
                context.add_output_metadata(_describe(_commit(dataset, partition, obj)))

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan every partition that the consumer needs."""
        dataset = self._datasets["/".join(context.asset_key.path)]
        with explain_errors(dataset.key):
            return dataset.scan(context.asset_partition_keys)


def open_datasets(root: StoreRoot, connections: Iterable[ConnectionData]) -> list[Dataset]:
    """Return every dataset of the graph, those of ``connections`` among them."""
    return [
        *open_tenant(root).values(),
        *open_outcomes(root).values(),
        *(dataset for version in LAYOUTS for dataset in open_layout(root, version).values()),
        *(dataset for data in connections for dataset in data),
        open_unknown_users(root),
        open_status(root),
    ]


def _commit(dataset: Dataset, partition: str, obj: Frame | ExportTable) -> Committed:
    if not isinstance(dataset, FileDataset):
        msg = f"{dataset.key} is stored by hours: return HourlyFrames."
        raise TypeError(msg)
    if not isinstance(obj, ExportTable):
        return dataset.commit({partition: obj.lazy()})[partition]
    path = Path(dataset.key, partition)

    def write(file: IO[bytes]) -> None:
        parquet.stream_table(obj.frame, obj.schema, file, path, export_date=obj.export_date)

    return dataset.commit_file(partition, write)


def _describe(committed: Committed) -> Mapping[str, int | str]:
    uri = committed.uri if "://" in committed.uri else f"file://{committed.uri}"
    return {"dagster/partition_row_count": committed.rows, "dagster/uri": uri}


def _describe_hours(
    context: dg.OutputContext, committed: Mapping[str, Committed], metadata: Mapping[str, Metadata]
) -> None:
    """Show of every hour what is true of that hour, however many the run holds."""
    step = context.step_context
    for key, hour in committed.items():
        step.add_asset_metadata({**metadata.get(key, {}), **_describe(hour)}, context.asset_key, key)
