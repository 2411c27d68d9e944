"""An hour that is read again and again: which events it has, their revisions, and that ranges change nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_rows import LAST, LATER, RECEIVED, SNOWFLAKE, Row, access, data_source, frame

from immuta_assets.audit.queries import hour_events as module
from immuta_assets.audit.queries.events import NAMESPACE, QueryEvents
from immuta_assets.audit.queries.hour_events import Snapshot, make_hour_events
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.tenant.collections import Columns, DataSources, Tags, Users

KNOWN = "KNOWN_USER"
LOOK = ["query_id", "object_name", "revision", "withdrawn", "receivedTimestamp"]
SNAPSHOT = Snapshot(
    users=frame(Users, {"profile_id": 10, "global_user_id": "g-10", "user_id": "taylor", "snowflake_user": KNOWN}),
    data_sources=frame(DataSources, data_source("DB.S.A")),
    columns=frame(Columns),
    tags=frame(Tags),
)
PENDING: Row = {"query_id": "q", "access_state": "PENDING"}


def streamed_hour(
    statements: Iterable[Row],
    accesses: Iterable[Row] = (),
    previous: pl.DataFrame | None = None,
    *,
    moment: datetime = RECEIVED,
    hold: bool = True,
    registered_only: bool = False,
) -> pl.LazyFrame:
    """The events of an hour whose rows are given by the keys that matter."""
    return make_hour_events(
        frame(Statements, *sorted(statements, key=lambda row: row["query_id"])),
        frame(Accesses, *sorted(accesses, key=lambda row: (row["query_id"], row["object_name"]))),
        None if previous is None else previous.lazy(),
        SNAPSHOT,
        origin=SNOWFLAKE,
        moment=moment,
        hold=hold,
        registered_only=registered_only,
    )


def hour(*rows: Any, **rules: Any) -> pl.DataFrame:
    return QueryEvents.validate(streamed_hour(*rows, **rules).collect())


def objects_of(query_id: str, names: str, **others: Any) -> list[Row]:
    return [access(query_id, f"DB.S.{name}", **others) for name in names]


def test_an_unchanged_event_keeps_its_first_receipt_and_revision() -> None:
    rows, accesses = [{"query_id": "q"}], objects_of("q", "A")
    first = hour(rows, accesses)
    assert hour(rows, accesses, first, moment=LATER).equals(first)


def test_a_changed_event_has_the_next_revision_and_keeps_its_first_receipt() -> None:
    first = hour([{"query_id": "q"}])
    second = hour([{"query_id": "q", "user_name": KNOWN}], previous=first, moment=LATER)
    third = hour([{"query_id": "q"}], previous=second, moment=LATER)
    assert second.select(LOOK).rows() == [("q", None, 2, False, RECEIVED)]
    assert third.select(LOOK).rows() == [("q", None, 3, False, RECEIVED)]
    assert third["content_hash"].equals(first["content_hash"])


def test_objects_that_arrive_later_revise_the_event_without_targets_and_add_the_others() -> None:
    first = hour([{"query_id": "p"}, PENDING], hold=False)
    arrived = hour([{"query_id": "p"}, {"query_id": "q"}], objects_of("q", "BA"), first, moment=LATER)
    assert arrived.select(LOOK).rows() == [
        ("p", None, 1, False, RECEIVED), ("q", "DB.S.A", 2, False, RECEIVED), ("q", "DB.S.B", 1, False, LATER),
    ]  # fmt: skip
    assert first.filter(query_id="q")["id"][0] == arrived.filter(object_name="DB.S.A")["id"][0]


def test_an_inferred_object_that_the_platform_names_differently_is_withdrawn_beside_the_named_one() -> None:
    first = hour([{"query_id": "q"}], objects_of("q", "AC", inferred=True))
    named = hour([{"query_id": "q"}], objects_of("q", "B"), first, moment=LATER)
    assert named.select(LOOK).rows() == [("q", "DB.S.B", 2, False, RECEIVED), ("q", "DB.S.C", 2, True, RECEIVED)]
    assert named.filter("withdrawn")["auditPayload"].equals(first.filter(object_name="DB.S.C")["auditPayload"])


def test_a_statement_that_is_gone_is_withdrawn_once_and_restored_when_it_comes_back() -> None:
    rows, accesses = [{"query_id": "q"}], objects_of("q", "AB")
    first = hour(rows, accesses)
    gone = hour([], [], first, moment=LATER)
    still_gone = hour([], [], gone, moment=LAST)
    back = hour(rows, accesses, still_gone, moment=LAST)
    assert gone.select(LOOK).rows() == [("q", f"DB.S.{name}", 2, True, RECEIVED) for name in "AB"]
    assert still_gone.equals(gone)
    assert set(gone["changed_at"]) == {LATER}
    assert back.equals(first.with_columns(changed_at=pl.lit(LAST), revision=pl.lit(3, pl.Int64)))


def test_a_statement_whose_objects_may_still_arrive_is_held() -> None:
    assert hour([PENDING], hold=True).is_empty()
    assert hour([PENDING], hold=False).select("object_name", "access_state").rows() == [(None, "PENDING")]


def test_an_event_that_was_made_before_is_not_held() -> None:
    first = hour([PENDING], hold=False)
    assert hour([PENDING], [], first, hold=True, moment=LATER).equals(first)


def test_statements_of_nobody_known_give_no_event_where_only_registered_users_count() -> None:
    rows = [{"query_id": "p", "user_name": KNOWN}, {"query_id": "q", "user_name": "BOT"}]
    assert hour(rows, registered_only=True)["query_id"].to_list() == ["p"]
    narrowed = hour(rows, [], hour(rows), registered_only=True)
    assert narrowed.select("query_id", "withdrawn").rows() == [("p", False), ("q", True)]


def test_an_hour_that_is_empty_can_be_written(tmp_path: Path) -> None:
    streamed_hour([]).sink_parquet(tmp_path / "events.parquet")
    assert pl.read_parquet(tmp_path / "events.parquet").schema == QueryEvents.create_empty().schema


class Reading(NamedTuple):
    """What one reading of an hour says: state, user and objects of each statement."""

    statements: dict[str, tuple[str, str, str]]
    hold: bool
    registered_only: bool

    def events(self, previous: pl.DataFrame | None, moment: datetime) -> pl.DataFrame:
        rows = [
            {"query_id": query_id, "access_state": state, "user_name": user}
            for query_id, (state, user, _) in self.statements.items()
        ]
        accesses = [row for query_id, (_, _, names) in self.statements.items() for row in objects_of(query_id, names)]
        rules = {"hold": self.hold, "registered_only": self.registered_only}
        return streamed_hour(rows, accesses, previous, moment=moment, **rules).collect()


STATEMENT = st.one_of(
    st.tuples(st.just("PENDING"), st.sampled_from([KNOWN, "BOT"]), st.just("")),
    st.tuples(st.just("KNOWN"), st.sampled_from([KNOWN, "BOT"]), st.sampled_from(["", "A", "AB", "B", "BCD"])),
)
READINGS = st.builds(Reading, st.dictionaries(st.sampled_from("pqrs"), STATEMENT), st.booleans(), st.booleans())
SERIES = st.lists(READINGS, min_size=1, max_size=4)


def identifier(*names: str) -> str:
    path = [*SNOWFLAKE.path, *names]
    return str(uuid.uuid5(NAMESPACE, "\0".join(path)))


class Kept(NamedTuple):
    """What is remembered of an event."""

    content: tuple[str, str, str | None]
    received: datetime
    revision: int
    withdrawn: bool


def expected(reading: Reading, before: dict[str, Kept], moment: datetime) -> dict[str, Kept]:
    """The rules in plain Python: what each event is after a reading."""
    contents: dict[str, tuple[str, str, str | None]] = {}
    for query_id, (state, user, names) in reading.statements.items():
        emitted = any(kept.content[0] == query_id for kept in before.values())
        held = reading.hold and state == "PENDING" and not emitted
        if not held and not (reading.registered_only and user != KNOWN):
            contents |= {} if names else {identifier(query_id): (query_id, user, None)}
            for number, name in enumerate(f"DB.S.{name}" for name in sorted(names)):
                contents[identifier(query_id, name) if number else identifier(query_id)] = (query_id, user, name)
    after = {}
    for event_id in before.keys() | contents.keys():
        kept = before.get(event_id)
        content = contents.get(event_id)
        if kept is None:
            after[event_id] = Kept(contents[event_id], moment, 1, withdrawn=False)
        elif content is None:
            after[event_id] = kept._replace(revision=kept.revision + (not kept.withdrawn), withdrawn=True)
        else:
            changed = kept.withdrawn or content != kept.content
            after[event_id] = Kept(content, kept.received, kept.revision + changed, withdrawn=False)
    return after


def remembered(events: pl.DataFrame) -> dict[str, Kept]:
    user = pl.col("auditPayload").struct.field("technologyContext").struct.field("snowflakeUsername")
    rows = events.select("id", "query_id", user, "object_name", "receivedTimestamp", "revision", "withdrawn").rows()
    return {row[0]: Kept(row[1:4], *row[4:]) for row in rows}


@given(SERIES)
def test_events_follow_the_rules_through_any_series_of_readings(series: list[Reading]) -> None:
    events, known = None, dict[str, Kept]()
    for number, reading in enumerate(series):
        moment = RECEIVED + timedelta(hours=number)
        events, known = reading.events(events, moment), expected(reading, known, moment)
        assert remembered(QueryEvents.validate(events)) == known
        assert events.equals(events.sort("query_id", "object_name", "id"))


@given(SERIES)
def test_the_same_reading_again_changes_nothing_at_any_moment(series: list[Reading]) -> None:
    events = series[0].events(None, RECEIVED)
    for reading in series[1:]:
        events = reading.events(events, RECEIVED)
    assert series[-1].events(events, LATER).equals(events)


@given(st.sampled_from([1, 3]), SERIES)
def test_events_do_not_depend_on_how_many_rows_are_worked_on_together(rows: int, series: list[Reading]) -> None:
    at_once = sliced = None
    for reading in series:
        at_once = reading.events(at_once, RECEIVED)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "ROWS_AT_ONCE", rows)
            sliced = reading.events(sliced, RECEIVED)
        assert sliced.equals(at_once)


def test_a_repeated_hour_of_many_ranges_is_written_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    rows = [{"query_id": f"q{number:03}"} for number in range(40)]
    accesses = [row for number in range(0, 40, 3) for row in objects_of(f"q{number:03}", "ABCD"[: number % 5])]
    first = hour(rows[:30], accesses[:5])
    second, again = tmp_path / "second.parquet", tmp_path / "again.parquet"
    streamed_hour(rows[5:], accesses, first).sink_parquet(second)
    streamed_hour(rows[5:], accesses, pl.read_parquet(second), moment=LATER).sink_parquet(again)
    assert second.read_bytes() == again.read_bytes()
