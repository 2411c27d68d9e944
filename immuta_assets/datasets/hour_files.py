"""Data files of hours: their names, and what a table's log says of each.

Add here what can be told of a file from its name or its rows. How files become the content of a table belongs to
``table_log``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

Span = Literal["day", "month"]
"""What a folder of a table holds the hours of: large frames lie by day, small ones by month."""

HOUR = "hour"
CHANGED_AT = "changed_at"
SUFFIX = ".parquet"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MILLISECOND = datetime.max.replace(tzinfo=UTC, microsecond=999_000)
_NAME = re.compile(r"(?P<hour>\d{8}T\d{2})-(?P<moment>[0-9a-f]+)-(?P<digest>[0-9a-f]{32})")


class HourFile(NamedTuple):
    """A data file: its path within the table, bytes, rows, first and last hour, and when its rows changed (UTC).

    A file of several hours holds whatever hours lie between the first and the last.
    """

    path: str
    size: int
    rows: int
    first: datetime
    last: datetime
    changed_first: datetime | None = None
    changed_last: datetime | None = None

    @property
    def is_single(self) -> bool:
        """Whether the file holds one hour as it was committed."""
        return _NAME.fullmatch(Path(self.path).stem) is not None

    @property
    def digest(self) -> str:
        """SHA-256 of the content, its first 32 hexadecimal digits."""
        return Path(self.path).stem.rpartition("-")[2]

    @property
    def moment(self) -> datetime | None:
        """Moment of the commit (UTC); none for a file of several hours."""
        named = _NAME.fullmatch(Path(self.path).stem)
        return parse_microseconds(int(named["moment"], 16)) if named else None


def name_hour_file(span: Span, hour: datetime, moment: datetime, digest: str) -> str:
    """Return the path of an hour's file within its table."""
    return f"{span}={name_span(span, hour)}/{hour:%Y%m%dT%H}-{count_microseconds(moment):x}-{digest}{SUFFIX}"


def name_span_file(span: Span, hour: datetime, digest: str) -> str:
    """Return the path of a file with several hours."""
    return f"{span}={name_span(span, hour)}/hours-{digest}{SUFFIX}"


def name_span(span: Span, hour: datetime) -> str:
    """Return the name of the day or month that an hour lies in."""
    return f"{hour:%Y-%m-%d}" if span == "day" else f"{hour:%Y-%m}"


def list_facts(columns: Iterable[str]) -> dict[str, pl.Expr]:
    """Return what is to be known of the rows of a file with these columns, for ``build_file``."""
    bounds = {
        f"{end} {name}": getattr(pl.col(name), end)()
        for name in (HOUR, CHANGED_AT)
        if name in columns
        for end in ("min", "max")
    }
    return {"rows": pl.len(), **bounds}


def build_file(path: str, size: int, facts: Mapping[str, Any], bounds: tuple[datetime, datetime]) -> HourFile:
    """Return what the log says of a file, from ``facts`` about its rows.

    ``bounds`` are its first and last hour where there are no rows to tell them.
    """
    first, last = facts[f"min {HOUR}"] or bounds[0], facts[f"max {HOUR}"] or bounds[1]
    return HourFile(
        path, size, facts["rows"], first, last, facts.get(f"min {CHANGED_AT}"), facts.get(f"max {CHANGED_AT}")
    )


def make_statistics(file: HourFile) -> str:
    """Return the statistics of a file for the log: rows, hours and times of change, and nothing of people."""
    lows, highs = {HOUR: _format_milliseconds(file.first)}, {HOUR: _format_milliseconds(file.last)}
    # Statistics have milliseconds: the last is rounded up, or left out where nothing comes after it.
    if file.changed_first and file.changed_last and file.changed_last < _LAST_MILLISECOND:
        lows[CHANGED_AT] = _format_milliseconds(file.changed_first)
        highs[CHANGED_AT] = _format_milliseconds(file.changed_last + timedelta(microseconds=999))
    nulls = dict.fromkeys(lows, 0)
    return json.dumps({"numRecords": file.rows, "minValues": lows, "maxValues": highs, "nullCount": nulls})


def read_statistics(actions: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Return the columns of ``HourFile`` for the add actions of a table, in the order of the hours."""
    changed = [
        pl.col(f"{end}.{CHANGED_AT}") if f"{end}.{CHANGED_AT}" in actions.columns else pl.lit(None)
        for end in ("min", "max")
    ]
    return actions.select(
        path="path",
        size="size_bytes",
        rows="num_records",
        first=f"min.{HOUR}",
        last=f"max.{HOUR}",
        changed_first=changed[0].cast(pl.Datetime("us", "UTC")),
        changed_last=changed[1].cast(pl.Datetime("us", "UTC")),
        span=pl.col(f"partition.{span}").cast(pl.String),
    ).sort("first", "path")


def compute_digest(content: Path | bytes) -> str:
    """Return the SHA-256 of a file or of bytes, its first 32 hexadecimal digits."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()[:32]
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def count_microseconds(moment: datetime) -> int:
    """Return a moment (aware) as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def parse_microseconds(count: int) -> datetime:
    """Return the moment (UTC) of microseconds since 1970."""
    return _EPOCH + count * _MICROSECOND


def make_partition_values(span: Span, file: HourFile) -> Mapping[str, str | None]:
    """Return what the folder of a file is named by, as the log wants it."""
    return {span: name_span(span, file.first)}


def _format_milliseconds(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
