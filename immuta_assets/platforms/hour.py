"""What a reader returns: one hour of one connection, as frames and as facts about the reading.

Every reader imports this module. Add a fact when an operator or a check needs another count of every platform. What
statements and accesses are stands in ``history``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from immuta_assets.datasets.hours import HOUR

SETTLE = timedelta(hours=3)
"""How long after the close of an hour the platforms may still name the objects of its statements."""


class HistoryError(Exception):
    """Query history that cannot be read; the message is one sentence that names the missing grant or setting."""


class Counted(NamedTuple):
    """What a platform counts of an hour in one cheap statement; where anything differs later, the hour has changed."""

    statements: int = 0
    """Rows of statements that ended in the hour."""
    statement_ids: int = 0
    """Different ids among them."""
    accesses: int = 0
    """Rows of the access source that belong to them."""
    latest_end: datetime | None = None
    """Latest end among them (UTC)."""


class ReadFacts(NamedTuple):
    """What is to be known of a reading besides its rows; counts only, never people's data."""

    counted: Counted
    """What the platform counted before the first row was read, so that what arrives meanwhile differs from it."""
    statements: int
    """Statements of the hour, each query id once."""
    accesses: int
    """Objects accessed, each once per statement."""
    source_duplicates: int
    """Further rows of the same query id, left out."""
    redacted: int
    """Statements whose text the platform withheld."""
    pending: int
    """Statements whose objects may still arrive."""
    latest_end: Mapping[str, datetime | None]
    """Latest time seen per source (UTC), of what was read."""
    missing_columns: tuple[str, ...] = ()
    """Optional columns that the platform does not have yet; what depends on them is null."""
    warnings: tuple[str, ...] = ()
    """What limits the reading and how to lift the limit, one sentence each."""


class Hour(NamedTuple):
    """The statements that ended in an hour and what they accessed, following ``history.Statements`` and ``Accesses``.

    The frames scan files in the spool folder of the reading, so they are good as long as that folder.
    """

    statements: pl.LazyFrame
    accesses: pl.LazyFrame
    facts: ReadFacts


def get_bounds(hour: datetime) -> tuple[datetime, datetime]:
    """Return the half-open interval of an hour, given by its aware start; raises ``ValueError`` for anything else."""
    if hour.utcoffset() is None or hour != hour.replace(minute=0, second=0, microsecond=0):
        message = f"An hour is given by its start with a time zone, not by {hour.isoformat()}."
        raise ValueError(message)
    return hour, hour + HOUR
