"""Which hours are read, and why: each reason by itself, and all together on platforms that do as they please."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from immuta_assets.audit.queries.plan import READ_REASONS, find_window, group_hours, plan
from immuta_assets.audit.queries.readings import Coverage
from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.connection import REREAD_PLAN
from immuta_assets.platforms.hour import SETTLE, Counted

MINUTE = timedelta(minutes=1)
OPENS = datetime(2026, 11, 20, 8, tzinfo=UTC)
CLOSES = OPENS + HOUR
FIRST_SLOT, HOUR_SLOT, LAST_SLOT = CLOSES + 5 * MINUTE, CLOSES + HOUR, CLOSES + timedelta(hours=72)
COUNTED = Counted(3, 3, 2, OPENS + 20 * MINUTE)
NEEDED = ("hour", "read_at", "counted_statements", "counted_statement_ids", "counted_accesses", "counted_latest_end")
COVERED_SCHEMA = pl.Schema({name: Coverage.create_empty().schema[name] for name in (*NEEDED, "pending", "held")})


def covered(
    *hours: tuple[datetime, datetime], counted: Counted = COUNTED, pending: int = 0, held: int = 0
) -> pl.DataFrame:
    """Coverage of hours, each with the moment it was read."""
    return pl.DataFrame([(*hour, *counted, pending, held) for hour in hours], COVERED_SCHEMA, orient="row")


def planned(
    now: datetime,
    coverage: pl.DataFrame,
    *,
    counted: Counted = COUNTED,
    previous: pl.DataFrame | None = None,
    renamed: Iterable[datetime] = (),
    reread: tuple[timedelta, ...] = REREAD_PLAN,
) -> pl.DataFrame:
    """The plan of a moment at which the hour ``OPENS`` is counted so, and all others hold nothing."""
    return plan({OPENS: counted}, coverage, renamed, previous, reread=reread, now=now)


def reason(found: pl.DataFrame, hour: datetime = OPENS) -> str | None:
    return None if (row := found.filter(hour=hour)).is_empty() else row["reason"].item()


def test_an_hour_is_new_from_the_first_slot_on_until_it_is_covered() -> None:
    assert reason(planned(FIRST_SLOT - MINUTE, covered())) is None
    assert reason(planned(FIRST_SLOT, covered())) == "NEW"
    assert reason(planned(FIRST_SLOT, covered((OPENS, FIRST_SLOT)))) is None


def test_an_hour_without_statements_is_read_once_like_any_other() -> None:
    assert reason(planned(FIRST_SLOT, covered(), counted=Counted())) == "NEW"
    empty = covered((OPENS, FIRST_SLOT), counted=Counted())
    assert reason(planned(LAST_SLOT, empty, counted=Counted())) is None


def test_a_fresh_installation_reads_the_hours_that_still_have_a_slot() -> None:
    found = planned(now := FIRST_SLOT, covered())
    assert found["hour"].to_list() == [CLOSES - hours * HOUR for hours in range(72, 0, -1)]
    assert set(found["reason"]) == {"NEW"}
    assert set(found["planned_at"]) == {now}


def test_no_hour_before_the_start_is_planned() -> None:
    start = OPENS - 2 * HOUR
    assert find_window(covered(), None, REREAD_PLAN, FIRST_SLOT, start=start) == (start, CLOSES)
    found = plan({}, covered(), [], None, reread=REREAD_PLAN, now=FIRST_SLOT, start=start)
    assert found["hour"].to_list() == [start, start + HOUR, OPENS]
    assert find_window(covered(), None, REREAD_PLAN, FIRST_SLOT, start=CLOSES + HOUR) == (CLOSES, CLOSES)


@pytest.mark.parametrize(
    "other",
    [
        COUNTED._replace(statements=4),
        COUNTED._replace(statement_ids=2),
        COUNTED._replace(accesses=3),
        COUNTED._replace(latest_end=OPENS + 21 * MINUTE),
        COUNTED._replace(latest_end=None),
        Counted(),
    ],
)
def test_an_hour_is_read_again_when_any_count_differs_at_a_slot(other: Counted) -> None:
    coverage = covered((OPENS, FIRST_SLOT))
    assert reason(planned(HOUR_SLOT, coverage)) is None
    assert reason(planned(HOUR_SLOT, coverage, counted=other)) == "CHANGED"


def test_an_hour_that_changes_waits_for_its_next_slot() -> None:
    coverage, more = covered((OPENS, HOUR_SLOT)), COUNTED._replace(statements=9)
    assert reason(planned(HOUR_SLOT + 59 * MINUTE, coverage, counted=more)) is None
    assert reason(planned(HOUR_SLOT + HOUR, coverage, counted=more)) == "CHANGED"


def test_a_change_after_the_last_slot_is_not_seen() -> None:
    coverage = covered(*((OPENS + number * HOUR, FIRST_SLOT + number * HOUR) for number in range(-72, 73)))
    last = planned(LAST_SLOT, coverage).filter(hour=OPENS)
    assert reason(last) is None
    found = planned(LAST_SLOT + HOUR, coverage, previous=last, counted=COUNTED._replace(statements=9))
    assert found["hour"].min() == OPENS + HOUR


def test_slots_that_passed_while_nothing_ran_are_made_up_for() -> None:
    coverage, more = covered((OPENS, FIRST_SLOT)), COUNTED._replace(statements=9)
    before = planned(LAST_SLOT - MINUTE, coverage)
    assert reason(planned(LAST_SLOT + timedelta(days=9), coverage, previous=before, counted=more)) == "CHANGED"
    assert reason(planned(LAST_SLOT + timedelta(days=9), coverage, counted=more)) == "CHANGED"


@pytest.mark.parametrize("reread", [REREAD_PLAN, REREAD_PLAN[:1]])
def test_an_hour_is_read_once_more_when_its_objects_can_no_longer_come(reread: tuple[timedelta, ...]) -> None:
    settled = CLOSES + SETTLE
    for awaiting in (covered((OPENS, FIRST_SLOT), pending=1), covered((OPENS, FIRST_SLOT), held=1)):
        assert reason(planned(settled - MINUTE, awaiting, reread=reread)) is None
        assert reason(planned(settled, awaiting, reread=reread)) == "SETTLING"
    assert reason(planned(settled + HOUR, covered((OPENS, settled), pending=1), reread=reread)) is None


def test_what_a_plan_asked_for_in_vain_is_outstanding_however_long_it_takes() -> None:
    coverage, more = covered((OPENS, FIRST_SLOT)), COUNTED._replace(statements=9)
    found = planned(LAST_SLOT, coverage, counted=more)
    for days in range(1, 5):
        found = planned(LAST_SLOT + timedelta(days=days), coverage, counted=more, previous=found)
        assert reason(found) == "OUTSTANDING"
    read = covered((OPENS, LAST_SLOT + timedelta(days=4)), counted=more)
    assert reason(planned(LAST_SLOT + timedelta(days=5), read, counted=more, previous=found)) is None


def test_a_run_that_ends_after_the_next_plan_is_not_repeated() -> None:
    found = planned(FIRST_SLOT + HOUR, covered(), previous=planned(FIRST_SLOT, covered()))
    assert reason(found) == "NEW"
    assert reason(planned(FIRST_SLOT + 2 * HOUR, covered((OPENS, FIRST_SLOT)), previous=found)) is None


def test_new_hours_whose_runs_fail_stay_new_when_their_slots_are_gone() -> None:
    found = None
    for days in range(9):
        found = planned(FIRST_SLOT + timedelta(days=days), covered(), previous=found)
        assert reason(found) == "NEW"


def test_an_hour_left_out_after_the_first_covered_one_is_new_however_old() -> None:
    now = LAST_SLOT + timedelta(days=30)
    kept = [OPENS + hours * HOUR for hours in range(-1, 33 * 24) if hours not in (0, 7)]
    coverage = covered(*((hour, now) for hour in kept), counted=Counted())
    found = planned(now, coverage, counted=Counted(), previous=planned(now - HOUR, coverage))
    assert found.drop_nulls("reason")["hour"].to_list() == [OPENS, OPENS + 7 * HOUR]
    assert find_window(coverage, found, REREAD_PLAN, now)[0] == OPENS


def test_people_named_differently_need_their_events_again_in_any_hour_that_was_read() -> None:
    now = LAST_SLOT + timedelta(days=1)
    hours = [OPENS + number * HOUR for number in range(-1, 96)]
    coverage = covered(*((hour, now) for hour in hours))
    found = planned(now, coverage, renamed=[OPENS, hours[-1], OPENS - 9 * HOUR], previous=planned(now, coverage))
    assert found.filter(reason="IDENTITIES")["hour"].to_list() == [OPENS, hours[-1]]
    assert found.row(0, named=True) == {
        **dict(zip(NEEDED[2:], COUNTED, strict=True)),
        "hour": OPENS,
        "planned_at": now,
        "reason": "IDENTITIES",
        "due_since": now,
    }
    assert reason(planned(now, coverage, renamed=[OPENS], previous=found)) == "IDENTITIES"


def test_hours_before_a_later_start_are_not_renamed() -> None:
    now = LAST_SLOT + timedelta(days=1)
    coverage = covered((OPENS, now), (OPENS + HOUR, now))
    found = plan(
        {}, coverage, [OPENS, OPENS + HOUR], planned(now, coverage), reread=REREAD_PLAN, now=now, start=OPENS + HOUR
    )
    assert found.filter(reason="IDENTITIES")["hour"].to_list() == [OPENS + HOUR]


def test_an_hour_is_due_since_the_first_plan_that_asked_in_vain() -> None:
    more = COUNTED._replace(statements=9)
    coverage = covered((OPENS, FIRST_SLOT))
    first = planned(HOUR_SLOT, coverage, counted=more)
    second = planned(HOUR_SLOT + HOUR, coverage, counted=more, previous=first)
    assert [plan.filter(hour=OPENS)["due_since"].item() for plan in (first, second)] == [HOUR_SLOT, HOUR_SLOT]
    assert (reason(first), reason(second)) == ("CHANGED", "OUTSTANDING")


def test_an_hour_that_is_read_needs_no_other_reason() -> None:
    more = COUNTED._replace(statements=9)
    found = planned(HOUR_SLOT, covered((OPENS, FIRST_SLOT)), renamed=[OPENS], counted=more)
    assert reason(found) == "CHANGED"


def test_moments_of_any_time_zone_give_the_same_plan() -> None:
    there = timezone(timedelta(hours=5, minutes=45))
    coverage = covered((OPENS, FIRST_SLOT), pending=1)
    for now in (FIRST_SLOT, CLOSES + SETTLE, LAST_SLOT):
        assert planned(now.astimezone(there), coverage).equals(planned(now, coverage))


def test_ranges_are_runs_of_consecutive_hours_of_a_day_at_most() -> None:
    hours = [OPENS + number * HOUR for number in (50, *range(30), 29, 40, 41)]
    assert group_hours(hours) == [
        (OPENS, OPENS + 23 * HOUR),
        (OPENS + 24 * HOUR, OPENS + 29 * HOUR),
        (OPENS + 40 * HOUR, OPENS + 41 * HOUR),
        (OPENS + 50 * HOUR, OPENS + 50 * HOUR),
    ]
    assert group_hours([]) == []


class Row(NamedTuple):
    """A row of a platform, as seen by a reader: a statement, or the objects of one."""

    statement: int
    hour: int
    arrives: datetime
    is_access: bool


class Tick(NamedTuple):
    """What becomes of a tick: the runs of some hours fail, the others read so many minutes later."""

    failing: frozenset[int]
    delay: int


HOURS = 3
REREADS = [REREAD_PLAN[:length] for length in range(1, 6)]
WORKS = Tick(frozenset(), 0)
FAILS = Tick(frozenset(range(HOURS)), 0)


def reach(reread: tuple[timedelta, ...]) -> timedelta:
    return max(reread[-1], SETTLE)


@st.composite
def platforms(draw: st.DrawFn) -> tuple[tuple[timedelta, ...], list[Row]]:
    """A re-read plan, and rows that arrive from the start of their hour to its last slot, some of them twice."""
    reread = draw(st.sampled_from(REREADS))
    minutes = st.integers(0, (HOUR + reach(reread)) // MINUTE)
    hours = st.integers(0, HOURS - 1)
    kinds = st.sampled_from([(False,), (False, True), (False, False, True)])
    rows = [
        Row(statement, hour, OPENS + hour * HOUR + draw(minutes) * MINUTE, is_access)
        for statement, hour in enumerate(draw(st.lists(hours, max_size=8)))
        for is_access in draw(kinds)
    ]
    return reread, rows


class Installation:
    """Reads a platform by the plan, and keeps what it read last."""

    def __init__(self, reread: tuple[timedelta, ...], rows: list[Row]) -> None:
        self.reread, self.rows = reread, rows
        self.read: dict[datetime, set[Row]] = {}
        self.previous: pl.DataFrame | None = None
        self.covered: dict[datetime, pl.DataFrame] = {}

    @property
    def coverage(self) -> pl.DataFrame:
        return pl.concat([covered(), *self.covered.values()])

    def seen(self, hour: datetime, now: datetime) -> set[Row]:
        return {row for row in self.rows if OPENS + row.hour * HOUR == hour and row.arrives <= now}

    def tick(self, now: datetime, does: Tick) -> None:
        coverage = self.coverage
        since, until = find_window(coverage, self.previous, self.reread, now)
        hours = [since + number * HOUR for number in range((until - since) // HOUR)]
        counted = {hour: count(self.seen(hour, now)) for hour in hours}
        self.previous = plan(counted, coverage, [], self.previous, reread=self.reread, now=now)
        for hour in self.previous.filter(pl.col("reason").is_in(READ_REASONS))["hour"]:
            if (hour - OPENS) // HOUR not in does.failing:
                self.run(hour, now, now + does.delay * MINUTE)

    def run(self, hour: datetime, moment: datetime, seen_at: datetime) -> None:
        found = self.seen(hour, seen_at)
        if hour in self.read and found == self.read[hour]:
            assert self.covered[hour]["pending"].item() > 0, f"{hour} is read again for nothing"
        objects = {row.statement for row in found if row.is_access}
        pending = len({row.statement for row in found} - objects) if moment < hour + HOUR + SETTLE else 0
        self.read[hour] = found
        self.covered[hour] = covered((hour, moment), counted=count(found), pending=pending)


def count(rows: set[Row]) -> Counted:
    statements = [row.statement for row in rows if not row.is_access]
    accesses = [row for row in rows if row.is_access and row.statement in statements]
    return Counted(len(statements), len(set(statements)), len(accesses))


@given(
    platforms(),
    st.lists(
        st.one_of(
            st.just(WORKS), st.none(), st.builds(Tick, st.frozensets(st.integers(0, HOURS - 1)), st.integers(0, 50))
        )
    ),
)
@example((REREADS[0], [Row(0, 0, OPENS, is_access=False)]), [FAILS] * 20)
def test_everything_that_arrives_by_the_last_slot_is_read_whatever_fails_and_nothing_is_read_for_nothing(
    platform: tuple[tuple[timedelta, ...], list[Row]], ticks: list[Tick | None]
) -> None:
    installation = Installation(*platform)
    installation.tick(now := FIRST_SLOT, FAILS)
    for does in ticks:
        now += HOUR
        if does:
            installation.tick(now, does)
    last = CLOSES + (HOURS - 1) * HOUR + reach(installation.reread) + 5 * MINUTE
    installation.tick(max(now + HOUR, last), WORKS)
    for number in range(HOURS):
        hour = OPENS + number * HOUR
        assert installation.read[hour] == installation.seen(hour, last)
