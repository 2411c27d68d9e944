"""The commands ``immuta-assets layouts …``: which versions of the export there are, what differs, how to read them.

Add a command here that prints something about layouts; what it prints comes from ``immuta_assets.layouts``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from immuta_assets.cli import console
from immuta_assets.cli.options import Json
from immuta_assets.layouts.lifecycle import Life, choose_layouts, life, stale_layouts
from immuta_assets.settings import Settings, load

if TYPE_CHECKING:
    from immuta_assets.layouts.versions import Layout


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not a day such as 2027-01-31."
        raise typer.BadParameter(msg) from error


Name = Annotated[str, typer.Argument(metavar="NAME", help="Version of the export, such as prpr2.")]
Old = Annotated[str, typer.Argument(metavar="OLD", help="Version that consumers read now.")]
New = Annotated[str, typer.Argument(metavar="NEW", help="Version that they are to read.")]
Day = Annotated[
    date | None,
    typer.Option(parser=_parse_day, metavar="DATE", help="Export day to look at; by default the one open now."),
]
Platform = Annotated[
    Literal["snowflake", "databricks", "duckdb", "athena", "trino"],
    typer.Option(help="Where the consumers' queries run."),
]
Location = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Where the files are published, such as s3://bucket/prefix.")
]

ANYWHERE = "s3://<bucket>/<prefix>"
"""A location whose reader fills in the blanks."""

app = typer.Typer(no_args_is_help=True, help="Look at the versions of the export.")


@app.command("list")
def list_layouts(*, day: Day = None, as_json: Json = False) -> None:
    """List the versions, each with the life that IMMUTA_ASSETS_LAYOUTS gives it on an export day."""
    with console.report_errors():
        from immuta_assets.layouts.versions import LAYOUTS, find_newest  # noqa: PLC0415

        settings = load()
        chosen_day = day or _find_open_day(settings)
        choice = choose_layouts(settings)
        lives = [(layout, life(layout.version, choice, chosen_day)) for layout in LAYOUTS.values()]
        stale = stale_layouts(choice, chosen_day, find_newest())
        if as_json:
            _print_json(
                {"export_day": str(chosen_day), "layouts": [_summarize(*each) for each in lives], "stale": stale}
            )
        else:
            _print_list(lives)
            for sentence in stale:
                console.show(sentence)


@app.command("show")
def show_layout(name: Name, *, as_json: Json = False) -> None:
    """Show the tables of a version, column by column."""
    with console.report_errors():
        layout = _find_layout(name)
        if as_json:
            _print_json(_describe_contract(layout))
        else:
            _print_columns(layout)


@app.command("diff")
def diff_layouts(old: Old, new: New, *, as_json: Json = False) -> None:
    """Show what changes from one version to another, what of it breaks queries, and what their owners have to do."""
    with console.report_errors():
        from immuta_assets.layouts.diff import compare_layouts  # noqa: PLC0415
        from immuta_assets.layouts.documents import CHANGE_HEADINGS, list_change_rows  # noqa: PLC0415

        changes = compare_layouts(_find_layout(old), _find_layout(new))
        if as_json:
            _print_json([change._asdict() for change in changes])
        else:
            _print_table(CHANGE_HEADINGS, list_change_rows(changes))


@app.command("sql")
def print_sql(
    platform: Platform,
    layout: Annotated[str, typer.Option(metavar="NAME", help="Version that is read.")],
    *,
    location: Location = ANYWHERE,
) -> None:
    """Print the SQL by which consumers read a version: storage set-up, external tables, views that outlive it."""
    with console.report_errors(), _report_bad_input():
        from immuta_assets.layouts.consumers import PLATFORMS, build_sql, render_script  # noqa: PLC0415

        typer.echo(render_script(build_sql(PLATFORMS[platform], _find_layout(layout), location)), nl=False)


@app.command("cutover")
def print_cutover(
    old: Annotated[str, typer.Option("--from", metavar="OLD", help="Version that consumers read now.")],
    new: Annotated[str, typer.Option("--to", metavar="NEW", help="Newer version that they are to read.")],
    *,
    platform: Platform = "snowflake",
    location: Location = ANYWHERE,
) -> None:
    """Print the steps by which consumers come from one version to a newer one, as SQL with what to check."""
    with console.report_errors(), _report_bad_input():
        from immuta_assets.layouts.consumers import PLATFORMS, plan_cutover, render_guide  # noqa: PLC0415

        typer.echo(
            render_guide(plan_cutover(_find_layout(old), _find_layout(new), PLATFORMS[platform], location)), nl=False
        )


def _find_open_day(settings: Settings) -> date:
    from immuta_assets.datasets.export_days import find_day  # noqa: PLC0415

    return find_day(datetime.now(UTC), settings.export_timezone)


def _find_layout(version: str) -> Layout:
    from immuta_assets.layouts.versions import find_layout  # noqa: PLC0415

    with _report_bad_input():
        return find_layout(version)


@contextmanager
def _report_bad_input() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        console.fail(console.BAD_INPUT, str(error))


def _summarize(layout: Layout, current: Life) -> dict[str, object]:
    from immuta_assets.layouts.record import compute_code_version  # noqa: PLC0415

    return {
        "layout": layout.version,
        "life": current.state,
        "until": str(current.until) if current.until else None,
        "tables": len(layout.tables),
        "columns": sum(len(schema.columns()) for schema in layout.tables.values()),
        "code_version": compute_code_version(layout),
    }


def _describe_contract(layout: Layout) -> dict[str, object]:
    from immuta_assets.frames.contract import describe_row, list_columns  # noqa: PLC0415
    from immuta_assets.layouts.record import compute_code_version  # noqa: PLC0415

    tables = {
        table: {
            "description": describe_row(schema),
            "unique_by": schema.primary_key(),
            "code_version": compute_code_version(layout, table),
            "columns": [column._asdict() for column in list_columns(schema)],
        }
        for table, schema in layout.tables.items()
    }
    return {"layout": layout.version, "code_version": compute_code_version(layout), "tables": tables}


def _print_list(listed: Iterable[tuple[Layout, Life]]) -> None:
    table = console.make_table("layout", "life", "code version", numbers=("tables", "columns"))
    for layout, current in listed:
        summary = _summarize(layout, current)
        numbers = (f"{summary[count]:,}" for count in ("tables", "columns"))
        table.add_row(layout.version, str(current), str(summary["code_version"]), *numbers)
    console.show(table)


def _print_columns(layout: Layout) -> None:
    from immuta_assets.layouts.documents import COLUMN_HEADINGS, describe_table, list_column_rows  # noqa: PLC0415

    for table, schema in layout.tables.items():
        console.show(f"{table}: {describe_table(layout, table)}")
        _print_table(COLUMN_HEADINGS, list_column_rows(schema))
        console.show("")


def _print_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = console.make_table(*headings)
    for row in rows:
        table.add_row(*row)
    console.show(table)


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
