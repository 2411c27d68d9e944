"""How time and memory grow with the rows of ``policy-outcomes``.

    python -m benchmarks.growth [--preset enterprise] [--runs 3]

A tenant is thinned to an eighth, a quarter, a half of its rows and taken whole, with all its policies, in two ways:
fewer data sources with all users, and as many times fewer users as data sources. The exponent is the slope of a least
squares line through the logarithms, in output rows; 1 is linear. Memory is the peak above the loaded inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import typer

from benchmarks import report, tenants
from benchmarks.engine import WrittenOutcomes, measure_outcomes
from benchmarks.measuring import Cost, run_alone
from benchmarks.tenants import Tenant

FACTORS = (1, 2, 4, 8)
WAYS: Mapping[str, Mapping[str, float]] = {
    "data sources": {"data_sources": 1},
    "users and data sources": {"users": 0.5, "data_sources": 0.5},
}
"""What is thinned, to which power of the share of rows."""


class Step(NamedTuple):
    """The work at one size."""

    factor: int
    rows: int
    costs: dict[str, list[Cost]]

    def take_middle(self, work: str) -> Cost:
        """Return the median cost."""
        return report.take_middle(self.costs[work])


def main(preset: report.Preset = "enterprise", runs: report.Runs = 3, results: report.Results = report.RESULTS) -> None:
    """Measure the work at 1×, 2×, 4×, 8× and fit exponents."""
    tenant = tenants.generate(preset)
    found = {way: [_measure_step(tenant, way, factor, runs) for factor in FACTORS] for way in WAYS}
    for way, steps in found.items():
        _show(f"Growth by {way} ({preset} at {FACTORS[-1]}×)", steps)
    report.save(
        results, "growth", {"preset": preset, "growth": {way: _list_raw(steps) for way, steps in found.items()}}
    )


def _measure_step(tenant: Tenant, way: str, factor: int, runs: int) -> Step:
    share = factor / FACTORS[-1]
    thinned = tenants.thin(tenant, **{what: share**power for what, power in WAYS[way].items()})
    with TemporaryDirectory() as folder:
        tenants.keep(thinned, Path(folder))
        done = [run_alone(measure_outcomes, Path(folder)) for _ in range(runs)]
    return Step(factor, done[-1].rows, _group_by_work(done))


def _group_by_work(done: list[WrittenOutcomes]) -> dict[str, list[Cost]]:
    return {
        "evaluate": [each.evaluate for each in done],
        "write": [each.write for each in done],
        "both": [each.total for each in done],
    }


def _fit_exponents(steps: list[Step]) -> dict[str, dict[str, float]]:
    """Return the exponents of time and memory of each piece of work."""
    works = steps[0].costs
    return {
        work: {
            figure: _fit_slope(steps, [getattr(step.take_middle(work), figure) for step in steps])
            for figure in Cost._fields
        }
        for work in works
    }


def _fit_slope(steps: list[Step], figures: list[float]) -> float:
    return float(np.polyfit(np.log([step.rows for step in steps]), np.log(figures), 1)[0])


def _show(title: str, steps: list[Step]) -> None:
    exponents = _fit_exponents(steps)
    works = list(exponents)
    report.show(
        title,
        ["", "rows", *(f"{work} {figure}" for work in works for figure in report.FIGURES)],
        [
            *([f"{step.factor}×", f"{step.rows:,}", *_format_figures(step)] for step in steps),
            ["exponent", "", *(f"{value:.2f}" for work in works for value in exponents[work].values())],
        ],
    )


def _format_figures(step: Step) -> list[str]:
    return [figure for work in step.costs for figure in report.format_figures(step.take_middle(work))]


def _list_raw(steps: list[Step]) -> dict[str, object]:
    raw = [
        step._asdict() | {"costs": {work: report.list_raw(costs) for work, costs in step.costs.items()}}
        for step in steps
    ]
    return {"steps": raw, "exponents": _fit_exponents(steps)}


if __name__ == "__main__":
    typer.run(main)
