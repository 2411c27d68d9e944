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
from benchmarks.engine import Written, written
from benchmarks.measuring import Cost, alone
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

    def middle(self, work: str) -> Cost:
        """The median cost."""
        return report.middle(self.costs[work])


def main(preset: report.Preset = "enterprise", runs: report.Runs = 3, results: report.Results = report.RESULTS) -> None:
    """Measure the work at 1×, 2×, 4×, 8× and fit exponents."""
    tenant = tenants.generated(preset)
    found = {way: [_step(tenant, way, factor, runs) for factor in FACTORS] for way in WAYS}
    for way, steps in found.items():
        _show(f"Growth by {way} ({preset} at {FACTORS[-1]}×)", steps)
    report.save(results, "growth", {"preset": preset, "growth": {way: _raw(steps) for way, steps in found.items()}})


def _step(tenant: Tenant, way: str, factor: int, runs: int) -> Step:
    share = factor / FACTORS[-1]
    thinned = tenants.thinned(tenant, **{what: share**power for what, power in WAYS[way].items()})
    with TemporaryDirectory() as folder:
        tenants.keep(thinned, Path(folder))
        done = [alone(written, Path(folder)) for _ in range(runs)]
    return Step(factor, done[-1].rows, _by_work(done))


def _by_work(done: list[Written]) -> dict[str, list[Cost]]:
    return {
        "evaluate": [each.evaluate for each in done],
        "write": [each.write for each in done],
        "both": [each.total for each in done],
    }


def _exponents(steps: list[Step]) -> dict[str, dict[str, float]]:
    """The exponents of time and memory of each piece of work."""
    works = steps[0].costs
    return {
        work: {figure: _slope(steps, [getattr(step.middle(work), figure) for step in steps]) for figure in Cost._fields}
        for work in works
    }


def _slope(steps: list[Step], figures: list[float]) -> float:
    return float(np.polyfit(np.log([step.rows for step in steps]), np.log(figures), 1)[0])


def _show(title: str, steps: list[Step]) -> None:
    exponents = _exponents(steps)
    works = list(exponents)
    report.show(
        title,
        ["", "rows", *(f"{work} {figure}" for work in works for figure in report.FIGURES)],
        [
            *([f"{step.factor}×", f"{step.rows:,}", *_figures(step)] for step in steps),
            ["exponent", "", *(f"{value:.2f}" for work in works for value in exponents[work].values())],
        ],
    )


def _figures(step: Step) -> list[str]:
    return [figure for work in step.costs for figure in report.figures(step.middle(work))]


def _raw(steps: list[Step]) -> dict[str, object]:
    raw = [
        step._asdict() | {"costs": {work: report.raw(costs) for work, costs in step.costs.items()}} for step in steps
    ]
    return {"steps": raw, "exponents": _exponents(steps)}


if __name__ == "__main__":
    typer.run(main)
