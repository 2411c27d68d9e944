"""The rows that are kept of a reading and of what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from accounts import NOON, accesses_of, frame, principals_of, statement, statements_of, user
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.audit.identities.principals import Principals
from immuta_assets.audit.queries.events import QueryEvents
from immuta_assets.audit.queries.readings import Coverage, Readings, build_coverage, build_reading, require_consistent
from immuta_assets.datasets.dataset import Committed
from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.history import ACCESS_STATES, Statements
from immuta_assets.platforms.hour import Counted, HistoryError, ReadFacts

CET = timezone(timedelta(hours=1))
FACTS = ReadFacts(
    counted=Counted(statements=4, statement_ids=3, accesses=5, latest_end=NOON + HOUR / 2),
    statements=3,
    accesses=2,
    source_duplicates=1,
    redacted=1,
    pending=2,
    latest_end={"QUERY_HISTORY": NOON, "ACCESS_HISTORY": None},
    missing_columns=("ROLE_TYPE",),
    warnings=("Standard edition",),
)
KINDS = [None, "no target", "no data source", "data source"]
"""What an event says of its object; None: it has none."""

NOBODY = Principals.create_empty(lazy=True)

Event = tuple[str, str | None, bool]


def test_a_reading_is_kept_with_what_was_counted_found_and_missing() -> None:
    kept = build_reading(NOON, FACTS, (NOON + HOUR).astimezone(CET))
    Readings.validate(kept)
    assert kept.to_dicts() == [
        {
            "hour": NOON,
            "counted_statements": 4,
            "counted_statement_ids": 3,
            "counted_accesses": 5,
            "counted_latest_end": NOON + HOUR / 2,
            "read_at": NOON + HOUR,
            "statements": 3,
            "accesses": 2,
            "source_duplicates": 1,
            "redacted": 1,
            "pending": 2,
            "sources": [{"source": "QUERY_HISTORY", "latest": NOON}, {"source": "ACCESS_HISTORY", "latest": None}],
            "limits": ["Standard edition", "no column ROLE_TYPE"],
        }
    ]


def test_an_hour_without_anything_is_a_reading_too() -> None:
    kept = build_reading(NOON, ReadFacts(Counted(), 0, 0, 0, 0, 0, {}), NOON)
    assert kept.select("counted_statements", "counted_latest_end", "statements", "sources", "limits").rows() == [
        (0, None, 0, [], [])
    ]


def test_frames_that_are_those_of_the_reading_are_consistent() -> None:
    require_consistent(build_reading(NOON, FACTS, NOON), statements_of([statement("A")] * 3), accesses_of([["t", "u"]]))


@pytest.mark.parametrize(("statements", "accesses"), [(2, 2), (4, 2), (3, 1), (3, 3), (0, 0)])
def test_frames_of_another_reading_are_told_with_what_to_do(statements: int, accesses: int) -> None:
    rows, names = [statement("A")] * statements, [f"t{number}" for number in range(accesses)]
    with pytest.raises(HistoryError) as raised:
        require_consistent(build_reading(NOON, FACTS, NOON), statements_of(rows), accesses_of([names]))
    assert str(raised.value) == (
        f"The hour 2026-11-20T12:00Z holds {statements} statements and {accesses} accesses, while its reading found "
        "3 and 2, as after a run that was killed; read the hour again."
    )


def events_of(rows: Sequence[Event]) -> pl.LazyFrame:
    """The columns of ``QueryEvents`` that count: the statement, its object of a kind, whether withdrawn."""
    target = {"type": "DATASOURCE", "id": None, "name": "t", "technology": "SNOWFLAKE"}
    targets = {"no data source": [target], "data source": [target | {"id": "1"}]}
    schema = QueryEvents.create_empty().schema
    return pl.LazyFrame(
        [
            {
                "query_id": query_id,
                "object_name": kind and "t",
                "targets": targets.get(kind or "", []),
                "withdrawn": withdrawn,
            }
            for query_id, kind, withdrawn in rows
        ],
        {name: schema[name] for name in ("query_id", "object_name", "targets", "withdrawn")},
    )


def covered(statements: pl.LazyFrame, events: Sequence[Event], principals: pl.LazyFrame) -> dict[str, object]:
    reading = build_reading(NOON, FACTS, NOON)
    row = build_coverage(reading, statements, events_of(events), principals, snapshot_at=NOON, files={})
    return row.row(0, named=True)


@given(
    st.lists(st.sampled_from(ACCESS_STATES), max_size=6),
    st.lists(
        st.tuples(st.sampled_from([f"q{number}" for number in range(6)]), st.sampled_from(KINDS), st.booleans()),
        max_size=12,
    ),
)
def test_events_and_awaited_statements_are_counted_as_by_hand(states: list[str], events: list[Event]) -> None:
    statements = statements_of([statement("A", access_state=state) for state in states])
    live = [event for event in events if not event[2]]
    told = {query_id for query_id, _, _ in live}
    row = covered(statements, events, NOBODY)
    assert row["events"] == len(live)
    assert row["withdrawn"] == len(events) - len(live)
    assert row["mapped_objects"] == sum(kind == "data source" for _, kind, _ in live)
    assert row["unmapped_objects"] == sum(kind in ("no target", "no data source") for _, kind, _ in live)
    assert row["held"] == sum(state == "PENDING" and f"q{number}" not in told for number, state in enumerate(states))


def test_statements_are_counted_by_whether_their_people_are_known() -> None:
    rows = [statement("A"), statement("A"), statement("B", user_type="SERVICE"), statement(None)]
    principals = principals_of([(row, ()) for row in rows], [user(1, snowflake_user="A")])
    row = covered(statements_of(rows), [], principals)
    assert (row["known_statements"], row["unknown_statements"]) == (2, 2)


def test_coverage_carries_its_reading_and_the_moment_of_the_snapshot() -> None:
    kept = build_reading(NOON, FACTS, NOON)
    none = frame(Statements, [])
    snapshot_at = datetime(2026, 11, 20, 6, tzinfo=CET)
    files = {"query_events": Committed(0, "0123", NOON, "anywhere")}
    row = build_coverage(kept, none, events_of([]), NOBODY, snapshot_at=snapshot_at, files=files)
    Coverage.validate(row)
    assert row.select(Readings.column_names()).equals(kept)
    assert row["snapshot_at"].to_list() == [datetime(2026, 11, 20, 5, tzinfo=UTC)]
    assert row["files"].to_list() == [[{"frame": "query_events", "moment": NOON, "digest": "0123"}]]
