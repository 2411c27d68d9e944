"""Migration: hours that older versions stored as a file each become hours of a table.

Every hour is committed as of the time its file was written, read back and compared row by row; only then its file moves
to ``<key>.before-delta``. So a migration that is interrupted goes on where it was, and one that is repeated changes
nothing. Days are read where they are and need none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from immuta_assets.datasets.hourly import HourlyDataset
from immuta_assets.datasets.hours import parse_hour_key

HOURS_AT_ONCE = 24
SUFFIX = ".before-delta"


class Migrated(NamedTuple):
    """What became of the hours of a frame: how many were migrated, their rows, and how many were left to do before."""

    key: str
    hours: int
    rows: int


class MigrationError(Exception):
    """An hour whose rows in the table are not those of its file; nothing of it was moved."""


def migrate_hours(dataset: HourlyDataset) -> Iterator[Migrated]:
    """Migrate the hours of a frame, some at a time, and yield what was done so far.

    Raises ``MigrationError`` where the table does not give back what a file holds.
    """
    hours = rows = 0
    paths = dataset.list_old_files()
    for start in range(0, len(paths), HOURS_AT_ONCE):
        for path in paths[start : start + HOURS_AT_ONCE]:
            hours += 1
            rows += _migrate(dataset, path)
        yield Migrated(dataset.key, hours, rows)


def _migrate(dataset: HourlyDataset, path: Path) -> int:
    """Migrate an hour and return its rows; one that the table holds newer is only set aside."""
    key, written = path.stem, _read_write_time(path)
    held = dataset.log.read_moment(parse_hour_key(key), dataset.log.list_files())
    before = dataset.read_old_file(path).collect()
    if held is None:
        dataset.commit({key: before.lazy()}, written)
    if (held is None or held == written) and not dataset.scan([key]).collect().equals(before):
        msg = f"{path}: the table does not give back its rows; the file stays. Report this as a bug."
        raise MigrationError(msg)
    _set_aside(path)
    return before.height


def _read_write_time(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime_ns // 1000 / 1_000_000, UTC)


def _set_aside(path: Path) -> None:
    aside = path.parent.with_name(f"{path.parent.name}{SUFFIX}")
    aside.mkdir(exist_ok=True)
    path.replace(aside / path.name)
