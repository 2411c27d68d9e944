"""Maintenance of tables: what keeps reading an hour after years as cheap as after a month.

Run once a day for every table. The files of a month, and those of a day that are small, become one; the log gets a
checkpoint; files that nobody reads any longer are removed. Rows never change here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from immuta_assets.datasets.hour_files import name_span
from immuta_assets.datasets.hourly import HourlyDataset
from immuta_assets.datasets.table_log import VACUUM_AFTER_DAYS, parse_files

logger = logging.getLogger(__name__)

SMALL_FILE = 100_000
"""Bytes below which the files of a past day are worth putting together."""
SETTLED = timedelta(days=4)
"""How old a day is before its files are put together: until then its hours may be read again."""
_ATTEMPTS = 10


class Maintained(NamedTuple):
    """What was done to a table, and what is there now."""

    compacted: int
    """Files that were put together."""
    removed: int
    """Files that were removed from the store."""
    files: int
    bytes: int
    version: int


def maintain_table(dataset: HourlyDataset, now: datetime) -> Maintained:
    """Compact a table, write a checkpoint and remove what is no longer live for a week; ``now`` has a zone.

    While hours of an older version lie beside the table as files of their own, nothing is compacted or removed: first
    migrate them.
    """
    table = dataset.log.refresh()
    if table is None:
        return Maintained(0, 0, 0, 0, -1)
    compacted = removed = 0
    if not dataset.list_former_files():
        compacted = sum(_compact_span(dataset, span) for span in _list_spans(dataset, now))
        removed = _vacuum(dataset, table)
    dataset.log.write_checkpoint()
    live = dataset.log.list_files()
    newest = dataset.log.refresh() or table
    return Maintained(compacted, removed, live.height, int(live["size"].sum()), newest.version())


def _list_spans(dataset: HourlyDataset, now: datetime) -> Iterator[str]:
    """Yield the days or months whose files are to be put together."""
    live = dataset.log.list_files()
    spans = live.group_by("span").agg(pl.len(), pl.col("size").mean(), pl.col("last").max()).sort("span")
    settled = name_span(dataset.span, now - SETTLED)
    for span, files, size, _ in spans.iter_rows():
        is_worth_it = dataset.span == "month" or (size < SMALL_FILE and span < settled)
        if files > 1 and is_worth_it:
            yield span


def _compact_span(dataset: HourlyDataset, span: str) -> int:
    """Put the files of a span together and return how many they were; whoever commits there meanwhile comes first."""
    for _ in range(_ATTEMPTS):
        files = parse_files(dataset.log.list_files().filter(pl.col("span") == span))
        if len(files) < 2:  # noqa: PLR2004  # one file is compact
            return 0
        try:
            rows = dataset.read_files([file.path for file in files])
            bounds = files[0].first, max(file.last for file in files)
            dataset.log.replace(files, [dataset.place_rows(rows, bounds)])
        except CommitFailedError:
            continue
        return len(files)
    logger.warning("The files of %s, %s stay apart until tomorrow: it is being written to.", dataset.key, span)
    return 0


def _vacuum(dataset: HourlyDataset, table: DeltaTable) -> int:
    """Remove files that are not live for longer than a run may last, those of killed writers among them."""
    removed = table.vacuum(retention_hours=VACUUM_AFTER_DAYS * 24, dry_run=False, full=True)
    dataset.root.remove_drafts()
    return len(removed)
