"""Stable views: what consumers query, so that a new version of the export is another definition of the same view.

A view shows the columns of one version, whatever version lies below it. A column that the older version lacks is null,
and a table that it lacks is empty, unless ``Layout.stand_ins`` says how to compute the column.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import sqlglot
from sqlglot import exp

from immuta_assets.frames.contract import ColumnContract, list_columns
from immuta_assets.layouts.consumers.platform import ConsumerPlatform, render_sql
from immuta_assets.layouts.consumers.statements import Statement
from immuta_assets.layouts.versions import LAYOUTS, Layout

Expressions = Mapping[str, exp.Expr]
"""Columns by name, each as an expression over an external table."""


def build_views(platform: ConsumerPlatform, layout: Layout, shown: Layout) -> list[Statement]:
    """Return what makes the views of every table of the version ``shown`` over ``layout``, which is the same or older.

    A table is taken for missing where any version between the two lacks it.
    """
    return [_build_view(platform, layout, shown, table) for table in shown.tables]


def _build_view(platform: ConsumerPlatform, layout: Layout, shown: Layout, table: str) -> Statement:
    name = platform.name_view(table)
    view = exp.Create(
        this=exp.Table(this=name),
        kind="VIEW",
        replace=True,
        properties=exp.Properties(expressions=[each.copy() for each in platform.view_properties]),
        expression=_build_query(platform, layout, shown, table),
    )
    return Statement("view", render_sql(name, platform.dialect), render_sql(view, platform.dialect))


def _build_query(platform: ConsumerPlatform, layout: Layout, shown: Layout, table: str) -> exp.Select:
    path = _list_versions(layout, shown)
    if any(table not in version.tables for version in path):
        nulls = (
            _alias_column(_build_null(platform, column), column.name) for column in list_columns(shown.tables[table])
        )
        return exp.select(*nulls).where(exp.false())
    expressions: Expressions = {name: exp.column(name, quoted=True) for name in layout.tables[table].column_names()}
    for before, after in pairwise(path):
        expressions = _carry_columns(platform, before, after, table, expressions)
    source = exp.Table(this=platform.name_external_table(layout, table))
    return exp.select(*(_alias_column(expression, name) for name, expression in expressions.items())).from_(source)


def _list_versions(layout: Layout, shown: Layout) -> list[Layout]:
    """Return the versions from one to the other, both included."""
    versions = list(LAYOUTS)
    return [LAYOUTS[each] for each in versions[versions.index(layout.version) : versions.index(shown.version) + 1]]


def _carry_columns(
    platform: ConsumerPlatform, before: Layout, after: Layout, table: str, expressions: Expressions
) -> Expressions:
    """Return the columns of a version as expressions over those of the version before."""
    types = {column.name: column.type for column in list_columns(before.tables[table])}
    return {
        column.name: _carry_column(platform, after, table, column, expressions, types.get(column.name))
        for column in list_columns(after.tables[table])
    }


def _carry_column(
    platform: ConsumerPlatform,
    after: Layout,
    table: str,
    column: ColumnContract,
    expressions: Expressions,
    before: str | None,
) -> exp.Expr:
    dtype = platform.build_type(column.type)
    stand_in = after.stand_ins.get((table, column.name))
    if stand_in:
        return exp.cast(_substitute_columns(stand_in, expressions), dtype)
    if before is None:
        return _build_null(platform, column)
    if before == column.type:
        return expressions[column.name]
    # What does not fit the new type must not fail the whole view; only texts may be tried.
    return (exp.TryCast if before == "string" else exp.Cast)(this=expressions[column.name].copy(), to=dtype)


def _substitute_columns(stand_in: str, expressions: Expressions) -> exp.Expr:
    return sqlglot.parse_one(stand_in).transform(
        lambda node: expressions[node.name].copy() if isinstance(node, exp.Column) else node
    )


def _build_null(platform: ConsumerPlatform, column: ColumnContract) -> exp.Expr:
    return exp.cast(exp.null(), platform.build_type(column.type))


def _alias_column(expression: exp.Expr, name: str) -> exp.Expr:
    same = isinstance(expression, exp.Column) and expression.name == name
    return expression.copy() if same else exp.alias_(expression, name, quoted=True)
