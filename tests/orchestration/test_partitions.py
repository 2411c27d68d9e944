"""Export days against Dagster's own windows, with the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from immuta_assets.datasets.export_days import ExportDayError, choose_export_day
from immuta_assets.orchestration.partitions import define_export_days

ZONES = [ZoneInfo(name) for name in ("America/New_York", "Europe/Berlin", "UTC", "Asia/Kolkata")]
NEW_YORK = ZONES[0]
NOW = datetime(2030, 1, 1, tzinfo=UTC)
NO_LEAD = timedelta(0)


def window(key: str, zone: ZoneInfo) -> dg.TimeWindow:
    """Return Dagster's window of a key."""
    return define_export_days(zone).time_window_for_partition_key(key)


@given(
    st.datetimes(datetime(2020, 1, 2, 12), datetime(2029, 12, 30), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
    st.timedeltas(NO_LEAD, timedelta(hours=23)),
)
@example(datetime(2026, 3, 8, 8, 59, 59, tzinfo=UTC), NEW_YORK, NO_LEAD)
@example(datetime(2026, 3, 8, 9, tzinfo=UTC), NEW_YORK, NO_LEAD)
@example(datetime(2026, 11, 1, 9, 59, 59, 999999, tzinfo=UTC), NEW_YORK, NO_LEAD)
@example(datetime(2026, 11, 1, 10, tzinfo=UTC), NEW_YORK, NO_LEAD)
def test_the_export_day_is_the_window_of_dagster_that_holds_the_dump(
    dumped_at: datetime, zone: ZoneInfo, lead: timedelta
) -> None:
    found = window(choose_export_day(dumped_at, zone, lead, now=NOW), zone)
    assert found.start <= dumped_at + lead < found.end


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("time", ["04:59:59", "05:00:00"])
@pytest.mark.parametrize("date", ["2026-03-08", "2026-11-01", "2026-11-20"])
def test_the_last_key_is_the_day_whose_window_is_open(zone: ZoneInfo, date: str, time: str) -> None:
    now = datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=zone)
    with dg.partition_loading_context(effective_dt=now):
        assert define_export_days(zone).get_last_partition_key() == choose_export_day(now, zone, NO_LEAD, now=now)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-07", 23), ("2026-03-08", 24), ("2026-10-31", 25)])
def test_an_export_day_that_contains_a_clock_change_is_shorter_or_longer(day: str, hours: int) -> None:
    found = window(day, NEW_YORK)
    assert found.end.timestamp() - found.start.timestamp() == hours * 3600


def test_a_dump_of_the_future_names_both_times_with_their_zone() -> None:
    with pytest.raises(
        ExportDayError, match=r"2030-01-01 00:00:01 UTC lies in the future: it is 2030-01-01 00:00:00 UTC"
    ):
        choose_export_day(NOW + timedelta(seconds=1), ZoneInfo("UTC"), NO_LEAD, now=NOW)


def test_a_dump_before_the_first_export_day_names_both_times_with_their_zone() -> None:
    early = datetime(2020, 1, 1, 9, 59, tzinfo=UTC)
    with pytest.raises(
        ExportDayError, match=r"2020-01-01 04:59:00 America/New_York .* 2020-01-01 05:00:00 America/New_York"
    ):
        choose_export_day(early, NEW_YORK, NO_LEAD, now=NOW)


def test_a_dump_for_a_day_that_has_not_opened_yet_is_told_when_it_opens() -> None:
    now = datetime(2026, 5, 1, 4, 50, tzinfo=UTC)
    with pytest.raises(
        ExportDayError, match=r"opens at 2026-05-01 05:00:00 UTC, and it is 2026-05-01 04:50:00 UTC now"
    ):
        choose_export_day(now, ZoneInfo("UTC"), timedelta(minutes=15), now=now)
