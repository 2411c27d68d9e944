"""The command ``immuta-assets export``: a tenant dump becomes published files.

Add an option here when a call may choose what a setting says otherwise. What an export does belongs to
``orchestration.run``.
"""

from __future__ import annotations

import json
import shlex
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit
from urllib.request import url2pathname

import typer
from rich.filesize import decimal

from immuta_assets.cli import console
from immuta_assets.cli.options import Json, drop_absent
from immuta_assets.cli.run import keep_store, open_instance, tell_step
from immuta_assets.settings import Settings, load

if TYPE_CHECKING:
    from immuta_assets.orchestration.run import Check, ExportResult, PublishedFile

Tenant = Annotated[
    str | None, typer.Option(metavar="DIR", help="Folder of the tenant dump; by default IMMUTA_ASSETS_TENANT.")
]
PublishTo = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URI", help="Where to publish, repeatable: a folder, s3://… and others; by default as settings say."
    ),
]
AllowShrink = Annotated[bool, typer.Option("--allow-shrink", help="Publish tables that lost most of their rows, too.")]
Layouts = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VERSION[:DATE]",
        help="Version of the export to publish, repeatable; by default IMMUTA_ASSETS_LAYOUTS.",
    ),
]

WHO_HAS_ACCESS_THROUGH_A_POLICY = (
    "SELECT policy_name, count(DISTINCT user_id) AS users, list(DISTINCT user_id ORDER BY user_id) AS who "
    "FROM (SELECT global_user_id, unnest(policy_ids) AS policy_id FROM outcomes) "
    "JOIN policies USING (policy_id) JOIN users USING (global_user_id) GROUP BY ALL ORDER BY users DESC"
)


def export_summary(
    *,
    tenant: Tenant = None,
    to: PublishTo = None,
    layout: Layouts = None,
    allow_shrink: AllowShrink = False,
    as_json: Json = False,
) -> None:
    """Publish the access summary export of a tenant dump, for the export day that the dump belongs to.

    Exits with 1 when a blocking check failed and with 2 for bad input or a wrong setting; in both nothing is published.
    """
    with console.report_errors():
        settings = load(**drop_absent(tenant=tenant, destination=_join(to), layouts=_join(layout)))
        result = _export(settings, allow_shrink=allow_shrink)
        if result.failure:
            code = console.CHECK_FAILED if result.failure.kind == "check" else console.BAD_INPUT
            console.fail(code, result.failure.message)
        if as_json:
            typer.echo(json.dumps(_build_report(result), indent=2, ensure_ascii=False))
        else:
            _print_result(result)


def _join(values: list[str] | None) -> str | None:
    return ",".join(values) if values else None


def _export(settings: Settings, *, allow_shrink: bool) -> ExportResult:
    from immuta_assets.orchestration.run import run_export  # noqa: PLC0415

    with keep_store(settings) as kept, open_instance() as instance:
        return run_export(kept, instance=instance, allow_shrink=allow_shrink, progress=tell_step)


def _build_report(result: ExportResult) -> dict[str, object]:
    files = [file._asdict() | {"export_date": f"{file.export_date.isoformat()}Z"} for file in result.files]
    return {"export_day": result.export_day, "files": files, "checks": [check._asdict() for check in result.checks]}


def _print_result(result: ExportResult) -> None:
    _print_files(result)
    console.show_warnings(result.checks)
    is_local = result.files[0].uris[0].startswith("file://")
    console.show_next("make ui", *([_build_query(result.files)] if is_local else []))


def _print_files(result: ExportResult) -> None:
    for layout, files in groupby(result.files, key=lambda file: file.layout):
        headings = ("rows", "columns", "size", "export_date", "checks\npassed")
        table = console.make_table("file", numbers=headings, title=layout)
        for file in files:
            table.add_row(
                file.name,
                f"{file.rows:,}",
                f"{file.columns:,}",
                decimal(file.bytes),
                f"{file.export_date:%Y-%m-%d %H:%M} UTC",
                _count_passed(file, result.checks),
            )
        console.show(table)


def _count_passed(file: PublishedFile, checks: list[Check]) -> str:
    assets = {f"{file.layout}/{file.name}", f"published/{file.layout}/{file.name}"}
    passed = [check.status == "passed" for check in checks if check.asset in assets]
    return f"{sum(passed):,} of {len(passed):,}"


def _build_query(files: list[PublishedFile]) -> str:
    """Return a shell command that asks the published files of the newest layout who has access through a policy."""
    from immuta_assets.layouts.consumers.duckdb import escape_pattern  # noqa: PLC0415

    newest_last = sorted(files, key=lambda file: file.layout)
    paths = {file.name: json.dumps(escape_pattern(_find_path(file.uris[0]))) for file in newest_last}
    tables = {"outcomes": "policy-outcomes", "policies": "policy-metadata", "users": "user-metadata"}
    reads = [f"{variable} = duckdb.read_parquet({paths[name]})" for variable, name in tables.items()]
    program = "; ".join(["import duckdb", *reads, f'duckdb.sql("{WHO_HAS_ACCESS_THROUGH_A_POLICY}").show()'])
    return f"{shlex.quote(console.find_command(Path(sys.executable).name))} -c {shlex.quote(program)}"


def _find_path(uri: str) -> str:
    """Return a file's path for its URI, and any other URI as it is."""
    return url2pathname(urlsplit(uri).path) if uri.startswith("file://") else uri
