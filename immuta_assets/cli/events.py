"""The commands ``immuta-assets events …``: looking at audit events.

Add a command here that shows events or exports them. How events are made and what they look like belongs to ``audit``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
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
    from immuta_assets.audit.events import uam  # noqa: PLC0415
    from immuta_assets.audit.stored import open_connection_data  # noqa: PLC0415
    from immuta_assets.datasets.root import open_root  # noqa: PLC0415

    platform = find_connection(settings, name).platform
    events = open_connection_data(open_root(settings), name).query_events.scan_if_stored(hour)
    if events is None:
        shown = f"{hour[:10]}T{hour[11:13]}"
        command = f"immuta-assets ingest --connection {name} --hour {shown}"
        msg = f"No events of {name}, {shown} UTC, are stored in {settings.store}: run {command} first."
        raise SettingsError(msg)
    yield from uam.encode_lines(events.collect(), platform)
