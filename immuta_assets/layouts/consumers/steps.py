"""The way of consumers from one version of the export to a newer one: ordered steps, each with its SQL and its check.

Add a step where consumers would else see a break; the statements themselves come from ``platform`` and ``views``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlglot import exp

from immuta_assets.layouts.consumers.location import Location
from immuta_assets.layouts.consumers.platform import Platform, written
from immuta_assets.layouts.consumers.statements import Statement, comment, script
from immuta_assets.layouts.consumers.views import views
from immuta_assets.layouts.diff import diff
from immuta_assets.layouts.versions import Layout

_ABOUT = "Run this step by step, never as a whole: every step ends with what has to hold before the next one."


class Step(NamedTuple):
    """A step: what is done and what to know about it, the SQL to run, and what has to hold before the next one."""

    title: str
    about: str
    statements: list[Statement]
    check: str


def steps(old: Layout, new: Layout, platform: Platform, location: Location) -> list[Step]:
    """Return the way from ``old`` to ``new``, a newer version, in order."""
    over_old, over_new = views(platform, old, new), views(platform, new, new)
    shown = _counts(platform, (("view", table, platform.view_name(table)) for table in new.tables))
    return [
        _prepare(old, new, [*over_old, shown]),
        _publish_both(old, new),
        _add_tables(old, new, platform, location),
        _switch(old, new, [*over_new, shown]),
        Step(
            "Only where something is wrong: point the views back",
            f"This is possible as long as {old.version} is published. Go on with step 4 when it is put right.",
            over_old,
            "Every query runs as before the switch.",
        ),
        _retire(old, new, platform),
    ]


def guide(way: Iterable[Step]) -> str:
    """Return the steps as one script, whose comments tell what to do and what to check."""
    numbered = (_step(number, step) for number, step in enumerate(way, start=1))
    return "\n".join([comment(_ABOUT), *numbered])


def _step(number: int, step: Step) -> str:
    parts = [
        comment(f"Step {number}. {step.title}.\n{step.about}"),
        script(step.statements),
        comment(f"Check: {step.check}"),
    ]
    return "\n".join(part for part in parts if part)


def _prepare(old: Layout, new: Layout, statements: list[Statement]) -> Step:
    breaking = [
        f"- {change.table}{'.' + change.column if change.column else ''}, {change.kind}: {change.remedy}"
        for change in diff(old, new)
        if change.compatibility == "breaking"
    ]
    about = [
        f"Run all of this where `immuta-assets layouts sql --layout {old.version}` made tables and views.",
        f"From here on queries see the columns of {new.version}, still with the data of {old.version}: what that does",
        "not tell is null, and its missing tables are empty. What queries have to change before:",
        *(breaking or ["- Nothing."]),
    ]
    check = "Every query of the consumers runs, and reads views only."
    return Step(
        f"Let the views over {old.version} show the columns of {new.version}", "\n".join(about), statements, check
    )


def _publish_both(old: Layout, new: Layout) -> Step:
    about = (
        f"Set IMMUTA_ASSETS_LAYOUTS={old.version}:<last day>,{new.version} and wait for the next export. Where it is\n"
        f"set to {new.version} alone, views show the last export of {old.version} until step 4."
    )
    check = f"Every <table>/v={new.version}/<table>.parquet lies at the destination: `immuta-assets status`."
    return Step(f"Publish {new.version} beside {old.version}", about, [], check)


def _add_tables(old: Layout, new: Layout, platform: Platform, location: Location) -> Step:
    both = (
        (layout.version, table, platform.external_name(layout, table))
        for layout in (old, new)
        for table in layout.tables
    )
    return Step(
        f"Make the external tables of {new.version}",
        "Nobody reads them yet.",
        [*platform.external_tables(new, location), _counts(platform, both)],
        "All tables of both versions show the same export_date; an empty one shows none.",
    )


def _switch(old: Layout, new: Layout, statements: list[Statement]) -> Step:
    check = (
        f"The views show the export_date of {new.version}. Rows differ from step 1 only where the diff of "
        f"{old.version} and {new.version} says so."
    )
    return Step(
        f"Point the views to {new.version}",
        "No query changes. What goes wrong can be undone with step 5.",
        statements,
        check,
    )


def _retire(old: Layout, new: Layout, platform: Platform) -> Step:
    about = (
        f"Set IMMUTA_ASSETS_LAYOUTS={new.version} on or after the last day. Files of {old.version} stay as they are."
    )
    check = f"`immuta-assets layouts list` shows {old.version} as retired, and every query still runs."
    return Step(f"Stop publishing {old.version}", about, list(_removals(old, new, platform)), check)


def _removals(old: Layout, new: Layout, platform: Platform) -> Iterator[Statement]:
    """Take away the views of tables that are no more, and all external tables of the old version."""
    for table in old.tables:
        if table not in new.tables:
            yield _removal(platform, platform.view_name(table), "VIEW")
        yield _removal(platform, platform.external_name(old, table), platform.external_kind)


def _removal(platform: Platform, name: exp.Identifier, kind: str) -> Statement:
    drop = exp.Drop(tables=[exp.Table(this=name)], kind=kind, exists=True)
    return Statement("removal", written(name, platform.dialect), written(drop, platform.dialect))


def _counts(platform: Platform, sources: Iterable[tuple[str, str, exp.Identifier]]) -> Statement:
    """Return a query for the rows and the export date of each source: what it is of, and its table, name it."""
    counts = [
        exp.select(
            exp.alias_(exp.Literal.string(of), "layout", quoted=True),
            exp.alias_(exp.Literal.string(table), "table", quoted=True),
            exp.alias_(exp.Count(this=exp.Star()), "rows", quoted=True),
            exp.alias_(exp.Max(this=exp.column("export_date", quoted=True)), "export_date", quoted=True),
        ).from_(exp.Table(this=name))
        for of, table, name in sources
    ]
    query = exp.union(*counts, distinct=False) if len(counts) > 1 else counts[0]
    return Statement("check", "rows and export dates", written(query, platform.dialect))
