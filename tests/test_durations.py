"""One grammar of durations, wherever one is written."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.durations import parse_duration

COUNTS = st.integers(0, 9_999)


@given(COUNTS, COUNTS, COUNTS)
def test_a_duration_is_days_hours_and_minutes_short_or_in_iso_8601(days: int, hours: int, minutes: int) -> None:
    duration = timedelta(days=days, hours=hours, minutes=minutes)
    assert parse_duration(f"{days}d{hours}h{minutes}m") == duration
    assert parse_duration(f"P{days}DT{hours}H{minutes}M") == duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0", timedelta(0)),
        ("30m", timedelta(minutes=30)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("2d", timedelta(days=2)),
        ("90m", timedelta(minutes=90)),
        ("PT2H", timedelta(hours=2)),
        ("P1D", timedelta(days=1)),
        ("PT45S", timedelta(seconds=45)),
    ],
)
def test_parts_may_be_left_out(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "30", "h", "P", "PT", "P1DT", "30m1h", "1h1h", "-1h", "-PT1H", "1.5h", " 1h", "1H", "1h\n", "2w", "١h"]
)
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    sentence = f"{text!r} is no duration; allowed is one such as 30m, 1h30m, 2d or PT2H."
    with pytest.raises(ValueError, match=rf"^{re.escape(sentence)}$"):
        parse_duration(text)
