"""Whatever is late, twice, held back for half a day, or read by runs that die: in the end each event is there once.

``RELIABILITY=full`` reads a month of 1.5 million statements.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl
import pytest
from reliability.installation import DeathError, Installation
from reliability.late_history import POLL, STARTS, History, draw

from immuta_assets.datasets.hours import HOUR
from immuta_assets.demo.tenant import write_demo
from immuta_assets.platforms.connection import REREAD_PLAN
from immuta_assets.platforms.embedded import reader as embedded
from immuta_assets.platforms.hour import SETTLE
from immuta_assets.tenant import dump

FULL = os.environ.get("RELIABILITY") == "full"
DAYS, STATEMENTS = (30, 1_500_000) if FULL else (1, 10_000)
INSTALLED = 12
"""Hours after the beginning of the history: these are read first, and at once."""
DOWN = range(20, 30)
"""Hours after the beginning in which the scheduler is down."""
DEATHS = 0.02
"""Chance of a run to die, before its events are written and once more after."""
SPARE = 3
"""Ticks for what died at the last slot."""

Tenant = dict[str, pl.DataFrame]


class Found(NamedTuple):
    """What became of a history, in numbers of statements or events."""

    lost: int
    doubled: int
    untrue: int
    unmapped: int


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    folder = tmp_path_factory.mktemp("tenant")
    write_demo(folder, at=STARTS)
    return dump.read(folder, ["users", "data_sources", "columns", "tags"])


def ticks(history: History, reread: Sequence[timedelta]) -> Iterator[datetime]:
    """Every hour at :05, until no hour of the history has a slot to come, and a few more."""
    latest = history.statements.select((pl.col("ended_at") - STARTS).max()).item()
    last = latest // HOUR + 1 + max(reread[-1], SETTLE) // HOUR + SPARE
    for number in range(INSTALLED, last + 1):
        if number not in DOWN:
            yield STARTS + number * HOUR + POLL


def installed(tenant: Tenant, history: History, folder: Path, reread: Sequence[timedelta]) -> Installation:
    """Return an installation to which the history has happened."""
    embedded.write_history(folder / "history.duckdb", *history)
    (folder / "events").mkdir()
    with duckdb.connect(folder / "history.duckdb", read_only=True) as opened:
        installation = Installation(opened, folder / "events", tenant, reread)
        survive = partial(_survive, random.Random(0))
        for now in ticks(history, reread):
            installation.tick(now, survive)
            sys.stderr.write(
                f"{now:%Y-%m-%d %H:%M} UTC: {installation.runs:,} runs\n" if FULL and now.hour == 0 else ""
            )
    return installation


def _survive(rng: random.Random) -> None:
    if rng.random() < DEATHS:
        raise DeathError


def found(events: pl.DataFrame, truth: pl.DataFrame) -> Found:
    """Compare events with what is true."""
    key = ["query_id", "object_name"]
    return Found(
        lost=truth.join(events, on=key, how="anti", nulls_equal=True).height,
        doubled=events.height - min(events["id"].n_unique(), events.select(key).n_unique()),
        untrue=events.join(truth, on=[*key, "hour"], how="anti", nulls_equal=True).height,
        unmapped=events.filter(pl.col("object_name").is_not_null(), ~pl.col("mapped")).height,
    )


def test_nothing_is_lost_and_nothing_doubled_whatever_is_late_and_whatever_dies(tenant: Tenant, tmp_path: Path) -> None:
    history = draw(tenant, statements=STATEMENTS, days=DAYS)
    installation = installed(tenant, history, tmp_path, REREAD_PLAN)
    events, truth = installation.events(), history.truth()
    sys.stderr.write(report(installation, history, events, truth) if FULL else "")
    assert found(events, truth) == Found(lost=0, doubled=0, untrue=0, unmapped=0)
    assert history.lost_by_watermark() > 0.05


def test_a_plan_that_is_shorter_than_an_incident_loses_statements(tenant: Tenant, tmp_path: Path) -> None:
    history = draw(tenant, statements=1_000, days=1)
    installation = installed(tenant, history, tmp_path, REREAD_PLAN[:1])
    assert found(installation.events(), history.truth()).lost > 100


def report(installation: Installation, history: History, events: pl.DataFrame, truth: pl.DataFrame) -> str:
    """The rows of the table in docs/reliability.md."""
    statements, hours = truth["query_id"].n_unique(), truth["hour"].n_unique()
    first = events.group_by("query_id").agg(hours=pl.col("delay").min() / HOUR)
    median, p99 = first.select(pl.median("hours"), pl.quantile("hours", 0.99).alias("p99")).row(0)
    revised = events.filter(pl.col("revision") > 1).height / events.height
    figures = {
        "statements": f"{statements:,}, in {hours:,} hours",
        "rows of statements that came twice": f"{history.statements.height - statements:,}",
        "runs": f"{installation.runs:,}, {installation.runs / hours:.1f} per hour",
        "of them killed": f"{installation.deaths:,}",
        "events": f"{events.height:,}, {revised:.1%} revised",
        **{name: f"{number:,}" for name, number in found(events, truth)._asdict().items()},
        "hours from the end of a statement to its first event": f"median {median:.2f}, p99 {p99:.2f}",
        "lost by a watermark on the start": f"{history.lost_by_watermark():.1%}",
    }
    return "".join(f"| {name} | {figure} |\n" for name, figure in figures.items())
