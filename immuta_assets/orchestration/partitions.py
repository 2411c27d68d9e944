"""Partitions: the days and hours of assets, as Dagster defines them.

Add a partitions definition here. Which day or hour a moment belongs to stands in ``datasets.export_days`` and
``datasets.hours``; what is computed for a key belongs to the assets.
"""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import dagster as dg

from immuta_assets.datasets.export_days import FIRST_DAY, OPENS_AT


def define_export_days(timezone: ZoneInfo) -> dg.DailyPartitionsDefinition:
    """Return the export days of a time zone; the last key is the day whose window is open now."""
    return dg.DailyPartitionsDefinition(
        start_date=FIRST_DAY.isoformat(),
        hour_offset=OPENS_AT.hour,
        timezone=timezone.key,
        # Dagster names a window when it closes; a snapshot belongs to the day that has just opened.
        end_offset=1,
    )


def define_hours(start: date) -> dg.HourlyPartitionsDefinition:
    """Return the hours (UTC) from the start of a day on; the last key is the hour that has closed last."""
    return dg.HourlyPartitionsDefinition(start_date=f"{start.isoformat()}-00:00", timezone="UTC")
