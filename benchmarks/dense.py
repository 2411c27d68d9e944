"""How fast a tenant is in which some 85 policies apply to every data source.

    python -m benchmarks.dense [--preset enterprise] [--widened 80] [--runs 3]

The demo's policies, some of whose grants apply to every data source (``tenants.widen_policies``). No target is set.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks import report, tenants
from benchmarks.engine import WrittenOutcomes, measure_outcomes
from benchmarks.grounded import count_policies_per_data_source
from benchmarks.measuring import run_alone
from benchmarks.tenants import Size

Widened = Annotated[int, typer.Option(help="How many grants apply to every data source.", min=0)]


def main(
    preset: report.Preset = "enterprise",
    widened: Widened = 80,
    runs: report.Runs = 3,
    results: report.Results = report.RESULTS,
) -> None:
    """Measure the engine on a dense tenant."""
    tenant = tenants.widen_policies(preset, widened)
    size, applied = tenants.measure_size(tenant), count_policies_per_data_source(tenant)
    with TemporaryDirectory() as folder:
        tenants.keep(tenant, Path(folder))
        done = [run_alone(measure_outcomes, Path(folder)) for _ in range(runs)]
    _show(size, applied, done)
    raw = {"evaluate": [each.evaluate for each in done], "write": [each.write for each in done]}
    found = {"preset": preset, "tenant": size._asdict(), "policies_per_data_source": applied, "rows": done[-1].rows}
    report.save(
        results,
        "dense",
        found | {"bytes": done[-1].bytes} | {work: report.list_raw(costs) for work, costs in raw.items()},
    )


def _show(size: Size, applied: float, done: list[WrittenOutcomes]) -> None:
    evaluating, writing = (
        report.take_middle(each.evaluate for each in done),
        report.take_middle(each.write for each in done),
    )
    rows = done[-1].rows
    report.show(
        f"Dense: {size.users:,} users × {size.data_sources:,} data sources, {applied:.0f} policies on each",
        report.TIMED,
        [
            report.format_timed("evaluate to the compact form", evaluating, size.pairs, "pairs"),
            report.format_timed(f"write the file: {rows:,} rows, {done[-1].bytes:,} bytes", writing, rows, "rows"),
        ],
    )


if __name__ == "__main__":
    typer.run(main)
