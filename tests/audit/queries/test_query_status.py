"""The operator's view: what coverage and plans add up to, when somebody is to be called, and how it reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.audit.queries import plan
from immuta_assets.audit.queries.readings import Coverage
from immuta_assets.audit.queries.status import (
    CHECKS,
    LOOK_BACK,
    RECENT,
    Status,
    build_status,
    format_markdown,
    list_findings,
)
from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.connection import REREAD_PLAN
from immuta_assets.platforms.hour import SETTLE

NOW = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
OPEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAME = "snowflake_prod"
SOURCES = ("QUERY_HISTORY", "ACCESS_HISTORY")
ZERO = dict.fromkeys(
    (name for name, dtype in Coverage.create_empty().schema.items() if dtype == pl.Int64),
    0,
)


def covered(ago: int, *, silent: Iterable[str] = (), **values: Any) -> dict[str, Any]:
    """The coverage of the hour that closed ``ago`` hours ago (1: the last), read five minutes after its close."""
    hour = OPEN - ago * HOUR
    rows_until = hour + timedelta(minutes=50)
    return {
        **ZERO,
        "connection": NAME,
        "hour": hour,
        "read_at": hour + HOUR + timedelta(minutes=5),
        "sources": [{"source": name, "latest": None if name in silent else rows_until} for name in SOURCES],
        "limits": [],
        "snapshot_at": OPEN,
        **values,
    }


def planned(ago: int, reason: str | None, **values: object) -> dict[str, Any]:
    since = NOW if reason else None
    plan = {"connection": NAME, "hour": OPEN - ago * HOUR, "planned_at": NOW, "reason": reason, "due_since": since}
    return {**plan, **values}


def made(
    coverage: Sequence[dict[str, Any]] = (), plans: Sequence[dict[str, Any]] = (), now: datetime = NOW
) -> pl.DataFrame:
    frames = [
        pl.DataFrame(rows, {**schema.create_empty().schema, "connection": pl.String})
        for rows, schema in ((coverage, Coverage), (plans, plan.Plan))
    ]
    return build_status(frames[0], frames[1], now)


def row(coverage: Sequence[dict[str, Any]] = (), plans: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return made(coverage, plans).row(0, named=True)


def found(
    coverage: Sequence[dict[str, Any]] = (), plans: Sequence[dict[str, Any]] = (), now: datetime = NOW
) -> list[tuple[str, str]]:
    return [(one.check, one.severity) for one in list_findings(made(coverage, plans, now))]


def days(recent: dict[str, Any], before: dict[str, Any]) -> list[dict[str, Any]]:
    """Eight days of coverage, the newest 24 hours with the one set of values, the others with the other."""
    return [covered(ago, **(recent if ago <= 24 else before)) for ago in range(1, 8 * 24)]


def test_without_connections_there_is_no_row_and_nothing_to_tell() -> None:
    assert made().is_empty()
    assert list_findings(made()) == []


def test_a_connection_that_is_only_planned_has_a_row_of_zeros() -> None:
    shown = row(plans=[planned(1, "NEW"), planned(2, "NEW")])
    assert (shown["newest_hour"], shown["sources"], shown["unknown_share"], shown["limits"]) == (None, [], None, [])
    assert (shown["covered_hours"], shown["missing_hours"], shown["due_hours"], shown["events"]) == (0, 2, 2, 0)


def test_connections_are_told_apart_and_sorted_by_name() -> None:
    shown = made([covered(1, statements=1), covered(1, connection="a", statements=2)], [planned(1, None)])
    assert shown.select("connection", "statements").rows() == [("a", 2), (NAME, 1)]


def test_an_hour_that_is_open_is_not_counted() -> None:
    shown = row([covered(1), covered(0, statements=5)])
    assert (shown["newest_hour"], shown["statements"], shown["covered_hours"]) == (OPEN - HOUR, 0, 1)


def test_the_moment_may_be_given_in_any_zone() -> None:
    given = NOW.astimezone(datetime.fromisoformat("2026-11-20T00:00:00-05:00").tzinfo)
    assert made([covered(1)], now=given).equals(made([covered(1)]))


def test_covered_hours_are_of_the_last_72() -> None:
    assert row([covered(ago) for ago in range(1, 100)])["covered_hours"] == 72


def test_hours_are_missing_between_the_first_known_one_and_the_last_that_closed() -> None:
    assert row([covered(10), covered(5)])["missing_hours"] == 8
    assert row([covered(5)], [planned(10, "NEW")])["missing_hours"] == 9
    assert row([covered(ago) for ago in range(1, 10)])["missing_hours"] == 0


def test_an_hour_is_due_until_it_is_read_as_of_the_plan_or_later() -> None:
    assert row([covered(5)], [planned(5, "CHANGED")])["due_hours"] == 1
    assert row([covered(5, read_at=NOW)], [planned(5, "CHANGED")])["due_hours"] == 0
    assert row([covered(5)], [planned(5, None)])["due_hours"] == 0


def test_hours_older_than_the_coverage_are_due_but_not_missing() -> None:
    shown = row([covered(1)], [planned(24 * 30, "IDENTITIES")])
    assert (shown["due_hours"], shown["missing_hours"]) == (1, 0)


def test_hours_await_objects_with_pending_or_held_statements() -> None:
    assert row([covered(1, pending=3), covered(2, held=1), covered(3)])["awaiting_hours"] == 2


def test_a_source_lags_since_its_latest_time_in_any_hour() -> None:
    (access, query) = row([covered(2), covered(1, silent=["ACCESS_HISTORY"])])["sources"]
    assert (query["source"], query["lag"], query["silent_hours"]) == ("QUERY_HISTORY", timedelta(minutes=20), 0)
    assert (access["source"], access["lag"], access["silent_hours"]) == ("ACCESS_HISTORY", timedelta(minutes=80), 1)


def test_a_source_that_never_had_rows_has_no_lag() -> None:
    (access, _) = row([covered(1, silent=SOURCES)])["sources"]
    assert (access["latest"], access["lag"], access["silent_hours"]) == (None, None, 1)


def test_counts_are_of_the_24_hours_up_to_the_newest_covered_one() -> None:
    names = ("statements", "events", "unknown_statements", "unmapped_objects", "redacted", "withdrawn")
    ones: dict[str, Any] = dict.fromkeys(names, 1)
    shown = row([covered(ago, **ones) for ago in range(4, 50)])
    assert {name: shown[name] for name in names} == dict.fromkeys(names, 24)


def test_shares_are_of_the_newest_24_hours_and_of_the_7_days_before() -> None:
    recent = {"unknown_statements": 1, "known_statements": 3, "source_duplicates": 1, "statements": 9}
    shown = row(days(recent, {"unmapped_objects": 1, "mapped_objects": 1}))
    assert (shown["unknown_share"], shown["unknown_share_before"]) == (0.25, None)
    assert (shown["unmapped_share"], shown["unmapped_share_before"]) == (None, 0.5)
    assert (shown["duplicates"], shown["duplicate_share"], shown["duplicate_share_before"]) == (24, 0.1, None)


def test_limits_are_those_of_the_reading_made_last() -> None:
    newest = covered(5, read_at=NOW, limits=["no column BIND"])
    assert row([covered(1, limits=["old"]), newest])["limits"] == ["no column BIND"]


CALM: dict[str, Any] = {"unknown_statements": 1, "known_statements": 99, "mapped_objects": 100, "statements": 100}


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"unknown_statements": 10, "known_statements": 90}, "unknown_users"),
        ({"unmapped_objects": 10, "mapped_objects": 90}, "unmapped_objects"),
        ({"source_duplicates": 10, "statements": 90}, "duplicates"),
    ],
)
def test_a_share_clearly_above_the_days_before_is_a_warning(values: dict[str, Any], check: str) -> None:
    assert found(days(CALM | values, CALM)) == [(check, "WARN")]


@pytest.mark.parametrize(
    ("recent", "before", "why"),
    [
        ((10, 90), (6, 94), "not more than double"),
        ((2, 98), (0, 100), "less than five points more"),
        ((10, 90), (0, 0), "nothing to compare with"),
        ((0, 0), (1, 99), "nothing there"),
    ],
)
def test_a_share_is_not_unusual_when(recent: tuple[int, int], before: tuple[int, int], why: str) -> None:
    values: list[dict[str, Any]] = [
        dict(zip(("unknown_statements", "known_statements"), pair, strict=True)) for pair in (recent, before)
    ]
    assert found(days(*values)) == [], why


@pytest.mark.parametrize(("count", "told"), [(19, []), (20, [("unknown_users", "WARN")])])
def test_fewer_than_twenty_statements_are_not_unusual(count: int, told: list[tuple[str, str]]) -> None:
    hours = days({}, {"known_statements": 100})
    hours[0] |= {"unknown_statements": count}
    assert found(hours) == told


def test_a_withheld_text_is_a_warning_with_its_remedy() -> None:
    (one,) = list_findings(made([covered(1, redacted=1_234)]))
    assert (one.check, one.severity, one.connection) == ("redacted_texts", "WARN", NAME)
    assert one.message.startswith("snowflake_prod: the platform withheld 1,234 texts")
    assert "databricks_pii_access" in one.message


@pytest.mark.parametrize(
    ("later", "severity"),
    [(timedelta(hours=2), None), (timedelta(hours=2, minutes=1), "WARN"), (timedelta(hours=3), "ERROR")],
)
def test_a_connection_that_is_not_read_is_late_after_two_hours_and_too_late_after_three(
    later: timedelta, severity: str | None
) -> None:
    told = found([covered(1)], now=OPEN + later)
    assert [one for one in told if one[0] == "source_lag"] == ([("source_lag", severity)] if severity else [])


def test_an_hour_read_before_it_closed_is_read_until_then_only() -> None:
    assert row([covered(1, read_at=OPEN - timedelta(minutes=20))])["read_until"] == OPEN - timedelta(minutes=20)


def test_hours_that_were_read_and_are_empty_are_no_lag() -> None:
    night = [covered(ago, silent=SOURCES if ago <= 14 else ()) for ago in range(1, 48)]
    assert found(night) == []


def test_a_source_silent_in_hours_that_had_rows_a_week_before_is_a_warning() -> None:
    hours = [covered(ago, silent=["ACCESS_HISTORY"] if ago <= 3 else ()) for ago in range(1, 8 * 24)]
    (one,) = list_findings(made(hours))
    assert (one.check, one.severity) == ("source_lag", "WARN")
    assert "ACCESS_HISTORY has had no rows for 3 hours" in one.message


def test_an_incident_stays_a_warning_after_a_day() -> None:
    hours = [covered(ago, silent=SOURCES if ago <= 40 else ()) for ago in range(1, 8 * 24)]
    assert found(hours) == [("source_lag", "WARN")] * 2


def test_two_silent_hours_or_one_that_was_silent_a_week_before_are_nothing_unusual() -> None:
    short = [covered(ago, silent=SOURCES if ago <= 2 else ()) for ago in range(1, 8 * 24)]
    usual = [covered(ago, silent=SOURCES if ago <= 5 or ago == 170 else ()) for ago in range(1, 8 * 24)]
    assert found(short) == found(usual) == []


@pytest.mark.parametrize(("missing", "severity"), [(2, []), (3, ["WARN"]), (4, ["ERROR"])])
def test_a_missing_hour_waits_since_its_close(missing: int, severity: list[str]) -> None:
    hours = [covered(ago) for ago in range(1, 10) if ago != missing]
    assert found(hours) == [("pending_hours", one) for one in severity]


def test_an_hour_whose_objects_are_awaited_waits_since_they_can_no_longer_come() -> None:
    def told(ago: int) -> list[tuple[str, str]]:
        return found([covered(each, pending=int(each == ago)) for each in range(1, 10)])

    assert SETTLE == 3 * HOUR
    assert [told(ago) for ago in (5, 6, 7)] == [[], [("pending_hours", "WARN")], [("pending_hours", "ERROR")]]


@pytest.mark.parametrize(("age", "severity"), [(1, []), (2, []), (2.5, ["WARN"]), (3, ["ERROR"])])
def test_an_hour_to_be_read_again_waits_since_the_plan(age: float, severity: list[str]) -> None:
    asked = [planned(9, "CHANGED", due_since=NOW - age * HOUR)]
    assert found([covered(ago) for ago in range(1, 10)], asked) == [("pending_hours", one) for one in severity]


def test_a_connection_that_was_never_read_is_no_error() -> None:
    assert found(plans=[planned(ago, "NEW") for ago in range(1, 73)]) == [("pending_hours", "WARN")]


def test_a_connection_that_is_read_as_planned_calls_nobody() -> None:
    done: dict[datetime, dict[str, Any]] = {}
    previous = None
    for now in (NOW + tick * HOUR for tick in range(8)):
        known = pl.DataFrame(list(done.values()), Coverage.create_empty().schema)
        previous = plan.plan({}, known, [], previous, reread=REREAD_PLAN, now=now)
        due = [dict(one, connection=NAME) for one in previous.iter_rows(named=True)]
        before = found(list(done.values()), due, now)
        for hour in previous.drop_nulls("reason")["hour"]:
            awaited = int(now < hour + HOUR + SETTLE)
            done[hour] = covered((OPEN - hour) // HOUR, read_at=now, pending=awaited)
        after = [found(list(done.values()), due, now + minutes) for minutes in (timedelta(0), timedelta(minutes=59))]
        assert [before, *after] == [[("pending_hours", "WARN")] if now == NOW else [], [], []]


def test_every_finding_belongs_to_a_check_and_is_one_sentence() -> None:
    busy = {"unknown_statements": 50, "unmapped_objects": 50, "source_duplicates": 50, "redacted": 5}
    late = [hour for hour in days(CALM | busy, CALM) if hour["hour"] < OPEN - 5 * HOUR]
    told = list_findings(made(late))
    assert [one.check for one in told] == list(CHECKS)
    assert all(one.message.startswith(f"{NAME}: ") and one.message.endswith(".") for one in told)


def test_the_table_reads_well() -> None:
    values: dict[str, Any] = {"statements": 1_000, "events": 2_000, "unknown_statements": 250, "known_statements": 750}
    shown = made([covered(1, **values), covered(2, silent=SOURCES)], [planned(3, "NEW", connection="uc_us")])
    headings, rule, covered_one, planned_one, *rest = format_markdown(shown).splitlines()
    assert headings == (
        "| connection | newest hour | lag | covered of 72 h | missing | due | awaiting objects | statements | events "
        "| unknown users | unmapped objects | duplicates | redacted | withdrawn |"
    )
    assert rule == "|" + " --- |" * 14
    assert covered_one == (
        "| snowflake_prod | 2026-11-20 11:00 UTC | ACCESS_HISTORY 0 h 20 min, QUERY_HISTORY 0 h 20 min | 2 | 0 | 0 | 0 "
        "| 1,000 | 2,000 | 250 (25.0%, before –) | 0 | 0 (0.0%, before –) | 0 | 0 |"
    )
    assert planned_one == "| uc_us | none yet |  | 0 | 3 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |"
    assert rest == ["", "As of 2026-11-20 12:10 UTC; counts and shares are of the newest 24 hours."]


def test_the_table_tells_quiet_sources_and_what_limits_a_reading() -> None:
    quiet = covered(1, silent=["ACCESS_HISTORY"], limits=["No access history.", "no column X"])
    text = format_markdown(made([quiet, covered(1, silent=SOURCES, connection="other")]))
    assert "| ACCESS_HISTORY no rows, QUERY_HISTORY 0 h 20 min |" in text
    assert text.endswith("\n\n- snowflake_prod: No access history.\n- snowflake_prod: no column X")
    later = format_markdown(made([covered(1, silent=["ACCESS_HISTORY"]), covered(2)]))
    assert "ACCESS_HISTORY 1 h 20 min, quiet for 1 h" in later


def test_the_table_of_no_connections_is_its_heading() -> None:
    assert len(format_markdown(made()).splitlines()) == 2


counts = st.integers(0, 3)
hours = st.lists(
    st.builds(
        lambda name, ago, silent, values: covered(ago, silent=silent, connection=name, **values),
        st.sampled_from(["a", "b"]),
        st.integers(0, 220),
        st.sets(st.sampled_from(SOURCES)),
        st.fixed_dictionaries(dict.fromkeys(ZERO, counts)),
    ),
    unique_by=lambda one: (one["connection"], one["hour"]),
    max_size=40,
)
plans = st.lists(
    st.builds(
        lambda name, ago, reason: planned(ago, reason, connection=name),
        st.sampled_from(["a", "c"]),
        st.integers(0, 220),
        st.sampled_from([None, "NEW", "CHANGED", "IDENTITIES"]),
    ),
    unique_by=lambda one: (one["connection"], one["hour"]),
    max_size=20,
)


def plainly(coverage: list[dict[str, Any]], asked: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """A connection's counts, in plain loops."""
    mine = {one["hour"]: one for one in coverage if one["connection"] == name}
    mine = {hour: one for hour, one in mine.items() if NOW - LOOK_BACK <= hour <= NOW - HOUR}
    due = {one["hour"]: one for one in asked if one["connection"] == name}
    known = [hour for hour in {*mine, *due} if NOW - LOOK_BACK <= hour <= NOW - HOUR]
    recent = [one for hour, one in mine.items() if max(mine) - hour < RECENT]
    unknown = sum(one["unknown_statements"] for one in recent)
    people = unknown + sum(one["known_statements"] for one in recent)
    return {
        "newest_hour": max(mine, default=None),
        "covered_hours": sum(hour + HOUR > NOW - timedelta(hours=72) for hour in mine),
        "missing_hours": (OPEN - min(known)) // HOUR - len(mine) if known else 0,
        "due_hours": sum(one["reason"] is not None for one in due.values()),
        "awaiting_hours": sum(one["pending"] + one["held"] > 0 for one in mine.values()),
        "statements": sum(one["statements"] for one in recent),
        "unknown_share": pytest.approx(unknown / people) if people else None,
    }


@given(hours, plans)
def test_status_is_what_plain_loops_count_and_can_always_be_told(
    coverage: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    shown = made(coverage, asked)
    Status.validate(shown)
    assert shown["connection"].to_list() == sorted({one["connection"] for one in [*coverage, *asked]})
    for one in shown.iter_rows(named=True):
        expected = plainly(coverage, asked, one["connection"])
        assert {name: one[name] for name in expected} == expected
    assert {one.check for one in list_findings(shown)} <= CHECKS.keys()
    assert len(format_markdown(shown).split("\n\n")[0].splitlines()) == 2 + shown.height
