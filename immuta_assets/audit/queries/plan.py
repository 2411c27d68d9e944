"""Which hours of query history to read now, and why.

An hour is looked at again at fixed times after its close, its *slots*: those of the connection's re-read plan, and
``SETTLE``. It is read again only if the platform counts something else than when it was read. Slots that passed while
nothing ran are made up for. What changes after the last slot is not looked for: such an hour must be read by hand.

Add a reason here when an hour must be read for another one. What is counted belongs to the readers, what is known of an
hour that was read to ``readings``, and starting runs to the orchestration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dataframely as dy
import polars as pl

from immuta_assets.audit.queries.readings import Counts
from immuta_assets.datasets.hours import HOUR, floor_hour
from immuta_assets.platforms.hour import SETTLE, Counted

READ_REASONS = NEW, OUTSTANDING, CHANGED, SETTLING = "NEW", "OUTSTANDING", "CHANGED", "SETTLING"
"""Why an hour is read; the first that holds is given.

NEW: it has closed and was never read. CHANGED: a slot has passed since it was read, and the platform counts something
else. SETTLING: it was read while objects were awaited that can no longer come. OUTSTANDING: one of the last two, and
the previous plan asked for it in vain.
"""

IDENTITIES = "IDENTITIES"
"""Why only the events of an hour are made again: its people are named differently now."""

LONGEST_RANGE = 24
"""Hours that are read together at most."""

_HOURS = pl.Datetime("us", "UTC")
_COUNTED = [name for name in Counts.column_names() if name != "hour"]
_CLOSE = pl.col("hour") + HOUR


class Plan(Counts):
    """What is to be done for an hour of the window, or for one whose people are named differently now."""

    planned_at = dy.Datetime(time_zone="UTC", description="Moment of the plan (UTC).")
    reason = dy.Enum(
        [*READ_REASONS, IDENTITIES],
        nullable=True,
        description="Why the hour is done: NEW (never read), OUTSTANDING (asked for before and not read since), "
        "CHANGED (the platform counts something else), SETTLING (awaited objects can no longer come) or IDENTITIES "
        "(people are named differently now); null if it is not done.",
    )
    due_since = dy.Datetime(
        time_zone="UTC",
        nullable=True,
        description="Moment (UTC) of the first plan that asked for the hour and was not obeyed yet; null where none "
        "did.",
    )


def find_window(
    coverage: pl.DataFrame,
    previous: pl.DataFrame | None,
    reread: Sequence[timedelta],
    now: datetime,
    *,
    start: datetime | None = None,
) -> tuple[datetime, datetime]:
    """Return the hours to be counted (UTC, half-open): those that may have to be read, up to the one open now.

    They begin with the earliest hour that had a slot since the ``previous`` plan (``Plan``), that this plan asked for
    in vain, or that is missing after the first one of ``coverage`` (all rows of ``Coverage``). Without a previous plan
    slots count since the earliest reading, and on a fresh installation from now on. Hours before ``start`` (a whole
    hour) do not count.
    """
    until = floor_hour(now)
    slotted = floor_hour(_find_planned_until(coverage, previous, now) - _list_slots(reread)[-1])
    since = min([until, slotted, *_find_missing(coverage, until), *_find_asked_in_vain(coverage, previous)["hour"]])
    return (since if start is None else min(max(since, start), until)), until


def plan(
    counted: Mapping[datetime, Counted],
    coverage: pl.DataFrame,
    changed_identities: Iterable[datetime],
    previous: pl.DataFrame | None,
    *,
    reread: Sequence[timedelta],
    now: datetime,
    start: datetime | None = None,
) -> pl.DataFrame:
    """Return the ``Plan`` of the moment ``now``, sorted by hour.

    ``counted`` is what the platform counts in the hours of ``find_window`` (same arguments); hours with nothing may
    be left out. ``coverage`` holds all rows of ``Coverage``, ``reread`` the slots after the close, ascending. An hour
    of the window that is not in the coverage is NEW, however old. Hours of ``changed_identities`` between ``start`` and
    the window have the counts they were read with. A run that is still reading an hour is not seen: whoever starts runs
    leaves such hours out.
    """
    now = now.astimezone(UTC)
    since, until = find_window(coverage, previous, reread, now, start=start)
    renamed = _is_among(changed_identities)
    partitions = pl.lit(value=True) if start is None else pl.col("hour") >= start
    before = coverage.filter(partitions, pl.col("hour") < since, renamed).select(Counts.column_names())
    rows = (
        pl.concat([_build_counts(counted, since, until), before])
        .join(coverage, on="hour", how="left", suffix="_then")
        .join(_find_asked_in_vain(coverage, previous), on="hour", how="left")
    )
    reason = _choose_reason(renamed, reread, now)
    due_since = pl.when(reason.is_not_null()).then(pl.coalesce("asked_since", pl.lit(now)))
    planned = rows.with_columns(reason=reason, planned_at=pl.lit(now), due_since=due_since).select(Plan.column_names())
    return Plan.validate(planned.sort("hour"), cast=True)


def _choose_reason(renamed: pl.Expr, reread: Sequence[timedelta], now: datetime) -> pl.Expr:
    """Return the first reason that holds for an hour; null where none does."""
    changed = _has_slot_passed(_list_slots(reread), now) & _is_counted_otherwise()
    settling = _has_slot_passed([SETTLE], now) & (pl.col("pending") + pl.col("held") > 0)
    reasons = {
        NEW: pl.col("read_at").is_null() & (_CLOSE + reread[0] <= now),
        OUTSTANDING: (changed | settling) & pl.col("asked_since").is_not_null(),
        CHANGED: changed,
        SETTLING: settling,
        IDENTITIES: pl.col("read_at").is_not_null() & renamed,
    }
    return pl.coalesce(pl.when(holds).then(pl.lit(reason)) for reason, holds in reasons.items())


def group_hours(hours: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the first and the last hour of each run of consecutive hours, at most ``LONGEST_RANGE`` long, in order."""
    found: list[tuple[datetime, datetime]] = []
    for hour in sorted(set(hours)):
        if found and hour == found[-1][1] + HOUR and hour < found[-1][0] + LONGEST_RANGE * HOUR:
            found[-1] = found[-1][0], hour
        else:
            found.append((hour, hour))
    return found


def _list_slots(reread: Sequence[timedelta]) -> list[timedelta]:
    return sorted({*reread, SETTLE})


def _find_planned_until(coverage: pl.DataFrame, previous: pl.DataFrame | None, now: datetime) -> datetime:
    """Return the moment up to which no slot has to be made up for."""
    planned = None if previous is None else previous["planned_at"].max()
    return next(moment for moment in (planned, coverage["read_at"].min(), now) if isinstance(moment, datetime))


def _find_missing(coverage: pl.DataFrame, until: datetime) -> list[datetime]:
    """Return the hours after the first one of the coverage that are not in it."""
    hours = coverage["hour"]
    first = hours.min()
    return sorted({*_list_hours(first, until)} - {*hours}) if isinstance(first, datetime) else []


def _find_asked_in_vain(coverage: pl.DataFrame, previous: pl.DataFrame | None) -> pl.DataFrame:
    """Return hour and asked_since of the hours that the previous plan asked to read and that were not read since."""
    asked = Plan.create_empty() if previous is None else previous.filter(pl.col("reason").is_in(READ_REASONS))
    read = asked.join(coverage, on="hour").filter(pl.col("read_at") >= pl.col("planned_at"))
    return asked.join(read, on="hour", how="anti").select("hour", asked_since="due_since")


def _list_hours(since: datetime, until: datetime) -> pl.Series:
    return pl.datetime_range(since, until, HOUR, closed="left", eager=True)


def _build_counts(counted: Mapping[datetime, Counted], since: datetime, until: datetime) -> pl.DataFrame:
    """Return a row (``Counts``) for every hour."""
    rows = [(hour, *counted.get(hour, Counted())) for hour in _list_hours(since, until)]
    return pl.DataFrame(rows, Counts.create_empty().schema, orient="row")


def _is_among(hours: Iterable[datetime]) -> pl.Expr:
    return pl.col("hour").is_in(pl.Series(hours, dtype=_HOURS).implode())


def _has_slot_passed(slots: Sequence[timedelta], now: datetime) -> pl.Expr:
    """Whether a slot lies after the reading and not in the future."""
    moments = [_CLOSE + slot for slot in slots]
    return pl.any_horizontal(moment.is_between("read_at", now, closed="right") for moment in moments)


def _is_counted_otherwise() -> pl.Expr:
    return pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_then")) for name in _COUNTED)
