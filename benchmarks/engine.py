"""The project's own engine under measurement: evaluate, write, and the limit that writing sets.

A tiny part of the tenant goes first, so that loading code does not count.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from benchmarks.measuring import Cost, Meter
from benchmarks.tenants import Tenant, load, thin
from immuta_assets.layouts import parquet
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.outcomes.compact import Outcomes
from immuta_assets.outcomes.evaluation import evaluate

POLICY_OUTCOMES = LAYOUTS["prpr2"].tables["policy-outcomes"]
BYTES_IN_MEMORY = 6_000_000_000
"""How much of the table the write limit holds in memory."""


class WrittenOutcomes(NamedTuple):
    """A tenant from loaded collections to the file of ``policy-outcomes``."""

    evaluate: Cost
    write: Cost
    rows: int
    bytes: int

    @property
    def total(self) -> Cost:
        """Both steps: the sums of their times, the larger of their memory."""
        return Cost(
            self.evaluate.seconds + self.write.seconds,
            self.evaluate.cpu_seconds + self.write.cpu_seconds,
            max(self.evaluate.megabytes, self.write.megabytes),
        )


class WriteLimit(NamedTuple):
    """The first ``rows`` rows: written while they are expanded, and written from memory."""

    expanded: Cost
    from_memory: Cost
    rows: int


def measure_outcomes(tenant: Path) -> WrittenOutcomes:
    """Evaluate a tenant kept in a folder, and write its outcomes."""
    frames = load(tenant)
    _warm_up(frames)
    meter = Meter()
    evaluation, evaluating = meter.run(evaluate, frames)
    outcomes = evaluation.outcomes
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy-outcomes.parquet"
        _, writing = meter.run(_write, outcomes.scan(), path, outcomes.export_date)
        return WrittenOutcomes(evaluating, writing, outcomes.rows, path.stat().st_size)


def measure_write_limit(tenant: Path) -> WriteLimit:
    """Write as many rows as fit in memory twice: while they are expanded, and as they lie in memory."""
    outcomes = evaluate(load(tenant)).outcomes
    rows, meter = _count_fitting(outcomes), Meter()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy-outcomes.parquet"
        _, expanded = meter.run(_write, outcomes.scan().head(rows), path, outcomes.export_date)
        in_memory = outcomes.scan().head(rows).collect(engine="streaming")
        _, from_memory = meter.run(_write, in_memory.lazy(), path, outcomes.export_date)
    return WriteLimit(expanded, from_memory, rows)


def _warm_up(frames: Tenant) -> None:
    tiny = evaluate(thin(frames, users=0.02, data_sources=0.02)).outcomes
    with TemporaryDirectory() as folder:
        _write(tiny.scan(), Path(folder) / "policy-outcomes.parquet", tiny.export_date)


def _count_fitting(outcomes: Outcomes) -> int:
    """Estimate from the first million rows how many rows fit in memory."""
    first = next(outcomes.expand())
    return min(outcomes.rows, int(BYTES_IN_MEMORY / (first.estimated_size() / first.height)))


def _write(frame: pl.LazyFrame, path: Path, export_date: datetime) -> None:
    parquet.write_table(frame, POLICY_OUTCOMES, path, export_date=export_date)
