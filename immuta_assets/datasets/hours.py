"""Hours: the partitions of query history and events, by their start in UTC.

Add here what follows from an hour alone. Which hours are read when belongs to ``audit.queries.plan``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)


def format_hour_key(hour: datetime) -> str:
    """Return the key of the hour that opens at a moment (aware), such as ``2026-11-20-05:00``."""
    return f"{hour.astimezone(UTC):%Y-%m-%d-%H:%M}"


def parse_hour_key(key: str) -> datetime:
    """Return the moment (UTC) at which the hour of a key opens; raises ``ValueError`` for any other text."""
    return datetime.strptime(key, "%Y-%m-%d-%H:%M").replace(tzinfo=UTC)


def floor_hour(moment: datetime) -> datetime:
    """Return the start (UTC) of the hour that holds a moment (aware)."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
