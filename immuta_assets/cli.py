"""The command line ``immuta-assets``: thin commands over the same graph that Dagster runs.

Results go to standard output, everything else to standard error. Add a command where an operator needs one, as a
function that reads the settings, calls the package and prints; what it computes belongs there. Modules that take
seconds to import are imported by the commands that need them.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from immuta_assets.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    import dagster as dg

    from immuta_assets.orchestration.run import Check, ExportResult, PublishedFile

CHECK_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
WIDTH_OF_PIPES = 200
WHO_HAS_ACCESS_THROUGH_A_POLICY = (
    "SELECT policy_name, count(DISTINCT user_id) AS users, list(DISTINCT user_id ORDER BY user_id) AS who "
    "FROM (SELECT global_user_id, unnest(policy_ids) AS policy_id FROM outcomes) "
    "JOIN policies USING (policy_id) JOIN users USING (global_user_id) GROUP BY ALL ORDER BY users DESC"
)


def _version(asked: bool) -> None:  # noqa: FBT001  # typer passes it by position
    if asked:
        typer.echo(f"immuta-assets {version('immuta-assets')}")
        raise typer.Exit


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{text!r} is not an ISO-8601 time such as 2026-11-20T06:00:00Z."
        raise typer.BadParameter(msg) from error
    if moment.tzinfo is None:
        msg = f"{text!r} has no zone; add Z or an offset such as +01:00."
        raise typer.BadParameter(msg)
    return moment


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")]
PresetName = Annotated[Literal["small", "laptop", "enterprise", "wide"], typer.Option(help="Size of the tenant.")]
Seed = Annotated[int, typer.Option(help="The same seed and --at give the same bytes.")]
At = Annotated[
    datetime | None,
    typer.Option(parser=_moment, metavar="ISO-TIME", help="Moment that the dump describes; by default now."),
]
DumpTo = Annotated[str | None, typer.Option(metavar="DIR", help="Folder to write; by default IMMUTA_ASSETS_TENANT.")]
Tenant = Annotated[
    str | None, typer.Option(metavar="DIR", help="Folder of the tenant dump; by default IMMUTA_ASSETS_TENANT.")
]
PublishTo = Annotated[
    str | None, typer.Option(metavar="DIR", help="Folder to publish in; by default IMMUTA_ASSETS_DESTINATION.")
]
Layouts = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[prpr1|prpr2]",
        help="Version of the export to publish, repeatable; by default IMMUTA_ASSETS_LAYOUTS.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """Run the command line: the entry point of the command ``immuta-assets``."""
    app(prog_name="immuta-assets")


@app.callback()
def immuta_assets(*, _version: Version = False) -> None:
    """Immuta's access summary export: a dump of a tenant's governance metadata becomes Parquet files."""


@app.command()
def demo(preset: PresetName = "small", seed: Seed = 0, at: At = None, to: DumpTo = None) -> None:
    """Write the dump of a generated tenant."""
    with _errors_told():
        from immuta_assets.tenant.demo import write_demo  # noqa: PLC0415

        folder = Path(load(**_given(tenant=to)).tenant)
        _tell(f"Writing the demo tenant ({preset}, seed {seed}) to {folder}")
        _print_counts(write_demo(folder, preset=preset, seed=seed, at=at or datetime.now(UTC)))
        _print_next(shlex.join([_beside_python("immuta-assets"), "export", "--tenant", str(folder)]))


@app.command()
def export(*, tenant: Tenant = None, to: PublishTo = None, layout: Layouts = None, as_json: Json = False) -> None:
    """Publish the access summary export of a tenant dump, for the export day that the dump belongs to.

    Exits with 1 when a blocking check failed and with 2 for bad input or a wrong setting; in both nothing is published.
    """
    with _errors_told():
        settings = load(**_given(tenant=tenant, destination=to, layouts=",".join(layout) if layout else None))
        result = _run(settings)
        if result.failure:
            _fail(CHECK_FAILED if result.failure.kind == "check" else BAD_INPUT, result.failure.message)
        if as_json:
            typer.echo(json.dumps(_raw(result), indent=2, ensure_ascii=False))
        else:
            _print_export(result)


def _print_export(result: ExportResult) -> None:
    _print_files(result)
    _print_warnings(result.checks)
    _print_next("make ui", _query(result.files))


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def _errors_told() -> Iterator[None]:
    """Turn what an operator can put right into one line on standard error and an exit code."""
    try:
        yield
    except SettingsError as error:
        _fail(BAD_INPUT, str(error))
    except OSError as error:
        _fail(BAD_INPUT, f"{error.filename or 'Input or output'}: {error.strerror or error}.")
    except KeyboardInterrupt:
        _fail(INTERRUPTED, "Interrupted.")


def _fail(code: int, message: str) -> NoReturn:
    for line in message.splitlines():
        _tell(f"Error: {line}", style="red")
    raise typer.Exit(code)


def _tell(line: str, style: str = "") -> None:
    Console(stderr=True).print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _run(settings: Settings) -> ExportResult:
    from immuta_assets.orchestration.run import run_export  # noqa: PLC0415

    with _stored(settings) as stored, _instance() as instance:
        return run_export(
            stored, instance=instance, progress=lambda step: _tell(f"{step.number:>3}/{step.total} {step.name}")
        )


@contextmanager
def _stored(settings: Settings) -> Iterator[Settings]:
    """Keep the assets' files for this call only, unless there is an instance or a store to keep them for."""
    if "store" in settings.model_fields_set or os.environ.get("DAGSTER_HOME"):
        yield settings
        return
    with TemporaryDirectory(prefix="immuta-assets-") as folder:
        yield settings.model_copy(update={"store": Path(folder)})


@contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    import dagster as dg  # noqa: PLC0415

    home = os.environ.get("DAGSTER_HOME")
    if home and not (Path(home).is_absolute() and Path(home).is_dir()):
        msg = f"DAGSTER_HOME is {home!r}; allowed is the absolute path of an existing folder."
        raise SettingsError(msg)
    with dg.DagsterInstance.get() if home else dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _print(output: Table | str) -> None:
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=WIDTH_OF_PIPES)
    console.print(output, markup=False, highlight=False, soft_wrap=isinstance(output, str))


def _table(text: str, *numbers: str, title: str | None = None) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(text, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _print_counts(counts: Mapping[str, int]) -> None:
    table = _table("collection", "lines")
    for collection, lines in counts.items():
        table.add_row(collection, f"{lines:,}")
    _print(table)


def _print_files(result: ExportResult) -> None:
    for layout, files in groupby(result.files, key=lambda file: file.layout):
        table = _table("file", "rows", "columns", "size", "export_date", "checks\npassed", title=layout)
        for file in files:
            table.add_row(
                file.name,
                f"{file.rows:,}",
                f"{file.columns:,}",
                decimal(file.bytes),
                f"{file.export_date:%Y-%m-%d %H:%M} UTC",
                _passed(file, result.checks),
            )
        _print(table)


def _passed(file: PublishedFile, checks: list[Check]) -> str:
    assets = {f"{file.layout}/{file.name}", f"published/{file.layout}/{file.name}"}
    passed = [check.status == "passed" for check in checks if check.asset in assets]
    return f"{sum(passed):,} of {len(passed):,}"


def _print_warnings(checks: list[Check]) -> None:
    warnings = [f"  {check.asset} {check.name}: {check.description}" for check in checks if check.status == "warned"]
    _print("\n".join([f"{len(warnings):,} warning{'' if len(warnings) == 1 else 's'}", *warnings]))


def _print_next(*commands: str) -> None:
    _print("\n".join(["Next:", *(f"  {command}" for command in commands)]))


def _beside_python(command: str) -> str:
    """Return the path of a command in Python's own folder, relative where it lies below the working directory."""
    path = Path(sys.executable).with_name(command)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _query(files: list[PublishedFile]) -> str:
    """Return a shell command that asks the published files of the newest layout who has access through a policy."""
    paths = {file.name: json.dumps(str(file.path)) for file in sorted(files, key=lambda file: file.layout)}
    tables = {"outcomes": "policy-outcomes", "policies": "policy-metadata", "users": "user-metadata"}
    reads = [f"{variable} = duckdb.read_parquet({paths[name]})" for variable, name in tables.items()]
    program = "; ".join(["import duckdb", *reads, f'duckdb.sql("{WHO_HAS_ACCESS_THROUGH_A_POLICY}").show()'])
    return f"{shlex.quote(_beside_python(Path(sys.executable).name))} -c {shlex.quote(program)}"


def _raw(result: ExportResult) -> dict[str, object]:
    files = [
        file._asdict() | {"path": str(file.path), "export_date": f"{file.export_date.isoformat()}Z"}
        for file in result.files
    ]
    return {"export_day": result.export_day, "files": files, "checks": [check._asdict() for check in result.checks]}
