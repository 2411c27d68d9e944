"""Stable views: what consumers query, so that a new version of the export is another definition of the same view.

A view shows the columns of one version, whatever version lies below it: what an older one cannot tell is null, and a
table that it does not have is empty. What an older version tells in other words is said by its ``Layout``.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import sqlglot
from sqlglot import exp

from immuta_assets.frames.contract import ColumnContract, list_columns
from immuta_assets.layouts.consumers.platform import Platform, written
from immuta_assets.layouts.consumers.statements import Statement
from immuta_assets.layouts.versions import LAYOUTS, Layout

Told = Mapping[str, exp.Expr]
"""Columns by name, each as an expression over an external table."""


def views(platform: Platform, layout: Layout, shown: Layout) -> list[Statement]:
    """Return what makes the views of every table of the version ``shown`` over ``layout``, which is the same or older.

    A table is taken for missing where any version between the two lacks it.
    """
    return [_view(platform, layout, shown, table) for table in shown.tables]


def _view(platform: Platform, layout: Layout, shown: Layout, table: str) -> Statement:
    name = platform.view_name(table)
    view = exp.Create(
        this=exp.Table(this=name),
        kind="VIEW",
        replace=True,
        properties=exp.Properties(expressions=[each.copy() for each in platform.view_properties]),
        expression=_query(platform, layout, shown, table),
    )
    return Statement("view", written(name, platform.dialect), written(view, platform.dialect))


def _query(platform: Platform, layout: Layout, shown: Layout, table: str) -> exp.Select:
    path = _path(layout, shown)
    if any(table not in version.tables for version in path):
        nulls = (_aliased(_null(platform, column), column.name) for column in list_columns(shown.tables[table]))
        return exp.select(*nulls).where(exp.false())
    told: Told = {name: exp.column(name, quoted=True) for name in layout.tables[table].column_names()}
    for before, after in pairwise(path):
        told = _carried(platform, before, after, table, told)
    source = exp.Table(this=platform.external_name(layout, table))
    return exp.select(*(_aliased(expression, name) for name, expression in told.items())).from_(source)


def _path(layout: Layout, shown: Layout) -> list[Layout]:
    """Return the versions from one to the other, both included."""
    versions = list(LAYOUTS)
    return [LAYOUTS[each] for each in versions[versions.index(layout.version) : versions.index(shown.version) + 1]]


def _carried(platform: Platform, before: Layout, after: Layout, table: str, told: Told) -> Told:
    """Return the columns of a version, told in those of the version before."""
    types = {column.name: column.type for column in list_columns(before.tables[table])}
    return {
        column.name: _column(platform, after, table, column, told, types.get(column.name))
        for column in list_columns(after.tables[table])
    }


def _column(
    platform: Platform, after: Layout, table: str, column: ColumnContract, told: Told, before: str | None
) -> exp.Expr:
    dtype = platform.dtype(column.type)
    stand_in = after.stand_ins.get((table, column.name))
    if stand_in:
        return exp.cast(_over(stand_in, told), dtype)
    if before is None:
        return _null(platform, column)
    if before == column.type:
        return told[column.name]
    # What does not fit the new type must not fail the whole view; only texts may be tried.
    return (exp.TryCast if before == "string" else exp.Cast)(this=told[column.name].copy(), to=dtype)


def _over(stand_in: str, told: Told) -> exp.Expr:
    return sqlglot.parse_one(stand_in).transform(
        lambda node: told[node.name].copy() if isinstance(node, exp.Column) else node
    )


def _null(platform: Platform, column: ColumnContract) -> exp.Expr:
    return exp.cast(exp.null(), platform.dtype(column.type))


def _aliased(expression: exp.Expr, name: str) -> exp.Expr:
    same = isinstance(expression, exp.Column) and expression.name == name
    return expression.copy() if same else exp.alias_(expression, name, quoted=True)
