"""The way of consumers from one version of the export to a newer one: ordered steps, each with its SQL and its check.

Add a step where consumers would else see a break; the statements themselves come from ``platform`` and ``views``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlglot import exp

from immuta_assets.layouts.consumers.location import Location
from immuta_assets.layouts.consumers.platform import ConsumerPlatform, render_sql
from immuta_assets.layouts.consumers.statements import Statement, render_comment, render_script
from immuta_assets.layouts.consumers.views import build_views
from immuta_assets.layouts.diff import compare_layouts
from immuta_assets.layouts.versions import Layout

_ABOUT = "Run this step by step, never as a whole: every step ends with what has to hold before the next one."


class CutoverStep(NamedTuple):
    """A step: what is done and what to know about it, the SQL to run, and what has to hold before the next one."""

    title: str
    about: str
    statements: list[Statement]
    check: str


def plan_steps(old: Layout, new: Layout, platform: ConsumerPlatform, location: Location) -> list[CutoverStep]:
    """Return the way from ``old`` to ``new``, a newer version, in order."""
    over_old, over_new = build_views(platform, old, new), build_views(platform, new, new)
    shown = _count_rows(platform, (("view", table, platform.name_view(table)) for table in new.tables))
    return [
        _prepare(old, new, [*over_old, shown]),
        _publish_both(old, new),
        _add_tables(old, new, platform, location),
        _switch(old, new, [*over_new, shown]),
        CutoverStep(
            "Only where something is wrong: point the views back",
            f"This is possible as long as {old.version} is published. Go on with step 4 when it is put right.",
            over_old,
            "Every query runs as before the switch.",
        ),
        _retire(old, new, platform),
    ]


def render_guide(way: Iterable[CutoverStep]) -> str:
    """Return the steps as one script, whose comments say what to do and what to check."""
    numbered = (_render_step(number, step) for number, step in enumerate(way, start=1))
    return "\n".join([render_comment(_ABOUT), *numbered])


def _render_step(number: int, step: CutoverStep) -> str:
    parts = [
        render_comment(f"Step {number}. {step.title}.\n{step.about}"),
        render_script(step.statements),
        render_comment(f"Check: {step.check}"),
    ]
    return "\n".join(part for part in parts if part)


def _prepare(old: Layout, new: Layout, statements: list[Statement]) -> CutoverStep:
    breaking = [
        f"- {change.table}{'.' + change.column if change.column else ''}, {change.kind}: {change.remedy}"
        for change in compare_layouts(old, new)
        if change.compatibility == "breaking"
    ]
    about = [
        f"Run all of this where `immuta-assets layouts sql --layout {old.version}` made tables and views.",
        f"From here on queries see the columns of {new.version}, still with the data of {old.version}: what that does",
        "not tell is null, and its missing tables are empty. What queries have to change before:",
        *(breaking or ["- Nothing."]),
    ]
    check = "Every query of the consumers runs, and reads views only."
    return CutoverStep(
        f"Let the views over {old.version} show the columns of {new.version}", "\n".join(about), statements, check
    )


def _publish_both(old: Layout, new: Layout) -> CutoverStep:
    about = (
        f"Set IMMUTA_ASSETS_LAYOUTS={old.version}:<last day>,{new.version} and wait for the next export. Where it is\n"
        f"set to {new.version} alone, views show the last export of {old.version} until step 4."
    )
    check = f"Every <table>/v={new.version}/<table>.parquet lies at the destination: `immuta-assets status`."
    return CutoverStep(f"Publish {new.version} beside {old.version}", about, [], check)


def _add_tables(old: Layout, new: Layout, platform: ConsumerPlatform, location: Location) -> CutoverStep:
    both = (
        (layout.version, table, platform.name_external_table(layout, table))
        for layout in (old, new)
        for table in layout.tables
    )
    return CutoverStep(
        f"Make the external tables of {new.version}",
        "Nobody reads them yet.",
        [*platform.make_external_tables(new, location), _count_rows(platform, both)],
        "All tables of both versions show the same export_date; an empty one shows none.",
    )


def _switch(old: Layout, new: Layout, statements: list[Statement]) -> CutoverStep:
    check = (
        f"The views show the export_date of {new.version}. Rows differ from step 1 only where the diff of "
        f"{old.version} and {new.version} says so."
    )
    return CutoverStep(
        f"Point the views to {new.version}",
        "No query changes. What goes wrong can be undone with step 5.",
        statements,
        check,
    )


def _retire(old: Layout, new: Layout, platform: ConsumerPlatform) -> CutoverStep:
    about = (
        f"Set IMMUTA_ASSETS_LAYOUTS={new.version} on or after the last day. Files of {old.version} stay as they are."
    )
    check = f"`immuta-assets layouts list` shows {old.version} as retired, and every query still runs."
    return CutoverStep(f"Stop publishing {old.version}", about, list(_remove_tables(old, new, platform)), check)


def _remove_tables(old: Layout, new: Layout, platform: ConsumerPlatform) -> Iterator[Statement]:
    """Take away the views of tables that are no more, and all external tables of the old version."""
    for table in old.tables:
        if table not in new.tables:
            yield _drop(platform, platform.name_view(table), "VIEW")
        yield _drop(platform, platform.name_external_table(old, table), platform.external_kind)


def _drop(platform: ConsumerPlatform, name: exp.Identifier, kind: str) -> Statement:
    drop = exp.Drop(tables=[exp.Table(this=name)], kind=kind, exists=True)
    return Statement("removal", render_sql(name, platform.dialect), render_sql(drop, platform.dialect))


def _count_rows(platform: ConsumerPlatform, sources: Iterable[tuple[str, str, exp.Identifier]]) -> Statement:
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
    return Statement("check", "rows and export dates", render_sql(query, platform.dialect))
