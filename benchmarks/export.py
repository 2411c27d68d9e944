"""How long the whole export takes, from a dump's files to published files, as an operator runs it.

    python -m benchmarks.export [--preset laptop --preset enterprise] [--runs 3]

Time and peak memory (not above anything) are those of the process ``immuta-assets export``, start of Python included.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, NamedTuple

import typer

from benchmarks import report
from benchmarks.measuring import Cost
from benchmarks.tenants import AT
from immuta_assets.demo.tenant import write_demo

Presets = Annotated[list[str], typer.Option("--preset", help="Preset of the demo tenant, repeatable.")]


class ExportedPreset(NamedTuple):
    """The runs for one preset, and the files they publish."""

    preset: str
    dump_bytes: int
    costs: list[Cost]
    files: int
    bytes: int


def main(
    presets: Presets = ["laptop", "enterprise"],  # noqa: B006  # typer reads it, nobody changes it
    runs: report.Runs = 3,
    results: report.Results = report.RESULTS,
) -> None:
    """Time ``immuta-assets export``."""
    found = [_measure_export(preset, runs) for preset in presets]
    report.show(
        "immuta-assets export: a dump to all published files",
        ["preset", "dump bytes", "files", "published bytes", *report.FIGURES],
        [_format_row(each) for each in found],
    )
    report.save(
        results, "export", {"exports": [each._asdict() | {"costs": report.list_raw(each.costs)} for each in found]}
    )


def _measure_export(preset: str, runs: int) -> ExportedPreset:
    with TemporaryDirectory() as name:
        tenant, destination = Path(name) / "tenant", Path(name) / "published"
        write_demo(tenant, preset=preset, at=AT)
        costs = [_run_export(tenant, destination) for _ in range(runs)]
        files = [path.stat().st_size for path in destination.rglob("*.parquet")]
        return ExportedPreset(
            preset, sum(path.stat().st_size for path in tenant.iterdir()), costs, len(files), sum(files)
        )


def _run_export(tenant: Path, destination: Path) -> Cost:
    """One run; its memory is the largest resident set that the process ever had."""
    command: list[str | Path] = [Path(sys.executable).with_name("immuta-assets"), "export", "--layout", "prpr2"]
    start = perf_counter()
    process = subprocess.Popen(  # noqa: S603  # the project's own command
        [*command, "--tenant", tenant, "--to", destination],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Cost(perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def _format_row(exported: ExportedPreset) -> list[str]:
    cost = report.take_middle(exported.costs)
    counts = [f"{number:,}" for number in (exported.dump_bytes, exported.files, exported.bytes)]
    return [exported.preset, *counts, *report.format_figures(cost)]


if __name__ == "__main__":
    typer.run(main)
