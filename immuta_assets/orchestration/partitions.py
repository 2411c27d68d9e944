"""Partitions: which export day, or which hour of query history, a moment belongs to.

Add a partitions definition here, with the functions that say which of its keys belongs to a moment. What is computed
for a key belongs to the assets.

An export day opens at 05:00 local time and is named after the local date of that moment ("Access summary export":
exported daily at 5AM local time). ``export_date`` of its rows is in UTC and may show another date.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from immuta_assets.datasets.export_days import OPENS_AT, day_of

FIRST_DAY = date(2020, 1, 1)


class ExportDayError(Exception):
    """No export day can take this moment; the message is the one sentence for people."""


def export_days(timezone: ZoneInfo) -> dg.DailyPartitionsDefinition:
    """Return the export days of a time zone; the last key is the day whose window is open now."""
    return dg.DailyPartitionsDefinition(
        start_date=FIRST_DAY.isoformat(),
        hour_offset=OPENS_AT.hour,
        timezone=timezone.key,
        # Dagster names a window when it closes; a snapshot belongs to the day that has just opened.
        end_offset=1,
    )


def hours(start: date) -> dg.HourlyPartitionsDefinition:
    """Return the hours (UTC) from the start of a day on; the last key is the hour that has closed last."""
    return dg.HourlyPartitionsDefinition(start_date=f"{start.isoformat()}-00:00", timezone="UTC")


def hour_key(hour: datetime) -> str:
    """Return the key of the hour that opens at a moment."""
    return f"{hour.astimezone(UTC):%Y-%m-%d-%H:%M}"


def opening(key: str) -> datetime:
    """Return the moment (UTC) at which the hour of a key opens."""
    return datetime.strptime(key, "%Y-%m-%d-%H:%M").replace(tzinfo=UTC)


def export_day(dumped_at: datetime, timezone: ZoneInfo, dump_lead: timedelta, *, now: datetime | None = None) -> str:
    """Return the key of the export day that a dump belongs to: the one open at ``dumped_at`` + ``dump_lead``.

    Raises ``ExportDayError`` for a dump made after ``now`` (default: the present), for one whose export day has not
    opened yet, and for one made before the first export day.
    """
    now = now or datetime.now(UTC)
    day = day_of(dumped_at + dump_lead, timezone)
    made, current = _shown(dumped_at, timezone), _shown(now, timezone)
    if dumped_at > now:
        msg = f"dumpedAt {made} lies in the future: it is {current} now; correct the clock that stamped tenant.json."
    elif day > day_of(now, timezone):
        opens = _shown(datetime.combine(day, OPENS_AT, timezone), timezone)
        msg = (
            f"The dump of {made} belongs to the export day that opens at {opens}, and it is {current} now: export it "
            f"then, or shorten IMMUTA_ASSETS_DUMP_LEAD."
        )
    elif day < FIRST_DAY:
        opens = _shown(datetime.combine(FIRST_DAY, OPENS_AT, timezone), timezone)
        msg = f"dumpedAt {made} lies before the first export day, which opened at {opens}; make a new dump."
    else:
        return day.isoformat()
    raise ExportDayError(msg)


def _shown(moment: datetime, timezone: ZoneInfo) -> str:
    return f"{moment.astimezone(timezone):%Y-%m-%d %H:%M:%S} {timezone.key}"
