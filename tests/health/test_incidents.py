"""Incidents: told when they change, again after a while, and once when they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.health.incidents import Incident, apply_changes, find_changes

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

Problems = dict[str, str]


def told(*ticks: Problems, every: timedelta = 6 * HOUR) -> list[list[tuple[str, str]]]:
    """What is told tick by tick, an hour apart."""
    incidents: dict[str, Incident] = {}
    kinds: list[list[tuple[str, str]]] = []
    for hour, problems in enumerate(ticks):
        found = list(find_changes(incidents, problems, NOON + hour * HOUR, every))
        incidents = apply_changes(incidents, found)
        kinds.append([(change.subject, change.kind) for change in found])
    return kinds


def test_a_problem_is_told_once_while_nothing_changes() -> None:
    assert told({"a": "x"}, {"a": "x"}, {"a": "x"}) == [[("a", "opened")], [], []]


def test_a_problem_is_told_again_when_it_changes() -> None:
    assert told({"a": "x"}, {"a": "y"}, {"a": "y"}) == [[("a", "opened")], [("a", "changed")], []]


def test_a_problem_is_told_again_after_the_interval_and_a_change_starts_it_anew() -> None:
    kinds = told({"a": "x"}, {"a": "y"}, {"a": "y"}, {"a": "y"}, {"a": "y"}, every=2 * HOUR)
    assert kinds == [[("a", "opened")], [("a", "changed")], [], [("a", "reminder")], []]


def test_the_end_is_told_exactly_once() -> None:
    assert told({"a": "x"}, {}, {}) == [[("a", "opened")], [("a", "resolved")], []]


def test_a_change_that_was_not_told_is_told_later_as_it_is_then() -> None:
    (opened,) = find_changes({}, {"a": "x"}, NOON, HOUR)
    assert apply_changes({}, []) == {}
    (later,) = find_changes({}, {"a": "y"}, NOON + HOUR, HOUR)
    assert (opened.kind, later.kind, later.incident.description) == ("opened", "opened", "y")


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=30))
def test_openings_and_ends_alternate_for_every_subject(ticks: list[Problems]) -> None:
    kinds = [change for tick in told(*ticks, {}) for change in tick]
    for subject in "ab":
        ends = [kind for name, kind in kinds if name == subject and kind in {"opened", "resolved"}]
        assert ends == ["opened", "resolved"] * (len(ends) // 2)
