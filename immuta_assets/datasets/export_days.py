"""Export days: when one opens, which one a moment or a dump belongs to, and by when its files must lie published.

An export day opens at 05:00 local time and is named after the local date of that moment. Add here what follows from the
clock, a time zone and the lead of a dump alone. Every duration is counted in UTC, so that a day with 23 or
25 hours changes nothing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS_AT = time(5)
"""Local time at which an export day opens ("Access summary export": exported daily at 5AM local time)."""

FIRST_DAY = date(2020, 1, 1)


def find_day(moment: datetime, timezone: ZoneInfo) -> date:
    """Return the local date of the last 05:00 at or before ``moment``."""
    local = moment.astimezone(timezone)
    return local.date() if local.time() >= OPENS_AT else local.date() - timedelta(days=1)


def compute_deadline(day: date, timezone: ZoneInfo, grace: timedelta) -> datetime:
    """Return the moment (UTC) by which the files of an export day must be published: 05:00 local time and ``grace``."""
    return datetime.combine(day, OPENS_AT, timezone).astimezone(UTC) + grace


def find_due_day(now: datetime, timezone: ZoneInfo, grace: timedelta) -> date:
    """Return the newest export day whose deadline has passed: what is published must be of it or newer."""
    return find_day(now.astimezone(UTC) - grace, timezone)


class ExportDayError(Exception):
    """No export day can take this moment; the message is the one sentence for people."""


def choose_export_day(
    dumped_at: datetime, timezone: ZoneInfo, dump_lead: timedelta, *, now: datetime | None = None
) -> str:
    """Return the key of the export day that a dump belongs to: the one open at ``dumped_at`` + ``dump_lead``.

    Raises ``ExportDayError`` for a dump made after ``now`` (default: the present), for one whose export day has not
    opened yet, and for one made before the first export day.
    """
    now = now or datetime.now(UTC)
    day = find_day(dumped_at + dump_lead, timezone)
    made, current = _format_moment(dumped_at, timezone), _format_moment(now, timezone)
    if dumped_at > now:
        msg = f"dumpedAt {made} lies in the future: it is {current} now; correct the clock that stamped tenant.json."
    elif day > find_day(now, timezone):
        opens = _format_moment(datetime.combine(day, OPENS_AT, timezone), timezone)
        msg = (
            f"The dump of {made} belongs to the export day that opens at {opens}, and it is {current} now: export it "
            f"then, or shorten IMMUTA_ASSETS_DUMP_LEAD."
        )
    elif day < FIRST_DAY:
        opens = _format_moment(datetime.combine(FIRST_DAY, OPENS_AT, timezone), timezone)
        msg = f"dumpedAt {made} lies before the first export day, which opened at {opens}; make a new dump."
    else:
        return day.isoformat()
    raise ExportDayError(msg)


def _format_moment(moment: datetime, timezone: ZoneInfo) -> str:
    return f"{moment.astimezone(timezone):%Y-%m-%d %H:%M:%S} {timezone.key}"
