"""The command line ``immuta-assets``: thin commands over the same graph that Dagster runs.

Results go to standard output, everything else to standard error. Add a command where an operator needs one, as a
function that reads the settings, calls the package and prints; what it computes belongs there. Modules that take
seconds to import are imported by the commands that need them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

import typer
from rich.filesize import decimal

from immuta_assets.cli import console
from immuta_assets.cli.layouts import layouts
from immuta_assets.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    import dagster as dg

    from immuta_assets.health.doctor import Finding
    from immuta_assets.health.status import Row
    from immuta_assets.orchestration.run import Check, ExportResult, Ingested, PublishedFile, Step
    from immuta_assets.platforms.connections import Connection

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
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]

ConnectionName = Annotated[str, typer.Option(metavar="NAME", help="Connection of IMMUTA_ASSETS_CONNECTIONS.")]
ConnectionNames = Annotated[
    list[str] | None,
    typer.Option("--connection", metavar="NAME", help="Connection of IMMUTA_ASSETS_CONNECTIONS, repeatable."),
]
Since = Annotated[str, typer.Option(metavar="DURATION", help="How far back, in hours: 6h.")]
Due = Annotated[bool, typer.Option("--due", help="Instead, the hours that the re-read plan asks for now.")]
Hour = Annotated[str | None, typer.Option(metavar="HOUR", help="One hour by its start in UTC, such as 2026-11-20T05.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
events = typer.Typer(no_args_is_help=True, help="Look at audit events.")
app.add_typer(events, name="events")
app.add_typer(layouts, name="layouts")


def main() -> None:
    """Run the command line: the entry point of the command ``immuta-assets``."""
    app(prog_name="immuta-assets")


@app.callback()
def immuta_assets(*, _version: Version = False) -> None:
    """Immuta's access summary export: a dump of a tenant's governance metadata becomes Parquet files."""


@app.command()
def demo(preset: PresetName = "small", seed: Seed = 0, at: At = None, to: DumpTo = None) -> None:
    """Write the dump of a generated tenant."""
    with console.errors_told():
        from immuta_assets.demo.tenant import write_demo  # noqa: PLC0415

        folder = Path(load(**_given(tenant=to)).tenant)
        console.tell(f"Writing the demo tenant ({preset}, seed {seed}) to {folder}")
        moment = at or datetime.now(UTC)
        _print_counts(write_demo(folder, preset=preset, seed=seed, at=moment) | _write_history(folder, seed, moment))
        _print_next(shlex.join([_beside_python("immuta-assets"), "export", "--tenant", str(folder)]))


@app.command()
def ingest(*, connection: ConnectionNames = None, since: Since = "6h", hour: Hour = None, due: Due = False) -> None:
    """Load audit events now: read hours of query history, and make the events of them.

    Without --connection every connection of IMMUTA_ASSETS_CONNECTIONS is read, side by side. Exits with 2 for a wrong
    connection or setting, and where a platform cannot be read; hours that were read before stay as they are then.
    """
    with console.errors_told():
        settings = load()
        hours = [_hour_key(hour)] if hour else _hours_since(_duration(since))
        names = connection or list(_connections(settings))
        results = _side_by_side([partial(_ingested, settings, name, [] if due else hours) for name in names])
        if failures := [result.failure.message for result in results if result.failure]:
            console.fail(console.BAD_INPUT, "\n".join(failures))
        rows = {asset: count for result in results for asset, count in result.rows.items()}
        _print_rows(dict(sorted(rows.items())))
        _print_unknown(settings)
        _print_warnings(results[-1].checks)
        shown = f"{hours[-1][:10]}T{hours[-1][11:13]}"
        _print_next(f"{_beside_python('immuta-assets')} events show --connection {names[0]} --hour {shown}")


@app.command()
def status(*, as_json: Json = False) -> None:
    """Judge what lies at every destination: whether each file is there, whole, unaltered and of the day that is due.

    Exits with 0 where all is well, with 1 where something is stale or does not answer, and with 2 where nothing could
    be told, so that a cron or a load balancer can watch.
    """
    with console.errors_told():
        from immuta_assets.health import status as told  # noqa: PLC0415
        from immuta_assets.orchestration.destinations import expected, opened  # noqa: PLC0415

        settings = load()
        wanted = expected(settings)
        judgements = told.judged(settings.destination, opened(settings), wanted, datetime.now(UTC))
        if as_json:
            typer.echo(json.dumps(told.as_json(judgements, wanted), indent=2, ensure_ascii=False))
        else:
            _print_status(told.rows(judgements), told.notes(judgements, wanted))
        raise typer.Exit(told.exit_code(judgements))


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Try every destination, every connection and Dagster's instance, and say what is missing.

    Exits with 1 where something is missing.
    """
    with console.errors_told():
        findings = []
        for finding in _examined(load()):
            findings.append(finding)
            if not as_json:
                console.show(f"{finding.what}: {finding.missing or 'ok'}")
        if as_json:
            typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2, ensure_ascii=False))
        raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@events.command()
def show(*, connection: ConnectionName, hour: Hour) -> None:
    """Print the audit events of an hour, one JSON object of the Universal Audit Model a line."""
    with console.errors_told():
        for line in _event_lines(load(), connection, _hour_key(hour or "")):
            sys.stdout.buffer.write(line)


@app.command()
def export(
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
    with console.errors_told():
        settings = load(**_given(tenant=tenant, destination=_joined(to), layouts=_joined(layout)))
        result = _run(settings, allow_shrink=allow_shrink)
        if result.failure:
            console.fail(
                console.CHECK_FAILED if result.failure.kind == "check" else console.BAD_INPUT, result.failure.message
            )
        if as_json:
            typer.echo(json.dumps(_raw(result), indent=2, ensure_ascii=False))
        else:
            _print_export(result)


def _write_history(folder: Path, seed: int, at: datetime) -> dict[str, int]:
    """Write the demo's query history beside its dump: history.duckdb, and the connections.yaml that names it."""
    from immuta_assets.demo import query_history as demo  # noqa: PLC0415
    from immuta_assets.platforms.embedded import reader as embedded  # noqa: PLC0415
    from immuta_assets.tenant import dump  # noqa: PLC0415

    statements, accesses = demo.history(dump.read(folder, demo.COLLECTIONS), seed=seed, at=at)
    embedded.write(folder / "history.duckdb", statements, accesses)
    (folder / "connections.yaml").write_text(demo.CONNECTIONS, encoding="utf-8")
    return {"statements of query history": statements.height}


def _hour_key(text: str) -> str:
    """Return the partition key of an hour; the format is 2026-11-20T05."""
    from immuta_assets.orchestration.partitions import hour_key  # noqa: PLC0415

    try:
        return hour_key(datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC))
    except ValueError as error:
        msg = f"--hour is {text!r}; allowed is the start of an hour in UTC such as 2026-11-20T05."
        raise SettingsError(msg) from error


def _duration(text: str) -> int:
    if not (match := re.fullmatch(r"([1-9]\d{0,3})h", text, re.ASCII)):
        msg = f"--since is {text!r}; allowed is a number of hours such as 6h."
        raise SettingsError(msg)
    return int(match[1])


def _hours_since(count: int) -> list[str]:
    """Return the keys of the last hours that have closed."""
    from immuta_assets.orchestration.partitions import hour_key  # noqa: PLC0415

    open_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return [hour_key(open_hour - timedelta(hours=ago)) for ago in range(count, 0, -1)]


def _connections(settings: Settings) -> dict[str, Connection]:
    from immuta_assets.platforms import connections  # noqa: PLC0415

    return {each.name: each for each in connections.load(settings.connections, os.environ)}


def _connection(settings: Settings, name: str) -> Connection:
    known = _connections(settings)
    if name not in known:
        msg = f"--connection is {name!r}; allowed is one of {', '.join(known)} ({settings.connections})."
        raise SettingsError(msg)
    return known[name]


def _side_by_side(tasks: Sequence[Callable[[], Ingested]]) -> list[Ingested]:
    """Do several tasks in processes of their own, as many at a time as there are processors.

    The results come in the order in which the tasks were done, so that the last has seen what all have stored.
    """
    if len(tasks) == 1:
        return [tasks[0]()]
    workers = min(len(tasks), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return [done.result() for done in as_completed([pool.submit(task) for task in tasks])]


def _ingested(settings: Settings, name: str, hours: list[str]) -> Ingested:
    """Read hours of a connection; none stand for those that are due."""
    from immuta_assets.orchestration.run import run_due, run_ingest  # noqa: PLC0415

    _connection(settings, name)
    with _instance() as instance:
        if hours:
            count = f"{len(hours):,} hour{'' if len(hours) == 1 else 's'}"
            console.tell(f"Reading {count} of {name}, {hours[0]} to {hours[-1]} UTC")
            return run_ingest(settings, name, hours, instance=instance, progress=_tell_step)
        console.tell(f"Reading the hours of {name} that are due")
        return run_due(settings, name, moment=datetime.now(UTC), instance=instance, progress=_tell_step)


def _event_lines(settings: Settings, name: str, hour: str) -> Iterator[bytes]:
    import polars as pl  # noqa: PLC0415

    from immuta_assets.audit.events import uam  # noqa: PLC0415

    path = settings.store / "audit" / "query_events" / name / f"{hour}.parquet"
    platform = _connection(settings, name).platform
    if not path.exists():
        msg = f"{path} is missing: run immuta-assets ingest --connection {name} --hour {hour[:10]}T{hour[11:13]} first."
        raise SettingsError(msg)
    yield from uam.lines(pl.read_parquet(path), platform)


def _print_export(result: ExportResult) -> None:
    _print_files(result)
    _print_warnings(result.checks)
    _print_next("make ui", *([_query(result.files)] if result.files[0].uris[0].startswith("file://") else []))


def _joined(values: list[str] | None) -> str | None:
    return ",".join(values) if values else None


def _examined(settings: Settings) -> Iterator[Finding]:
    """Try whatever the settings name, one after the other."""
    from immuta_assets.health import doctor as of_destinations  # noqa: PLC0415
    from immuta_assets.orchestration import doctor as of_dagster  # noqa: PLC0415
    from immuta_assets.orchestration.assets.query_history import count_hours  # noqa: PLC0415
    from immuta_assets.orchestration.destinations import opened  # noqa: PLC0415

    for address in settings.destination:
        yield from of_destinations.destination(address, opened(settings))
    for connection in _connections(settings).values() if settings.connections.exists() else ():
        yield of_dagster.connection(connection, count_hours, datetime.now(UTC))
    with _instance() as instance:
        yield from of_dagster.instance(instance)


def _print_status(rows: list[Row], notes: list[str]) -> None:
    table = console.table("destination", "layout", "table", numbers=("verdict", "export_date"))
    for row in rows:
        table.add_row(*row)
    console.show(table)
    for note in notes:
        console.show(note)


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _run(settings: Settings, *, allow_shrink: bool) -> ExportResult:
    from immuta_assets.orchestration.run import run_export  # noqa: PLC0415

    with _stored(settings) as stored, _instance() as instance:
        return run_export(stored, instance=instance, allow_shrink=allow_shrink, progress=_tell_step)


def _tell_step(step: Step) -> None:
    console.tell(f"{step.number:>3}/{step.total} {step.name}")


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


def _print_counts(counts: Mapping[str, int]) -> None:
    table = console.table("collection", numbers=("lines",))
    for collection, lines in counts.items():
        table.add_row(collection, f"{lines:,}")
    console.show(table)


def _print_rows(rows: Mapping[str, int]) -> None:
    table = console.table("asset", numbers=("rows",))
    for asset, count in rows.items():
        table.add_row(asset, f"{count:,}")
    console.show(table)


def _print_unknown(settings: Settings) -> None:
    """List the platform users nobody knows, with what to do about each."""
    import polars as pl  # noqa: PLC0415

    from immuta_assets.orchestration.storage import UNPARTITIONED  # noqa: PLC0415

    unknown = pl.read_parquet(settings.store / "audit" / "unknown_users" / f"{UNPARTITIONED}.parquet")
    table = console.table("unknown user", numbers=("platform", "kind", "statements", "last seen", "remedy", "perhaps"))
    for row in unknown.iter_rows(named=True):
        perhaps = row["suggestions"][0]["user_id"] if row["suggestions"] else ""
        seen = f"{row['last_seen']:%Y-%m-%d %H:%M} UTC"
        table.add_row(
            row["user_name"], row["platform"], row["kind"], f"{row['statements']:,}", seen, row["remedy"], perhaps
        )
    console.show(table)


def _print_files(result: ExportResult) -> None:
    for layout, files in groupby(result.files, key=lambda file: file.layout):
        table = console.table(
            "file", numbers=("rows", "columns", "size", "export_date", "checks\npassed"), title=layout
        )
        for file in files:
            table.add_row(
                file.name,
                f"{file.rows:,}",
                f"{file.columns:,}",
                decimal(file.bytes),
                f"{file.export_date:%Y-%m-%d %H:%M} UTC",
                _passed(file, result.checks),
            )
        console.show(table)


def _passed(file: PublishedFile, checks: list[Check]) -> str:
    assets = {f"{file.layout}/{file.name}", f"published/{file.layout}/{file.name}"}
    passed = [check.status == "passed" for check in checks if check.asset in assets]
    return f"{sum(passed):,} of {len(passed):,}"


def _print_warnings(checks: list[Check]) -> None:
    warnings = [f"  {check.asset} {check.name}: {check.description}" for check in checks if check.status != "passed"]
    console.show("\n".join([f"{len(warnings):,} warning{'' if len(warnings) == 1 else 's'}", *warnings]))


def _print_next(*commands: str) -> None:
    console.show("\n".join(["Next:", *(f"  {command}" for command in commands)]))


def _beside_python(command: str) -> str:
    """Return the path of a command in Python's own folder, relative where it lies below the working directory."""
    path = Path(sys.executable).with_name(command)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _query(files: list[PublishedFile]) -> str:
    """Return a shell command that asks the published files of the newest layout who has access through a policy."""
    paths = {file.name: json.dumps(_local(file.uris[0])) for file in sorted(files, key=lambda file: file.layout)}
    tables = {"outcomes": "policy-outcomes", "policies": "policy-metadata", "users": "user-metadata"}
    reads = [f"{variable} = duckdb.read_parquet({paths[name]})" for variable, name in tables.items()]
    program = "; ".join(["import duckdb", *reads, f'duckdb.sql("{WHO_HAS_ACCESS_THROUGH_A_POLICY}").show()'])
    return f"{shlex.quote(_beside_python(Path(sys.executable).name))} -c {shlex.quote(program)}"


def _local(uri: str) -> str:
    """Return a file's path for its URI, and any other URI as it is."""
    return url2pathname(urlsplit(uri).path) if uri.startswith("file://") else uri


def _raw(result: ExportResult) -> dict[str, object]:
    files = [file._asdict() | {"export_date": f"{file.export_date.isoformat()}Z"} for file in result.files]
    return {"export_day": result.export_day, "files": files, "checks": [check._asdict() for check in result.checks]}
