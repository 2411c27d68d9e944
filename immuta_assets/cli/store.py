"""The commands ``immuta-assets store …``: looking after the stored hours, and reading them with other engines.

Add a command here that concerns stored data as such. What is done to a table belongs to ``datasets``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from immuta_assets.cli import console
from immuta_assets.cli.run import load_connections
from immuta_assets.settings import Settings, load

if TYPE_CHECKING:
    from immuta_assets.datasets.hourly import HourlyDataset

Engine = Annotated[
    Literal["duckdb", "spark", "databricks", "trino"], typer.Option(help="Engine that is to read the tables.")
]

app = typer.Typer(no_args_is_help=True, help="Look after the stored hours.")


@app.command("migrate")
def migrate_store() -> None:
    """Move hours that an older version stored as files into the tables, comparing every row; may be repeated."""
    with console.report_errors():
        from immuta_assets.datasets.migration import migrate_hours  # noqa: PLC0415

        table = console.make_table("frame", numbers=("hours", "rows"))
        for dataset in _open_tables(load()):
            done = None
            for done in migrate_hours(dataset):
                console.tell(f"{done.key}: {done.hours:,} hours, {done.rows:,} rows")
            table.add_row(dataset.key, f"{done.hours if done else 0:,}", f"{done.rows if done else 0:,}")
        console.show(table)


@app.command("maintain")
def maintain_store() -> None:
    """Put small files together, write checkpoints and remove what is no longer read; the daily asset does the same."""
    with console.report_errors():
        from immuta_assets.datasets.maintenance import maintain_table  # noqa: PLC0415

        table = console.make_table("table", numbers=("compacted", "removed", "files", "bytes", "version"))
        for dataset in _open_tables(load()):
            console.tell(f"Maintaining {dataset.key}")
            table.add_row(dataset.key, *(f"{count:,}" for count in maintain_table(dataset, datetime.now(UTC))))
        console.show(table)


@app.command("sql")
def print_views(*, engine: Engine = "duckdb") -> None:
    """Print SQL that makes a view per stored frame, over the tables of all connections."""
    with console.report_errors():
        from immuta_assets.datasets.views import make_views  # noqa: PLC0415

        frames: dict[str, list[HourlyDataset]] = {}
        for dataset in _open_tables(load()):
            frames.setdefault(_name_frame(dataset.key), []).append(dataset)
        console.show(make_views(frames, engine))


def _open_tables(settings: Settings) -> Sequence[HourlyDataset]:
    """Return the tables of every connection of the settings."""
    from immuta_assets.audit.stored import open_connection_data  # noqa: PLC0415
    from immuta_assets.datasets.root import open_root  # noqa: PLC0415

    root = open_root(settings)
    return [table for name in load_connections(settings) for table in open_connection_data(root, name).tables.values()]


def _name_frame(key: str) -> str:
    parts = key.split("/")
    return parts[-1] if parts[0] == "query_history" else parts[1]
