"""What stored hours cost: planning after a month and after five years, replacing an hour, catching up.

    python -m benchmarks.store [--runs 3]

*Plan*: plan, unknown users and status of a connection in a running process, nothing due, over 720, 8,760 and 43,800
stored hours whose files of past months are put together, as daily maintenance leaves them. *Replace*: an hour of events
replaced in a table of one day and in one of 43,800 hours, beside a plain file. Processor seconds count: they hardly
change with what else the machine does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import polars as pl
import polars.selectors as cs
import typer

from benchmarks import report, tenants
from benchmarks.measuring import Cost, Meter, run_alone
from benchmarks.platform_rows import COLLECTIONS, write_hour
from benchmarks.query_events import make_events
from immuta_assets.audit.identities.principals import Principals
from immuta_assets.audit.queries.events import QueryEvents
from immuta_assets.audit.queries.readings import Coverage, Readings
from immuta_assets.audit.stored import ConnectionData, open_connection_data
from immuta_assets.datasets.hour_files import HourFile, name_hour_file, name_span
from immuta_assets.datasets.hourly import HourlyDataset
from immuta_assets.datasets.hours import HOUR, format_hour_key
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.demo.tenant import write_demo
from immuta_assets.frames.parquet import write_frame
from immuta_assets.orchestration.assets.audit import update_status, update_unknown_users
from immuta_assets.orchestration.assets.query_history import make_plan
from immuta_assets.platforms.embedded import reader as embedded
from immuta_assets.platforms.embedded.connection import EmbeddedConnection
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.tenant import dump
from immuta_assets.tenant.stored import open_tenant

NOW = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)
LAST = datetime(2026, 11, 20, 8, tzinfo=UTC)
"""The newest stored hour."""
ACCOUNTS = 24
SINGLE = 30
"""The newest hours, which have files of their own until the next maintenance."""

Sizes = Annotated[str, typer.Option(help="Statements of the hours that are replaced, separated by commas.")]
Hours = Annotated[str, typer.Option(help="How many hours are stored, separated by commas.")]


def main(
    preset: report.Preset = "small",
    runs: report.Runs = 3,
    hours: Hours = "720,8760,43800",
    sizes: Sizes = "2300,227000",
    results: report.Results = report.RESULTS,
) -> None:
    """Measure plans over stored hours, and hours that are replaced."""
    counts, statements = [int(each) for each in hours.split(",")], [int(each) for each in sizes.split(",")]
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder / "dump", preset=preset, at=tenants.AT)
        tenant = dump.read(folder / "dump", COLLECTIONS)
        tenants.keep(tenant, folder / "tenant")
        plans = {count: [run_alone(measure_plan, folder, count) for _ in range(runs)] for count in counts}
        replaced = {count: [_compare(folder, tenant, count, max(counts)) for _ in range(runs)] for count in statements}
    _show_plans(plans)
    _show_replaced(replaced, max(counts))
    raw = {str(count): report.list_raw(costs) for count, costs in plans.items()}
    report.save(results, "store", {"preset": preset, "plans": raw, "replaced": _list_raw(replaced)})


def measure_plan(folder: Path, count: int) -> Cost:
    """Plan, unknown users and status with ``count`` hours stored and nothing due, after they ran once."""
    root = StoreRoot(str(folder / f"store-{count}"))
    data = open_connection_data(root, "sales")
    connection = _connect(folder)
    if not data.coverage.log.list_files().height:
        _fill(root, data, folder, count)
    start = LAST - (count - 1) * HOUR
    _work(connection, data, root, start)
    return Meter().run(_work, connection, data, root, start)[1]


def _work(connection: EmbeddedConnection, data: ConnectionData, root: StoreRoot, start: datetime) -> None:
    plan = make_plan(connection, data, root, start, NOW)
    data.plan.commit({"all": plan.lazy()})
    update_unknown_users([(connection, data)], root)
    update_status([(connection, data)], root, NOW)


def _connect(folder: Path) -> EmbeddedConnection:
    """Return a connection to a history that has nothing in it."""
    path = folder / "history.duckdb"
    if not path.exists():
        empty = [schema.create_empty() for schema in (Statements, Accesses)]
        marked = [each.with_columns(platform=pl.lit("SNOWFLAKE"), arrived_at=pl.lit(NOW)) for each in empty]
        embedded.write_history(path, *marked)
    return EmbeddedConnection.model_construct(kind="embedded", name="sales", platform=SNOWFLAKE, path=path)


def _fill(root: StoreRoot, data: ConnectionData, folder: Path, count: int) -> None:
    users = open_tenant(root)["users"]
    users.commit({"2026-11-20": pl.scan_parquet(folder / "tenant" / "users.parquet")})
    hours = [LAST - ago * HOUR for ago in range(count - 1, -1, -1)]
    for dataset, draw in (
        (data.readings, _draw_readings),
        (data.coverage, _draw_coverage),
        (data.principals, _draw_principals),
    ):
        rows = draw(hours)
        old = rows.filter(pl.col("hour") <= LAST - SINGLE * HOUR).with_columns(cs.enum().cast(pl.String))
        for span, of_span in groupby(hours[:-SINGLE], key=lambda hour: name_span("month", hour)):
            within = [*of_span]
            rows_of_span = old.filter(pl.col("hour").dt.strftime("%Y-%m") == span)
            placed = dataset.place_rows(rows_of_span, (within[0], within[-1]))
            dataset.log.prepare()
            dataset.log.replace([], [placed], within, NOW - timedelta(days=1))
        for hour in hours[-SINGLE:]:
            dataset.commit({format_hour_key(hour): rows.filter(pl.col("hour") == hour).lazy()}, hour + HOUR)


def _draw_readings(hours: Sequence[datetime]) -> pl.DataFrame:
    zeros = dict.fromkeys((name for name, dtype in Readings.create_empty().schema.items() if dtype == pl.Int64), 0)
    rows = pl.DataFrame({"hour": hours}).with_columns(
        **{name: pl.lit(value, pl.Int64) for name, value in zeros.items()},
        read_at=pl.col("hour") + timedelta(days=4),
        counted_latest_end=pl.lit(None, pl.Datetime("us", "UTC")),
        sources=pl.lit([{"source": "statements", "latest": None}], Readings.columns()["sources"].dtype),
        limits=pl.lit([], pl.List(pl.String)),
    )
    return Readings.cast(rows)


def _draw_coverage(hours: Sequence[datetime]) -> pl.DataFrame:
    own = [name for name in Coverage.column_names() if name not in Readings.column_names()]
    zeros = {name: pl.lit(0, pl.Int64) for name in own if name not in ("snapshot_at", "files")}
    rows = _draw_readings(hours).with_columns(
        snapshot_at=pl.col("hour"), files=pl.lit([], Coverage.columns()["files"].dtype), **zeros
    )
    return Coverage.cast(rows)


def _draw_principals(hours: Sequence[datetime]) -> pl.DataFrame:
    accounts = pl.DataFrame({"user_name": [f"ACCOUNT_{number}" for number in range(ACCOUNTS)]})
    rows = (
        pl.DataFrame({"hour": hours})
        .join(accounts, how="cross")
        .with_columns(
            user_email=pl.lit(None, pl.String),
            user_type=pl.lit(None, pl.String),
            global_user_id=pl.lit(None, pl.String),
            identity=pl.lit("UNKNOWN"),
            statements=pl.lit(3, pl.Int64),
            first_seen=pl.col("hour"),
            last_seen=pl.col("hour"),
            sample_objects=pl.lit(["DB.S.T"], pl.List(pl.String)),
        )
    )
    return rows.select(
        pl.col(name).cast(pl.String if isinstance(dtype, pl.Enum) else dtype)
        for name, dtype in Principals.create_empty().schema.items()
    ).pipe(Principals.cast)


def _compare(folder: Path, tenant: dict[str, pl.DataFrame], statements: int, stored: int) -> dict[str, Cost]:
    """Replace an hour of events: a plain file, a table of one day, and one of many hours."""
    hour = folder / f"hour-{statements}"
    if not (hour / "events.parquet").exists():
        write_hour(tenant, LAST, statements, hour)
        run_alone(make_events, folder / "tenant", hour)
    return {
        "file": run_alone(replace_file, hour),
        "table of a day": run_alone(replace_hour, hour, 24),
        f"table of {stored:,} hours": run_alone(replace_hour, hour, stored),
    }


def replace_file(hour: Path) -> Cost:
    """Write the events of an hour as one file, as versions before the tables did."""
    events = pl.scan_parquet(hour / "events.parquet")

    def write() -> None:
        with (hour / "replaced.parquet").open("wb") as file:
            write_frame(events, QueryEvents, file)

    write()
    return Meter().run(write)[1]


def replace_hour(hour: Path, stored: int) -> Cost:
    """Replace the events of an hour in a table of ``stored`` hours."""
    with TemporaryDirectory(dir=hour) as folder:
        dataset = open_connection_data(StoreRoot(folder), "sales").query_events
        events = pl.scan_parquet(hour / "events.parquet")
        dataset.log.replace([], list(_invent_files(dataset, stored)), [], NOW - timedelta(days=1))
        dataset.commit({format_hour_key(LAST): events}, NOW - timedelta(hours=1))
        fresh = open_connection_data(StoreRoot(folder), "sales").query_events
        return Meter().run(fresh.commit, {format_hour_key(LAST): events}, NOW)[1]


def _invent_files(dataset: HourlyDataset, stored: int) -> Iterator[HourFile]:
    """Yield what the log says of hours whose files nobody reads here."""
    for ago in range(stored, 0, -1):
        hour = LAST - ago * HOUR
        yield HourFile(name_hour_file(dataset.span, hour, NOW, f"{ago:032x}"), 100, 1, hour, hour, hour, hour)


def _show_plans(plans: dict[int, list[Cost]]) -> None:
    rows = [[f"{count:,} hours", *report.format_figures(report.take_middle(costs))] for count, costs in plans.items()]
    report.show("Plan, unknown users and status, nothing due", ("", *report.FIGURES), rows)


def _show_replaced(replaced: dict[int, list[dict[str, Cost]]], stored: int) -> None:
    for statements, runs in replaced.items():
        rows = [[way, *report.format_figures(report.take_middle(run[way] for run in runs))] for way in runs[0]]
        report.show(f"An hour of {statements:,} statements replaced, beside {stored:,}", ("", *report.FIGURES), rows)


def _list_raw(replaced: dict[int, list[dict[str, Cost]]]) -> dict[str, Any]:
    return {
        str(statements): {way: report.list_raw(run[way] for run in runs) for way in runs[0]}
        for statements, runs in replaced.items()
    }


if __name__ == "__main__":
    typer.run(main)
