"""What a benchmark found: a table for people on standard output, raw numbers in a JSON file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated

import duckdb
import numpy as np
import polars as pl
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Cost

RESULTS = Path(__file__).parent / "results"
Preset = Annotated[str, typer.Option(help="Preset of the demo tenant.")]
Runs = Annotated[int, typer.Option(help="How often each piece of work is measured; the median is shown.", min=1)]
FIGURES = ("s", "CPU s", "MB")
TIMED = ("", *FIGURES, "a second")
Results = Annotated[Path, typer.Option(help="Folder of the JSON file.")]


def take_middle(costs: Iterable[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(*(median(figures) for figures in zip(*costs, strict=True)))


def format_timed(what: str, cost: Cost, count: int, unit: str) -> list[str]:
    """Return a row under ``TIMED``: what was done, what it took, and how many a second."""
    return [what, *format_figures(cost), f"{count / cost.seconds:,.0f} {unit}"]


def format_figures(cost: Cost) -> list[str]:
    """Return a cost as a table shows it, in the order of ``FIGURES``."""
    return [f"{cost.seconds:,.2f}", f"{cost.cpu_seconds:,.2f}", f"{cost.megabytes:,.0f}"]


def show(title: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table whose first column is text and whose others are numbers."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), show_edge=False)
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="right" if position else "left")
    for row in rows:
        table.add_row(*row)
    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=160)).print(table, highlight=False)


def save(folder: Path, name: str, found: Mapping[str, object]) -> None:
    """Write what was found, with the machine and the moment, to ``<folder>/<name>.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    circumstances = {"benchmark": name, "at": datetime.now(UTC).isoformat(), "machine": _describe_machine()}
    (folder / f"{name}.json").write_text(json.dumps(circumstances | {**found}, indent=2), encoding="utf-8")


def list_raw(costs: Iterable[Cost]) -> list[dict[str, float]]:
    """Costs as JSON."""
    return [cost._asdict() for cost in costs]


def _describe_machine() -> dict[str, object]:
    versions = {"duckdb": duckdb.__version__, "numpy": np.__version__, "polars": pl.__version__}
    return {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version(), **versions}
