"""The command ``immuta-assets status``: whether the export and the audit events are what people may rely on.

Nothing of Dagster is loaded, so that a watch on another machine needs only the destinations and the store. What is
judged, and the words for it, belong to ``health``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from immuta_assets.cli import console
from immuta_assets.cli.options import Json
from immuta_assets.settings import load

if TYPE_CHECKING:
    from immuta_assets.health.ingestion import IngestionJudgement
    from immuta_assets.health.status import FileRow, Health

BAD = "red"
"""The style of rows that call for an operator."""


def judge_status(*, as_json: Json = False) -> None:
    """Judge what lies at every destination, and how far the query history of every connection is read.

    Exits with 0 where all is well, with 1 where something is stale or does not answer, and with 2 where nothing could
    be told, so that a cron or a load balancer can watch.
    """
    with console.report_errors():
        from immuta_assets.health import status  # noqa: PLC0415
        from immuta_assets.orchestration.destinations import bind_open_store, choose_expected  # noqa: PLC0415

        settings = load()
        health = status.judge_health(settings, bind_open_store(settings), choose_expected(settings), datetime.now(UTC))
        if as_json:
            typer.echo(json.dumps(status.build_report(health), indent=2, ensure_ascii=False))
        else:
            _print_health(health)
        raise typer.Exit(status.choose_exit_code(health))


def _print_health(health: Health) -> None:
    from immuta_assets.health import status  # noqa: PLC0415

    for destination, files in status.group_files(health):
        console.show(destination)
        _print_files(files)
    if rows := status.list_ingestion(health):
        console.show("Query history")
        _print_ingestion(rows)
    for note in status.describe_problems(health):
        console.show(note)


def _print_files(rows: Iterable[FileRow]) -> None:
    table = console.make_table("layout", "table", numbers=("verdict", "export_date"))
    for row in rows:
        cells = (row.layout, row.table, row.verdict, row.export_date)
        table.add_row(*cells, style=None if row.verdict == "fine" else BAD)
    console.show(table)


def _print_ingestion(rows: Iterable[IngestionJudgement]) -> None:
    """Print a row per connection; a name that is too long for the terminal goes over several lines."""
    table = console.make_table("verdict", "connection", numbers=("newest hour", "lag", "missing", "due"))
    for row in rows:
        lag = "" if row.lag is None else console.format_duration(row.lag)
        newest = f"{row.newest_hour:%Y-%m-%d %H:%M} UTC" if row.newest_hour else ""
        cells = (row.verdict, row.connection, newest, lag, f"{row.missing:,}", f"{row.due:,}")
        table.add_row(*cells, style=None if row.verdict == "fine" else BAD)
    console.show(table)
