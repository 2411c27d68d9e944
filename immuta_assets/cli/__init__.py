"""The command line ``immuta-assets``: thin commands over the same graph that Dagster runs, a module per group.

Results go to standard output, everything else to standard error. Add a command where an operator needs one, as a
function that reads the settings, calls the package and prints; what it computes belongs there. Modules that take
seconds to import are imported by the commands that need them.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from immuta_assets.cli import demo, doctor, events, export, ingest, layouts, status, store

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """Run the command line: the entry point of the command ``immuta-assets``."""
    app(prog_name="immuta-assets")


def _print_version(asked: bool) -> None:  # noqa: FBT001  # typer passes it by position
    if asked:
        typer.echo(f"immuta-assets {version('immuta-assets')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")]


@app.callback()
def describe_program(*, _version: Version = False) -> None:
    """Immuta's access summary export: a dump of a tenant's governance metadata becomes Parquet files."""


app.command("demo")(demo.write_demo)
app.command("ingest")(ingest.ingest_events)
app.command("status")(status.judge_status)
app.command("doctor")(doctor.diagnose)
app.command("export")(export.export_summary)
app.add_typer(events.app, name="events")
app.add_typer(layouts.app, name="layouts")
app.add_typer(store.app, name="store")
