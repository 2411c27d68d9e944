"""Deadlines: five in the morning and the grace, whatever the clocks do that night."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.datasets.export_days import compute_deadline, find_day, find_due_day

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")]
BERLIN = ZoneInfo("Europe/Berlin")
GRACE = timedelta(hours=2)


@pytest.mark.parametrize(
    ("day", "in_utc"),
    [
        (date(2026, 3, 28), datetime(2026, 3, 28, 6, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 5, tzinfo=UTC)),
        (date(2026, 10, 24), datetime(2026, 10, 24, 5, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 6, tzinfo=UTC)),
    ],
)
def test_the_deadline_is_seven_local_time_when_the_grace_is_two_hours(day: date, in_utc: datetime) -> None:
    assert compute_deadline(day, BERLIN, GRACE) == in_utc
    assert compute_deadline(day, BERLIN, GRACE).astimezone(BERLIN).hour == 7


@given(
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    grace=st.timedeltas(timedelta(0), timedelta(hours=23)),
)
def test_the_day_that_is_due_is_the_last_whose_deadline_has_passed(
    zone: ZoneInfo, now: datetime, grace: timedelta
) -> None:
    day = find_due_day(now, zone, grace)
    assert compute_deadline(day, zone, grace) <= now < compute_deadline(day + timedelta(days=1), zone, grace)


@given(
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
)
def test_without_grace_the_day_that_is_due_is_the_one_that_is_open(zone: ZoneInfo, now: datetime) -> None:
    assert find_due_day(now, zone, timedelta(0)) == find_day(now, zone)
