"""The command ``immuta-assets demo``: a made-up tenant, to try everything on.

Add an option here when the demo can be made in another way; what the tenant is like belongs to ``immuta_assets.demo``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from immuta_assets.cli import console
from immuta_assets.cli.options import drop_absent
from immuta_assets.settings import load


def _parse_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not an ISO-8601 time such as 2026-11-20T06:00:00Z."
        raise typer.BadParameter(msg) from error
    if moment.tzinfo is None:
        msg = f"{text!r} has no zone; add Z or an offset such as +01:00."
        raise typer.BadParameter(msg)
    return moment


PresetName = Annotated[Literal["small", "laptop", "enterprise", "wide"], typer.Option(help="Size of the tenant.")]
Seed = Annotated[int, typer.Option(help="The same seed and --at give the same bytes.")]
At = Annotated[
    datetime | None,
    typer.Option(parser=_parse_moment, metavar="ISO-TIME", help="Moment that the dump describes; by default now."),
]
DumpTo = Annotated[str | None, typer.Option(metavar="DIR", help="Folder to write; by default IMMUTA_ASSETS_TENANT.")]


def write_demo(preset: PresetName = "small", seed: Seed = 0, at: At = None, to: DumpTo = None) -> None:
    """Write the dump of a generated tenant."""
    with console.report_errors():
        from immuta_assets.demo.tenant import write_demo as write_tenant  # noqa: PLC0415

        folder = Path(load(**drop_absent(tenant=to)).tenant)
        console.tell(f"Writing the demo tenant ({preset}, seed {seed}) to {folder}")
        moment = at or datetime.now(UTC)
        lines = write_tenant(folder, preset=preset, seed=seed, at=moment)
        _print_lines(lines | _write_history(folder, seed, moment))
        console.show_next(shlex.join([console.find_command("immuta-assets"), "export", "--tenant", str(folder)]))


def _write_history(folder: Path, seed: int, at: datetime) -> dict[str, int]:
    """Write the demo's query history beside its dump: history.duckdb, and the connections.yaml that names it."""
    from immuta_assets.demo import query_history as demo  # noqa: PLC0415
    from immuta_assets.platforms.embedded import reader as embedded  # noqa: PLC0415
    from immuta_assets.tenant import dump  # noqa: PLC0415

    statements, accesses = demo.draw_history(dump.read(folder, demo.COLLECTIONS), seed=seed, at=at)
    embedded.write_history(folder / "history.duckdb", statements, accesses)
    (folder / "connections.yaml").write_text(demo.CONNECTIONS, encoding="utf-8")
    return {"statements of query history": statements.height}


def _print_lines(counts: Mapping[str, int]) -> None:
    table = console.make_table("collection", numbers=("lines",))
    for collection, lines in counts.items():
        table.add_row(collection, f"{lines:,}")
    console.show(table)
