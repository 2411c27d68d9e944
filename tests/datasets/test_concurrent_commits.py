"""Processes that write to a table at the same time, on a local disk and in an object store: nothing is lost or mixed.

``RELIABILITY=full`` commits more often.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import get_args

import pytest
from datasets.committing import NOTES, Acknowledged, Work, read_names, run_together
from datasets.tables import get_key, open_notes

from immuta_assets.datasets.hour_files import Span

COMMITS = 30 if os.environ.get("RELIABILITY") == "full" else 5
WORKERS = range(3)
NewPlace = Callable[[], str]


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, destinations: dict[str, NewPlace]) -> str:
    return destinations[request.param]()


def find_newest(acknowledged: Sequence[Acknowledged]) -> dict[int, list[tuple[str, int]]]:
    """Return what every hour must hold: the commit of the latest moment that was acknowledged, whole and alone."""
    newest = {each.number: each for each in sorted(acknowledged, key=lambda each: each.moment)}
    return {number: [(newest[number].name, NOTES)] for number in sorted(newest)}


def test_commits_to_different_hours_are_all_visible(place: str) -> None:
    works = [Work([(worker * COMMITS + i, i) for i in range(COMMITS)]) for worker in WORKERS]
    acknowledged = run_together(place, works)
    assert len(acknowledged) == len(WORKERS) * COMMITS
    assert read_names(place) == find_newest(acknowledged)


def test_an_hour_holds_the_acknowledged_commit_of_the_latest_moment(place: str) -> None:
    works = [Work([(3, len(WORKERS) * i + worker) for i in range(COMMITS)]) for worker in WORKERS]
    acknowledged = run_together(place, works)
    assert max(each.moment for each in acknowledged) == len(WORKERS) * COMMITS - 1
    assert read_names(place) == find_newest(acknowledged)


@pytest.mark.parametrize("moments", [(0, 1, 2), (1, 1, 1)], ids=["moments", "moment"])
def test_an_hour_that_several_commit_for_the_first_time_holds_one_commit(
    place: str, moments: tuple[int, int, int]
) -> None:
    works = [Work([(i, moment) for i in range(COMMITS)]) for moment in moments]
    acknowledged = run_together(place, works)
    assert {each.number for each in acknowledged} == set(range(COMMITS))
    assert len(acknowledged) == COMMITS or len(set(moments)) > 1
    assert read_names(place) == find_newest(acknowledged)


@pytest.mark.parametrize("span", get_args(Span))
def test_commits_beside_maintenance_lose_and_double_nothing(place: str, span: Span) -> None:
    works = [Work([(i % 4, i * 2 + worker) for i in range(COMMITS * 2)]) for worker in (0, 1)]
    acknowledged = run_together(place, [*works, Work([], maintains=COMMITS * 2)], span)
    assert read_names(place, span) == find_newest(acknowledged)
    assert set(open_notes(place, span).list_partitions()) == {get_key(each.number) for each in acknowledged}
