"""Random histories of a table against a brute force: a dictionary from hours to moments and texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import NamedTuple, get_args

import pytest
from datasets.tables import FIRST, get_hour, get_key, get_moment, make_notes, open_notes
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.datasets.dataset import NotStoredError, StaleError
from immuta_assets.datasets.hour_files import Span
from immuta_assets.datasets.hourly import HourlyDataset
from immuta_assets.datasets.maintenance import maintain_table

LATER = FIRST + timedelta(days=90)
HOURS = [0, 1, 2, 23, 24, 700]
"""Hours of two days and two months."""

hours = st.sampled_from(HOURS)
texts = st.lists(st.sampled_from(["", "a", "b c"]), max_size=2)


class Commit(NamedTuple):
    """Some hours with their texts, as of a moment."""

    texts: dict[int, list[str]]
    moment: int


class Maintain(NamedTuple):
    """The files are put together."""


class Question(NamedTuple):
    """What is asked: of the named hours or all, from one hour to before another, changed after a moment."""

    hours: list[int] | None
    since: int | None
    until: int | None
    changed_since: int | None


commits = st.builds(Commit, st.dictionaries(hours, texts, min_size=1, max_size=3), st.integers(0, 4))
histories = st.lists(commits | st.just(Maintain()), min_size=1, max_size=8)
questions = st.builds(
    Question, *[st.none() | each for each in (st.lists(hours, unique=True), hours, hours, st.integers(0, 4))]
)

Model = dict[int, tuple[int, list[str]]]
"""The moment and the texts of every hour."""


def apply(model: Model, step: Commit) -> bool:
    """Commit to the model; return whether it takes the commit."""
    for number, written in step.texts.items():
        moment, held = model.get(number, (-1, []))
        if moment > step.moment or (moment == step.moment and held != written):
            return False
    model.update({number: (step.moment, written) for number, written in step.texts.items()})
    return True


def commit(dataset: HourlyDataset, step: Commit) -> bool:
    """Commit to the table; return whether it takes the commit."""
    moment = get_moment(step.moment)
    frames = {get_key(number): make_notes(written, moment) for number, written in step.texts.items()}
    try:
        dataset.commit(frames, moment)
    except StaleError:
        return False
    return True


def answer_by_model(model: Model, asked: Question) -> list[tuple[object, ...]] | None:
    """Return hour and text of every row in order, or None where an hour is asked for that was never stored."""
    if asked.hours is not None and not set(asked.hours) <= model.keys():
        return None
    return [
        (get_hour(number), text)
        for number, (moment, written) in sorted(model.items())
        for text in written
        if (asked.hours is None or number in asked.hours)
        and (asked.since is None or number >= asked.since)
        and (asked.until is None or number < asked.until)
        and (asked.changed_since is None or moment > asked.changed_since)
    ]


def answer(dataset: HourlyDataset, asked: Question) -> list[tuple[object, ...]] | None:
    try:
        rows = dataset.scan(
            None if asked.hours is None else [get_key(number) for number in asked.hours],
            since=None if asked.since is None else get_hour(asked.since),
            until=None if asked.until is None else get_hour(asked.until),
            changed_since=None if asked.changed_since is None else get_moment(asked.changed_since),
        ).collect()
    except NotStoredError:
        return None
    return rows.select("text").rows()


def run_history(folder: str, span: Span, history: Sequence[Commit | Maintain]) -> Model:
    """Apply a history to the table and to the model, each step as a process of its own would."""
    model: Model = {}
    for step in history:
        if isinstance(step, Commit):
            assert commit(open_notes(folder, span), step) == apply(model, step)
        else:
            maintain_table(open_notes(folder, span), LATER)
    return model


@pytest.mark.parametrize("span", get_args(Span))
@given(history=histories, asked=st.lists(questions, min_size=1, max_size=4))
def test_a_table_answers_like_a_dictionary_of_hours(
    span: Span, history: list[Commit | Maintain], asked: list[Question]
) -> None:
    with TemporaryDirectory() as folder:
        model = run_history(folder, span, history)
        dataset = open_notes(folder, span)
        for question in asked:
            expected = answer_by_model(model, question)
            texts = None if expected is None else [(text,) for _, text in expected]
            assert answer(dataset, question) == texts
        everything = answer_by_model(model, Question(None, None, None, None))
        assert dataset.scan_with_hour().select("hour", "text").collect().rows() == everything


@given(history=histories)
def test_a_history_that_is_repeated_changes_nothing(history: list[Commit | Maintain]) -> None:
    with TemporaryDirectory() as folder:
        model = run_history(folder, "month", history)
        before = open_notes(folder).describe_version()
        for number, (moment, written) in model.items():
            assert commit(open_notes(folder), Commit({number: written}, moment))
        assert open_notes(folder).describe_version() == before
