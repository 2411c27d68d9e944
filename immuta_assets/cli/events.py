"""The commands ``immuta-assets events …``: looking at audit events.

Add a command here that shows events or exports them. How events are made and what they look like belongs to ``audit``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from immuta_assets.cli import console
from immuta_assets.cli.options import Hour, parse_hour
from immuta_assets.cli.run import find_connection
from immuta_assets.settings import Settings, SettingsError, load

ConnectionName = Annotated[str, typer.Option(metavar="NAME", help="Connection of IMMUTA_ASSETS_CONNECTIONS.")]

app = typer.Typer(no_args_is_help=True, help="Look at audit events.")


@app.command("show")
def show_events(*, connection: ConnectionName, hour: Hour) -> None:
    """Print the audit events of an hour, one JSON object of the Universal Audit Model a line."""
    with console.report_errors():
        for line in _read_lines(load(), connection, parse_hour(hour or "")):
            sys.stdout.buffer.write(line)


def _read_lines(settings: Settings, name: str, hour: str) -> Iterator[bytes]:
    import polars as pl  # noqa: PLC0415

    from immuta_assets.audit.events import uam  # noqa: PLC0415

    path = Path(settings.store, "audit", "query_events", name, f"{hour}.parquet")
    platform = find_connection(settings, name).platform
    if not path.exists():
        msg = f"{path} is missing: run immuta-assets ingest --connection {name} --hour {hour[:10]}T{hour[11:13]} first."
        raise SettingsError(msg)
    yield from uam.lines(pl.read_parquet(path, glob=False), platform)
