"""The commands ``immuta-assets layouts …``: which versions of the export there are, what differs, how to read them.

Thin like ``cli``: add a command that prints something about layouts here; what it prints comes from ``layouts`` and
``delivery``. What takes long to load is imported by the commands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from immuta_assets.cli import console
from immuta_assets.layouts.lifecycle import Life, life, stale_layouts
from immuta_assets.settings import Settings, load

if TYPE_CHECKING:
    from immuta_assets.layouts.versions import Layout


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a day such as 2027-01-31."
        raise typer.BadParameter(msg) from error


Name = Annotated[str, typer.Argument(metavar="NAME", help="Version of the export, such as prpr2.")]
Old = Annotated[str, typer.Argument(metavar="OLD", help="Version that consumers read now.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="Version that they are to read.")]
Day = Annotated[
    date | None, typer.Option(parser=_date, metavar="DATE", help="Export day to look at; by default the one open now.")
]
Platform = Annotated[
    Literal["snowflake", "databricks", "duckdb", "athena", "trino"],
    typer.Option(help="Where the consumers' queries run."),
]
Location = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Where the files are published, such as s3://bucket/prefix.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]

ANYWHERE = "s3://<bucket>/<prefix>"
"""A location whose reader fills in the blanks."""

layouts = typer.Typer(no_args_is_help=True, help="Look at the versions of the export.")


@layouts.command("list")
def list_(*, day: Day = None, as_json: Json = False) -> None:
    """List the versions, each with the life that IMMUTA_ASSETS_LAYOUTS gives it on an export day."""
    with console.errors_told():
        from immuta_assets.layouts.versions import LAYOUTS, newest  # noqa: PLC0415

        settings = load()
        shown = day or _open_day(settings)
        choice = settings.layouts
        lives = [(layout, life(layout.version, choice, shown)) for layout in LAYOUTS.values()]
        stale = stale_layouts(choice, shown, newest())
        if as_json:
            _print_json({"export_day": str(shown), "layouts": [_summary(*each) for each in lives], "stale": stale})
        else:
            _print_list(lives)
            for sentence in stale:
                console.show(sentence)


@layouts.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """Show the tables of a version, column by column."""
    with console.errors_told():
        layout = _named(name)
        if as_json:
            _print_json(_contract(layout))
        else:
            _print_columns(layout)


@layouts.command()
def diff(old: Old, new: New, *, as_json: Json = False) -> None:
    """Tell what changes from one version to another, what of it breaks queries, and what their owners have to do."""
    with console.errors_told():
        from immuta_assets.layouts.diff import diff as compare  # noqa: PLC0415
        from immuta_assets.layouts.documents import CHANGE_HEADINGS, change_rows  # noqa: PLC0415

        changes = compare(_named(old), _named(new))
        if as_json:
            _print_json([change._asdict() for change in changes])
        else:
            _print_table(CHANGE_HEADINGS, change_rows(changes))


@layouts.command()
def sql(
    platform: Platform,
    layout: Annotated[str, typer.Option(metavar="NAME", help="Version that is read.")],
    *,
    location: Location = ANYWHERE,
) -> None:
    """Print the SQL by which consumers read a version: storage set-up, external tables, views that outlive it."""
    with console.errors_told(), _bad_input_told():
        from immuta_assets.layouts.consumers import PLATFORMS, script  # noqa: PLC0415
        from immuta_assets.layouts.consumers import sql as statements  # noqa: PLC0415

        typer.echo(script(statements(PLATFORMS[platform], _named(layout), location)), nl=False)


@layouts.command()
def cutover(
    old: Annotated[str, typer.Option("--from", metavar="OLD", help="Version that consumers read now.")],
    new: Annotated[str, typer.Option("--to", metavar="NEW", help="Newer version that they are to read.")],
    *,
    platform: Platform = "snowflake",
    location: Location = ANYWHERE,
) -> None:
    """Print the steps by which consumers come from one version to a newer one, as SQL with what to check."""
    with console.errors_told(), _bad_input_told():
        from immuta_assets.layouts.consumers import PLATFORMS, guide  # noqa: PLC0415
        from immuta_assets.layouts.consumers import cutover as steps  # noqa: PLC0415

        typer.echo(guide(steps(_named(old), _named(new), PLATFORMS[platform], location)), nl=False)


def _open_day(settings: Settings) -> date:
    from immuta_assets.datasets.export_days import day_of  # noqa: PLC0415

    return day_of(datetime.now(UTC), settings.export_timezone)


def _named(version: str) -> Layout:
    from immuta_assets.layouts.versions import named  # noqa: PLC0415

    with _bad_input_told():
        return named(version)


@contextmanager
def _bad_input_told() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        console.fail(console.BAD_INPUT, str(error))


def _summary(layout: Layout, current: Life) -> dict[str, object]:
    from immuta_assets.layouts.record import code_version  # noqa: PLC0415

    return {
        "layout": layout.version,
        "life": current.state,
        "until": str(current.until) if current.until else None,
        "tables": len(layout.tables),
        "columns": sum(len(schema.columns()) for schema in layout.tables.values()),
        "code_version": code_version(layout),
    }


def _contract(layout: Layout) -> dict[str, object]:
    from immuta_assets.frames.contract import columns, description  # noqa: PLC0415
    from immuta_assets.layouts.record import code_version  # noqa: PLC0415

    tables = {
        table: {
            "description": description(schema),
            "unique_by": schema.primary_key(),
            "code_version": code_version(layout, table),
            "columns": [column._asdict() for column in columns(schema)],
        }
        for table, schema in layout.tables.items()
    }
    return {"layout": layout.version, "code_version": code_version(layout), "tables": tables}


def _print_list(listed: Iterable[tuple[Layout, Life]]) -> None:
    table = console.table("layout", "life", "code version", numbers=("tables", "columns"))
    for layout, current in listed:
        summary = _summary(layout, current)
        numbers = (f"{summary[count]:,}" for count in ("tables", "columns"))
        table.add_row(layout.version, str(current), str(summary["code_version"]), *numbers)
    console.show(table)


def _print_columns(layout: Layout) -> None:
    from immuta_assets.layouts.documents import COLUMN_HEADINGS, column_rows, heading  # noqa: PLC0415

    for table, schema in layout.tables.items():
        console.show(f"{table}: {heading(layout, table)}")
        _print_table(COLUMN_HEADINGS, column_rows(schema))
        console.show("")


def _print_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = console.table(*headings)
    for row in rows:
        table.add_row(*row)
    console.show(table)


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
