"""The command ``immuta-assets ingest``: hours of query history become audit events, now.

Add an option here when hours are chosen in another way. Which hours are due, and what is made of them, belongs to
``audit.queries``; hours of several connections are read side by side, in processes of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Annotated

import typer

from immuta_assets.cli import console
from immuta_assets.cli.options import Hour, parse_hour
from immuta_assets.cli.run import find_connection, load_connections, open_instance, tell_step
from immuta_assets.durations import parse_duration
from immuta_assets.secrets import quote_value
from immuta_assets.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from immuta_assets.orchestration.run import IngestResult

ConnectionNames = Annotated[
    list[str] | None,
    typer.Option("--connection", metavar="NAME", help="Connection of IMMUTA_ASSETS_CONNECTIONS, repeatable."),
]
Since = Annotated[str, typer.Option(metavar="DURATION", help="How far back, in whole hours: 6h or 2d.")]
Due = Annotated[bool, typer.Option("--due", help="Instead, the hours that the re-read plan asks for now.")]

MOST_HOURS = 9_999
"""How far ``--since`` reaches back."""


def ingest_events(
    *, connection: ConnectionNames = None, since: Since = "6h", hour: Hour = None, due: Due = False
) -> None:
    """Load audit events now: read hours of query history, and make the events of them.

    Without --connection every connection of IMMUTA_ASSETS_CONNECTIONS is read, side by side. Exits with 2 for a wrong
    connection or setting, and where a platform cannot be read; hours that were read before stay as they are then.
    """
    with console.report_errors():
        settings = load()
        hours = [parse_hour(hour)] if hour else _list_hours(_parse_hours(since))
        names = connection or list(load_connections(settings))
        results = _run_side_by_side([partial(_ingest, settings, name, [] if due else hours) for name in names])
        if failures := [result.failure.message for result in results if result.failure]:
            console.fail(console.BAD_INPUT, "\n".join(failures))
        _print_results(settings, results)
        newest = f"{hours[-1][:10]}T{hours[-1][11:13]}"
        command = console.find_command("immuta-assets")
        console.show_next(f"{command} events show --connection {names[0]} --hour {newest}")


def _parse_hours(text: str) -> int:
    """Return a duration in hours, of which only whole ones can be read."""
    try:
        hours, rest = divmod(parse_duration(text), timedelta(hours=1))
    except ValueError as error:
        msg = f"--since is wrong: {error}"
        raise SettingsError(msg) from error
    if rest or not 0 < hours <= MOST_HOURS:
        msg = f"--since is {quote_value(text)}; allowed are whole hours from 1h to {MOST_HOURS}h such as 6h or 2d."
        raise SettingsError(msg)
    return hours


def _list_hours(count: int) -> list[str]:
    """Return the keys of the last hours that have closed."""
    from immuta_assets.datasets.hours import HOUR, floor_hour, format_hour_key  # noqa: PLC0415

    open_hour = floor_hour(datetime.now(UTC))
    return [format_hour_key(open_hour - ago * HOUR) for ago in range(count, 0, -1)]


def _run_side_by_side(tasks: Sequence[Callable[[], IngestResult]]) -> list[IngestResult]:
    """Do several tasks in processes of their own, as many at a time as there are processors.

    The results come in the order in which the tasks were done, so that the last has seen what all have stored.
    """
    if len(tasks) == 1:
        return [tasks[0]()]
    workers = min(len(tasks), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return [done.result() for done in as_completed([pool.submit(task) for task in tasks])]


def _ingest(settings: Settings, name: str, hours: list[str]) -> IngestResult:
    """Read hours of a connection; none stand for those that are due."""
    from immuta_assets.orchestration.run import run_due, run_ingest  # noqa: PLC0415

    find_connection(settings, name)
    with open_instance() as instance:
        if hours:
            count = f"{len(hours):,} hour{'' if len(hours) == 1 else 's'}"
            console.tell(f"Reading {count} of {name}, {hours[0]} to {hours[-1]} UTC")
            return run_ingest(settings, name, hours, instance=instance, progress=tell_step)
        console.tell(f"Reading the hours of {name} that are due")
        return run_due(settings, name, moment=datetime.now(UTC), instance=instance, progress=tell_step)


def _print_results(settings: Settings, results: Sequence[IngestResult]) -> None:
    rows = {asset: count for result in results for asset, count in result.rows.items()}
    _print_rows(dict(sorted(rows.items())))
    _print_unknown(settings)
    console.show_warnings(results[-1].checks)


def _print_rows(rows: Mapping[str, int]) -> None:
    table = console.make_table("asset", numbers=("rows",))
    for asset, count in rows.items():
        table.add_row(asset, f"{count:,}")
    console.show(table)


def _print_unknown(settings: Settings) -> None:
    """List the platform users nobody knows, with what to do about each."""
    from immuta_assets.audit.stored import open_unknown_users  # noqa: PLC0415
    from immuta_assets.datasets.root import open_root  # noqa: PLC0415

    unknown = open_unknown_users(open_root(settings)).scan().collect()
    headings = ("platform", "kind", "statements", "last seen", "remedy", "perhaps")
    table = console.make_table("unknown user", numbers=headings)
    for row in unknown.iter_rows(named=True):
        perhaps = row["suggestions"][0]["user_id"] if row["suggestions"] else ""
        seen = f"{row['last_seen']:%Y-%m-%d %H:%M} UTC"
        table.add_row(
            row["user_name"], row["platform"], row["kind"], f"{row['statements']:,}", seen, row["remedy"], perhaps
        )
    console.show(table)
