"""Processes that commit to a table at the same time, each as a worker of its own, started anew."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

import polars as pl
from datasets.tables import FIRST, get_key, get_moment, make_notes, open_notes

from immuta_assets.datasets.dataset import StaleError
from immuta_assets.datasets.hour_files import Span
from immuta_assets.datasets.maintenance import maintain_table

NOTES = 20
"""Notes of each commit."""
LATER = FIRST + timedelta(days=60)


class Acknowledged(NamedTuple):
    """A commit that returned: the hour, the moment, and the name that every note of it carries."""

    number: int
    moment: int
    name: str


class Work(NamedTuple):
    """What a worker commits: the hours, and at which moments, in this order; and how often it maintains the table."""

    commits: Sequence[tuple[int, int]]
    maintains: int = 0


def run_together(folder: str, works: Sequence[Work], span: Span = "month") -> list[Acknowledged]:
    """Do all works at the same time, and return what was acknowledged; an error of a worker is raised."""
    context = multiprocessing.get_context("spawn")
    queue, barrier = context.Queue(), context.Barrier(len(works))
    workers = [
        context.Process(target=_work, args=(folder, span, name, work, queue, barrier))
        for name, work in enumerate(works)
    ]
    for worker in workers:
        worker.start()
    answers = [queue.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return [each for answer in answers if not isinstance(answer, Exception) for each in answer]


def read_names(folder: str, span: Span = "month") -> dict[int, list[tuple[str, int]]]:
    """Return for every hour (by number) the names in it and how many notes carry each."""
    rows = open_notes(folder, span).scan_with_hour().collect()
    counted = rows.group_by("hour", "text").len().sort("hour", "text")
    hours = counted.group_by("hour", maintain_order=True).agg(names=pl.struct("text", "len"))
    return {
        int((hour - FIRST) / timedelta(hours=1)): [(each["text"], each["len"]) for each in names]
        for hour, names in hours.iter_rows()
    }


def _work(
    folder: str,
    span: Span,
    worker: int,
    work: Work,
    queue: Queue[list[Acknowledged] | Exception],
    barrier: Barrier,
) -> None:
    try:
        barrier.wait(timeout=120)
        for _ in range(work.maintains):
            maintain_table(open_notes(folder, span), LATER)
        queue.put(list(_commit(folder, span, worker, work.commits)))
    except Exception as error:  # noqa: BLE001  # raised where the works were started
        queue.put(error)


def _commit(folder: str, span: Span, worker: int, commits: Sequence[tuple[int, int]]) -> Iterator[Acknowledged]:
    for number, moment in commits:
        name = f"{worker}.{number}.{moment}"
        rows = make_notes([name] * NOTES, get_moment(moment))
        try:
            open_notes(folder, span).commit({get_key(number): rows}, get_moment(moment))
        except StaleError:
            continue
        yield Acknowledged(number, moment, name)
