"""How fast platform rows become query events, beside writing the events as JSON and beside a dictionary per event.

    python -m benchmarks.query_events [--preset laptop] [--statements 200000] [--busy 2000000] [--runs 3]

Three tables, all over the same Snowflake rows, 2.2 objects a statement. *Events*: from the files of statements and
accesses to the file of events. *Write limit*: the same events written as JSON lines from memory, by Polars and by
``uam.lines``; the faster one is the limit. *Row by row*: the straightforward Python (``row_by_row``), from the same
files to JSON lines, checked to say the same. Last, an hour as busy as it gets: its time and its peak of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import polars as pl
import typer

from benchmarks import report, tenants
from benchmarks.measuring import Cost, Meter, run_alone
from benchmarks.platform_rows import COLLECTIONS, make_origin, write_hour
from benchmarks.row_by_row import write_lines
from immuta_assets.audit.events import uam
from immuta_assets.audit.queries.hour_events import Snapshot, make_hour_events
from immuta_assets.demo.tenant import write_demo
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.tenant import dump

HOUR = datetime(2026, 11, 20, 5, tzinfo=UTC)
READ = datetime(2026, 11, 20, 9, tzinfo=UTC)

Statements = Annotated[int, typer.Option(help="Statements of the hour that is compared.", min=1)]
Busy = Annotated[int, typer.Option(help="Statements of the busiest hour.", min=1)]


class ComparedRun(NamedTuple):
    """One run: costs of each way over the same hour."""

    made: Cost
    sink: Cost
    lines: Cost
    row_by_row: Cost


def main(
    preset: report.Preset = "laptop",
    statements: Statements = 200_000,
    busy: Busy = 2_000_000,
    runs: report.Runs = 3,
    results: report.Results = report.RESULTS,
) -> None:
    """Compare events with the write limit and with row by row, and measure the busiest hour."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        tenant = _generate_tenant(preset, folder)
        tenants.keep(tenant, folder / "tenant")
        for size, count in (("hour", statements), ("busy", busy)):
            write_hour(tenant, HOUR, count, folder / size)
        compared = [_compare_ways(folder) for _ in range(runs)]
        agrees = _read_events(folder / "hour" / "events.parquet").equals(_read_lines(folder / "row_by_row.ndjson"))
        events = _count_rows(folder / "hour")
        costs = [run_alone(make_events, folder / "tenant", folder / "busy") for _ in range(runs)]
        busy_events = _count_rows(folder / "busy")
    _show(compared, events, agrees=agrees)
    _show_busy(costs, busy, busy_events)
    found = {"preset": preset, "statements": statements, "events": events, "row_by_row_agrees": agrees}
    busiest = {"statements": busy, "events": busy_events, "costs": report.list_raw(costs)}
    report.save(results, "query_events", found | _list_raw(compared) | {"busy": busiest})
    if not agrees:
        raise typer.Exit(1)


def _generate_tenant(preset: str, folder: Path) -> dict[str, pl.DataFrame]:
    write_demo(folder / "dump", preset=preset, at=tenants.AT)
    return dump.read(folder / "dump", COLLECTIONS)


def _compare_ways(folder: Path) -> ComparedRun:
    tenant, hour = folder / "tenant", folder / "hour"
    made = run_alone(make_events, tenant, hour)
    sink, lines = (
        run_alone(write_json, way, hour / "events.parquet", folder / "json") for way in (_sink_events, _write_lines)
    )
    return ComparedRun(made, sink, lines, run_alone(make_lines, tenant, hour, folder / "row_by_row.ndjson"))


def make_events(tenant: Path, hour: Path) -> Cost:
    """From the files of an hour to the file of its events."""
    meter = Meter()
    snapshot = Snapshot(*(pl.scan_parquet(tenant / f"{name}.parquet") for name in Snapshot._fields))
    events = make_hour_events(
        pl.scan_parquet(hour / "statements.parquet"),
        pl.scan_parquet(hour / "accesses.parquet"),
        None,
        snapshot,
        origin=make_origin({"tenant": pl.read_parquet(tenant / "tenant.parquet")}),
        moment=READ,
        hold=True,
        registered_only=False,
    )
    return meter.run(events.sink_parquet, hour / "events.parquet")[1]


def write_json(write: Callable[[pl.DataFrame, Path], None], events: Path, path: Path) -> Cost:
    """Events in memory to a file of JSON lines."""
    held = pl.read_parquet(events).rechunk()
    return Meter().run(write, held, path)[1]


def _sink_events(events: pl.DataFrame, path: Path) -> None:
    events.lazy().sink_ndjson(path)


def _write_lines(events: pl.DataFrame, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(uam.encode_lines(events, SNOWFLAKE))


def make_lines(tenant: Path, hour: Path, path: Path) -> Cost:
    """From the files of an hour to JSON lines, row by row."""
    return Meter().run(write_lines, tenant, hour, path)[1]


def _read_events(path: Path) -> pl.DataFrame:
    """Ids, actors and targets of events."""
    return (
        pl.read_parquet(path)
        .select("id", _select_fields("actor", ("type", "id", "name")), _select_first_target())
        .sort("id")
    )


def _read_lines(path: Path) -> pl.DataFrame:
    """Read the same of JSON lines."""
    target = pl.Struct(dict.fromkeys(("id", "name"), pl.String()))
    schema = {"id": pl.String(), "actor": pl.Struct(dict.fromkeys(("type", "id", "name"), pl.String()))}
    read = pl.read_ndjson(path, schema=schema | {"targets": pl.List(target)})
    return read.select("id", "actor", _select_first_target()).sort("id")


def _select_fields(column: str, names: Iterable[str]) -> pl.Expr:
    return pl.struct(pl.col(column).struct.field(name) for name in names).alias(column)


def _select_first_target() -> pl.Expr:
    target = pl.col("targets").list.first().struct
    return pl.struct(target.field("id"), target.field("name")).alias("target")


def _count_rows(hour: Path) -> int:
    return int(pl.scan_parquet(hour / "events.parquet").select(pl.len()).collect().item())


def _show(compared: list[ComparedRun], events: int, *, agrees: bool) -> None:
    middle = ComparedRun(*(report.take_middle(costs) for costs in zip(*compared, strict=True)))
    limit = min(middle.sink, middle.lines)
    report.show(
        f"{events:,} events: {limit.seconds / middle.made.seconds:.0%} of the write limit in time, "
        f"{limit.cpu_seconds / middle.made.cpu_seconds:.0%} in processor time; "
        f"{middle.row_by_row.seconds / middle.made.seconds:.1f} × as fast as row by row, which says "
        f"{'the same' if agrees else 'SOMETHING ELSE'}",
        report.TIMED,
        [
            report.format_timed("rows to the file of events", middle.made, events, "events"),
            report.format_timed("JSON lines from memory, Polars", middle.sink, events, "events"),
            report.format_timed("JSON lines from memory, uam.lines", middle.lines, events, "events"),
            report.format_timed("rows to JSON lines, row by row", middle.row_by_row, events, "events"),
        ],
    )


def _show_busy(costs: list[Cost], statements: int, events: int) -> None:
    row = report.format_timed("rows to the file of events", report.take_middle(costs), events, "events")
    report.show(f"An hour of {statements:,} statements, {events:,} events", report.TIMED, [row])


def _list_raw(compared: list[ComparedRun]) -> dict[str, object]:
    return {name: report.list_raw(getattr(each, name) for each in compared) for name in ComparedRun._fields}


if __name__ == "__main__":
    typer.run(main)
