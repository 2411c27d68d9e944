"""What an operator must know of the query history of every connection: what is read, how late, what is unusual.

Everything here is told from the coverage of the last 8 days and the newest plans, never from the rows themselves. Add a
column when people need another number, and a check when something calls for an operator. What is known of an hour
belongs to ``readings``, which hours are due to ``plan``, and what to do about a finding to docs/query-history.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import dataframely as dy
import polars as pl
import polars.selectors as cs

from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.hour import SETTLE
from immuta_assets.platforms.registry import PLATFORMS

RECENT = timedelta(hours=24)
"""The newest hours, up to the newest covered one, that are compared with the ``BASELINE`` before them."""
BASELINE = timedelta(days=7)
LOOK_BACK = RECENT + BASELINE
"""How far back coverage is looked at."""
WINDOW = timedelta(hours=72)
"""The closed hours of which the covered ones are counted."""

LATE = timedelta(hours=2)
TOO_LATE = timedelta(hours=3)
"""When what waits to be read is a warning, and when an error."""

FACTOR, POINTS, ENOUGH = 2, 0.05, 20
"""A share is unusual when it is more than ``FACTOR`` times its baseline, at least ``POINTS`` higher, and made up of at
least ``ENOUGH`` rows. The factor alone would warn of 0.2 % after 0.1 %, the points alone of 55 % after 50 %, and both
of 1 statement in 4 on a quiet Sunday."""

SILENT_HOURS = 3
"""Fewer silent hours than this mean nothing: platforms may deliver up to three hours late."""

CHECKS: Mapping[str, str] = {
    "unknown_users": "The share of statements of unknown users is not clearly above that of the 7 days before.",
    "unmapped_objects": "The share of objects that are no data source is not clearly above that of the 7 days before.",
    "duplicates": "The share of rows that platforms give twice is not clearly above that of the 7 days before.",
    "redacted_texts": "No platform withholds the text of statements.",
    "source_lag": "Every connection is read up to 2 hours ago, and no source is silent that was not a week before.",
    "pending_hours": "No hour waits for 2 hours to be read, to be read again, or for the objects of its statements.",
}
"""The checks by name, each with what holds when it passes."""

Row = Mapping[str, Any]
Severity = Literal["WARN", "ERROR"]


class Status(dy.Schema):
    """How far the query history of each connection is covered, and what stands out in it.

    *Newest 24 hours* end with the newest covered hour; shares ``before`` are those of the 7 days before them, and null
    where nothing is there to divide by.
    """

    connection = dy.String(primary_key=True, description="Name of the connection, as in connections.yaml.")
    as_of = dy.Datetime(time_zone="UTC", description="Moment of the status (UTC).")
    newest_hour = dy.Datetime(
        time_zone="UTC",
        nullable=True,
        description="Start of the newest covered hour (UTC); null where none of the last 8 days is covered.",
    )
    read_until = dy.Datetime(
        time_zone="UTC",
        nullable=True,
        description="Up to when the connection is read (UTC): the end of the newest covered hour, or its reading if "
        "that was before; null where none of the last 8 days is covered.",
    )
    sources = dy.List(
        dy.Struct(
            {
                "source": dy.String(),
                "latest": dy.Datetime(time_zone="UTC", nullable=True),
                "lag": dy.Duration(nullable=True),
                "silent_hours": dy.Int64(min=0),
                "unusually_silent": dy.Bool(),
            }
        ),
        description="Each source: its latest time seen (UTC, null for none), how long ago that is, the hours read "
        "since without rows, and whether those hours all had rows a week before.",
    )
    covered_hours = dy.Int64(min=0, description="Hours covered of the last 72 that have closed.")
    missing_hours = dy.Int64(min=0, description="Closed hours not covered, since the first one covered or planned.")
    due_hours = dy.Int64(min=0, description="Hours that the newest plan asks for and that were not read since.")
    awaiting_hours = dy.Int64(min=0, description="Hours covered that hold statements whose objects are awaited.")
    waiting_since = dy.Datetime(
        time_zone="UTC",
        nullable=True,
        description="Since when the hour that waits longest could have been read (UTC); null where none waits.",
    )
    statements = dy.Int64(min=0, description="Statements of the newest 24 hours.")
    events = dy.Int64(min=0, description="Events of the newest 24 hours.")
    unknown_statements = dy.Int64(min=0, description="Statements of unknown users in the newest 24 hours.")
    unknown_share = dy.Float64(
        nullable=True,
        min=0,
        max=1,
        description="Share of unknown users in the statements of the newest 24 hours; null where there are no "
        "statements.",
    )
    unknown_share_before = dy.Float64(
        nullable=True,
        min=0,
        max=1,
        description="The same share (unknown_share) in the 7 days before; null where nothing is there to divide by.",
    )
    unmapped_objects = dy.Int64(min=0, description="Objects accessed in the newest 24 hours that are no data source.")
    unmapped_share = dy.Float64(
        nullable=True,
        min=0,
        max=1,
        description="Share of unmapped objects in those accessed in the newest 24 hours; null where none were "
        "accessed.",
    )
    unmapped_share_before = dy.Float64(
        nullable=True,
        min=0,
        max=1,
        description="The same share (unmapped_share) in the 7 days before; null where nothing is there to divide by.",
    )
    duplicates = dy.Int64(min=0, description="Further rows of the same statement left out in the newest 24 hours.")
    duplicate_share = dy.Float64(
        nullable=True,
        min=0,
        max=1,
        description="Share of duplicates in the platform's rows of the newest 24 hours; null where there are no rows.",
    )
    duplicate_share_before = dy.Float64(
        nullable=True,
        min=0,
        max=1,
        description="The same share (duplicate_share) in the 7 days before; null where nothing is there to divide by.",
    )
    redacted = dy.Int64(min=0, description="Texts withheld by the platform in the newest 24 hours.")
    withdrawn = dy.Int64(min=0, description="Events of the newest 24 hours that no longer hold.")
    limits = dy.List(dy.String(), description="What limited the newest reading, in words; empty where nothing did.")


class Finding(NamedTuple):
    """Something about a connection that calls for an operator."""

    check: str
    """One of ``CHECKS``."""
    severity: Severity
    connection: str
    message: str
    """One sentence: the connection, what was found, what to do."""


def build_status(coverage: pl.DataFrame, plans: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return the ``Status`` of every connection as of ``now`` (with a zone), sorted by connection.

    ``coverage`` holds rows of ``Coverage`` of at least the last ``LOOK_BACK``, ``plans`` those of each connection's
    newest ``Plan``; both with a column ``connection``. Older hours and open ones are left out.
    """
    as_of = now.astimezone(UTC)
    covered = coverage.filter(_is_looked_at(as_of))
    parts = [_measure_reach(covered, as_of), _count_recent(covered), _describe_sources(covered, as_of)]
    parts += [_find_waiting(covered, plans, as_of), _count_due(covered, plans)]
    found = pl.concat([coverage["connection"], plans["connection"]]).unique().sort().to_frame()
    for part in parts:
        found = found.join(part, on="connection", how="left", maintain_order="left")
    found = found.with_columns(cs.integer().fill_null(0), cs.list().fill_null([]), as_of=pl.lit(as_of))
    return Status.validate(found.select(Status.column_names()), cast=True)


def _is_looked_at(as_of: datetime) -> pl.Expr:
    """Whether an hour has closed and is not too old."""
    return pl.col("hour").is_between(as_of - LOOK_BACK, as_of - HOUR)


def _measure_reach(covered: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """How far hours are covered, and what limited the reading made last."""
    return covered.group_by("connection").agg(
        newest_hour=pl.col("hour").max(),
        read_until=pl.min_horizontal(pl.col("hour") + HOUR, "read_at").max(),
        covered_hours=(pl.col("hour") + HOUR > as_of - WINDOW).sum(),
        awaiting_hours=_is_awaiting().sum(),
        limits=pl.col("limits").sort_by("read_at", "hour").last(),
    )


def _is_awaiting() -> pl.Expr:
    return pl.col("pending") + pl.col("held") > 0


def _count_recent(covered: pl.DataFrame) -> pl.DataFrame:
    """The counts of the newest 24 hours, and the shares in them and before."""
    recent = pl.col("hour").max() - pl.col("hour") < RECENT
    shares = {
        "unknown_share": ("unknown_statements", "known_statements"),
        "unmapped_share": ("unmapped_objects", "mapped_objects"),
        "duplicate_share": ("source_duplicates", "statements"),
    }
    counted = ["statements", "events", "unknown_statements", "unmapped_objects", "redacted", "withdrawn"]
    return covered.group_by("connection").agg(
        pl.col(counted).filter(recent).sum(),
        pl.col("source_duplicates").filter(recent).sum().alias("duplicates"),
        **{name: _compute_share(*columns, recent) for name, columns in shares.items()},
        **{f"{name}_before": _compute_share(*columns, ~recent) for name, columns in shares.items()},
    )


def _compute_share(part: str, rest: str, within: pl.Expr) -> pl.Expr:
    some = pl.col(part).filter(within).sum()
    whole = some + pl.col(rest).filter(within).sum()
    return pl.when(whole > 0).then(some / whole)


def _describe_sources(covered: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """What is known of each source: an hour that was read and is empty is no lag, but it may be unusual.

    Whether a platform was quiet or is late cannot be told from rows that are not there; only that a source is silent
    in hours that all had rows a week before.
    """
    seen = covered.select("connection", "hour", "sources").explode("sources", empty_as_null=False).unnest("sources")
    seen = seen.with_columns(spoke=pl.col("latest").is_not_null())
    week_before = seen.select("connection", "source", pl.col("hour") + BASELINE, spoke_before="spoke")
    silent = (pl.col("hour") > pl.col("hour").filter("spoke").max()).fill_null(value=True)
    spoke_before = pl.col("spoke_before").filter(silent).drop_nulls()
    found = (
        seen.join(week_before, on=["connection", "source", "hour"], how="left")
        .group_by("connection", "source")
        .agg(
            latest=pl.col("latest").max(),
            lag=as_of - pl.col("latest").max(),
            silent_hours=silent.sum(),
            unusually_silent=(spoke_before.len() >= SILENT_HOURS) & spoke_before.all(),
        )
    )
    return found.sort("source").group_by("connection").agg(sources=pl.struct(pl.exclude("connection")))


def _find_waiting(covered: pl.DataFrame, plans: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The hours that are missing, and since when the one that waits longest does.

    A missing hour waits since its close, one whose objects are awaited since they can no longer come, one that is to be
    read again for another reason since the first plan that asked for it.
    """
    close, missing = pl.col("hour") + HOUR, pl.col("read_at").is_null()
    waiting_since = pl.min_horizontal(
        pl.when(missing).then(close),
        pl.when(_is_awaiting()).then(close + SETTLE),
        pl.when(_is_due()).then("due_since"),
    )
    return (
        _list_expected_hours(covered, plans, as_of)
        .join(covered, on=["connection", "hour"], how="left")
        .join(plans, on=["connection", "hour"], how="left")
        .group_by("connection")
        .agg(missing_hours=missing.sum(), waiting_since=waiting_since.filter(waiting_since <= as_of).min())
    )


def _list_expected_hours(covered: pl.DataFrame, plans: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Every hour of a connection from the first one covered or planned to the last that has closed."""
    known = pl.concat([frame.select("connection", "hour") for frame in (covered, plans)]).filter(_is_looked_at(as_of))
    hours = pl.datetime_ranges("first", pl.lit(as_of - HOUR), HOUR).alias("hour")
    return known.group_by("connection").agg(first=pl.col("hour").min()).select("connection", hours).explode("hour")


def _count_due(covered: pl.DataFrame, plans: pl.DataFrame) -> pl.DataFrame:
    planned = plans.join(covered, on=["connection", "hour"], how="left")
    return planned.group_by("connection").agg(due_hours=_is_due().sum())


def _is_due() -> pl.Expr:
    unread = pl.col("read_at").is_null() | (pl.col("read_at") < pl.col("planned_at"))
    return pl.col("reason").is_not_null() & unread


def list_findings(status: pl.DataFrame) -> list[Finding]:
    """Return what calls for an operator in a ``Status``, by connection and in the order of ``CHECKS``."""
    return [
        finding
        for row in status.iter_rows(named=True)
        for find in (_find_unusual_shares, _find_redacted_texts, _find_source_lag, _find_pending_hours)
        for finding in find(row)
    ]


class _Share(NamedTuple):
    """A share that is compared with its baseline, in words."""

    check: str
    part: str
    share: str
    words: str
    remedy: str


_SHARES = (
    _Share(
        "unknown_users",
        "unknown_statements",
        "unknown_share",
        "statements of unknown users",
        "audit/unknown_users names them and what to do",
    ),
    _Share(
        "unmapped_objects",
        "unmapped_objects",
        "unmapped_share",
        "objects accessed that are no data source",
        "register them, or look whether data sources vanished from the tenant dump",
    ),
    _Share(
        "duplicates",
        "duplicates",
        "duplicate_share",
        "rows that the platform gave more than once",
        "nothing is counted twice, but ask the platform's support if it goes on",
    ),
)


def _find_unusual_shares(row: Row) -> Iterator[Finding]:
    for one in _SHARES:
        count, share, before = row[one.part], row[one.share], row[f"{one.share}_before"]
        if _is_unusual(count, share, before):
            shares = f"{_format_percent(share)} after {_format_percent(before)} before"
            message = f"{count:,} {one.words} in the newest 24 hours, {shares}; {one.remedy}"
            yield _make_finding(one.check, "WARN", row, message)


def _is_unusual(count: int, share: float | None, before: float | None) -> bool:
    if share is None or before is None:
        return False
    return count >= ENOUGH and share > FACTOR * before and share - before >= POINTS


def _find_redacted_texts(row: Row) -> Iterator[Finding]:
    if row["redacted"]:
        message = f"the platform withheld {row['redacted']:,} texts in the newest 24 hours; " + ", ".join(
            platform.redaction_hint for platform in PLATFORMS.values()
        )
        yield _make_finding("redacted_texts", "WARN", row, message)


def _find_source_lag(row: Row) -> Iterator[Finding]:
    if severity := _find_severity(row, row["read_until"]):
        message = (
            f"nothing after {_format_moment(row['read_until'])} is read; look for failed runs, schedule and sensor"
        )
        yield _make_finding("source_lag", severity, row, message)
    for source in row["sources"]:
        if source["unusually_silent"]:
            message = (
                f"{source['source']} has had no rows for {source['silent_hours']:,} hours that are read, and had some "
                "in the same hours a week before; if people are at work, the platform is late and the hours are read "
                "again when it delivers"
            )
            yield _make_finding("source_lag", "WARN", row, message)


def _find_pending_hours(row: Row) -> Iterator[Finding]:
    if severity := _find_severity(row, row["waiting_since"]):
        message = (
            f"{row['missing_hours']:,} hours are missing, {row['due_hours']:,} due and {row['awaiting_hours']:,} await "
            f"objects, one of them since {_format_moment(row['waiting_since'])}; look for failed runs, or materialize "
            f"them"
        )
        # A connection that was just added has not failed yet.
        yield _make_finding("pending_hours", severity if row["newest_hour"] else "WARN", row, message)


def _find_severity(row: Row, since: datetime | None) -> Severity | None:
    waited = row["as_of"] - since if since else timedelta(0)
    if waited >= TOO_LATE:
        return "ERROR"
    return "WARN" if waited > LATE else None


def _make_finding(check: str, severity: Severity, row: Row, message: str) -> Finding:
    return Finding(check, severity, row["connection"], f"{row['connection']}: {message}.")


_HEADINGS = (
    "connection", "newest hour", "lag", "covered of 72 h", "missing", "due", "awaiting objects", "statements", "events",
    "unknown users", "unmapped objects", "duplicates", "redacted", "withdrawn",
)  # fmt: skip


def format_markdown(status: pl.DataFrame) -> str:
    """Return a ``Status`` as a table for people, followed by what limits the newest reading of each connection."""
    rows = status.rows(named=True)
    table = [_HEADINGS, ["---"] * len(_HEADINGS), *(_format_cells(row) for row in rows)]
    limits = [f"- {row['connection']}: {limit}" for row in rows for limit in row["limits"]]
    as_of = [f"As of {_format_moment(row['as_of'])}; counts and shares are of the newest 24 hours." for row in rows[:1]]
    blocks = [["| " + " | ".join(cells) + " |" for cells in table], as_of, limits]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _format_cells(row: Row) -> list[str]:
    hours = [f"{row[name]:,}" for name in ("covered_hours", "missing_hours", "due_hours", "awaiting_hours")]
    counts = [f"{row[name]:,}" for name in ("statements", "events")]
    shares = [_format_share(row, one) for one in _SHARES]
    rest = [f"{row[name]:,}" for name in ("redacted", "withdrawn")]
    newest = _format_moment(row["newest_hour"]) if row["newest_hour"] else "none yet"
    return [row["connection"], newest, ", ".join(map(_format_lag, row["sources"])), *hours, *counts, *shares, *rest]


def _format_share(row: Row, one: _Share) -> str:
    count, share, before = row[one.part], row[one.share], row[f"{one.share}_before"]
    return f"{count:,}" if share is None else f"{count:,} ({_format_percent(share)}, before {_format_percent(before)})"


def _format_lag(source: Row) -> str:
    if source["lag"] is None:
        return f"{source['source']} no rows"
    minutes = source["lag"] // timedelta(minutes=1)
    quiet = f", quiet for {source['silent_hours']:,} h" if source["silent_hours"] else ""
    return f"{source['source']} {minutes // 60:,} h {minutes % 60:02} min{quiet}"


def _format_percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _format_moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
