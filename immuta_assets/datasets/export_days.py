"""Deadlines: when an export day opens, which one a moment belongs to, and by when its files must lie published.

Add here what follows from the clock and a time zone alone. Every duration is counted in UTC, so that a day with 23 or
25 hours changes nothing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS_AT = time(5)


def day_of(moment: datetime, timezone: ZoneInfo) -> date:
    """Return the local date of the last 05:00 at or before ``moment``."""
    local = moment.astimezone(timezone)
    return local.date() if local.time() >= OPENS_AT else local.date() - timedelta(days=1)


def deadline(day: date, timezone: ZoneInfo, grace: timedelta) -> datetime:
    """Return the moment (UTC) by which the files of an export day must be published: 05:00 local time and ``grace``."""
    return datetime.combine(day, OPENS_AT, timezone).astimezone(UTC) + grace


def due_day(now: datetime, timezone: ZoneInfo, grace: timedelta) -> date:
    """Return the newest export day whose deadline has passed: what is published must be of it or newer."""
    return day_of(now.astimezone(UTC) - grace, timezone)
