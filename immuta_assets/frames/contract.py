"""The contract of a frame, read from its schema class: names, order, types, nulls, values, keys.

The schema classes of a layout are its contract with the readers of the export. Add here what can be asked of any
schema. How a table is stored belongs to ``layouts.parquet``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import dataframely as dy
import polars as pl

Shape = Sequence[tuple[str, str]]
"""Columns in order, each with its type in words."""

_ABSTRACT_TYPES: dict[pl.DataType, str] = {
    pl.String(): "string",
    pl.Int64(): "bigint",
    pl.Boolean(): "boolean",
    pl.Datetime("us"): "timestamp",
    pl.List(pl.String()): "list<string>",
    pl.List(pl.Int64()): "list<bigint>",
}


class ColumnContract(NamedTuple):
    """What is promised about one column; ``values`` is the closed set it takes its values from, empty where it is open.

    ``guide_nullable`` is what the published schema guide says, which cannot always be followed.
    """

    name: str
    type: str
    nullable: bool
    guide_nullable: bool
    values: tuple[str, ...]
    description: str


class MeaningChange(NamedTuple):
    """A change of meaning that no schema shows, of a column or (without one) of a table's rows.

    ``before`` and ``now`` are sentences; ``remedy`` says what a consumer of the version before has to do.
    """

    table: str
    column: str | None
    before: str
    now: str
    remedy: str


def list_columns(schema: type[dy.Schema]) -> list[ColumnContract]:
    """Return what is promised about each column, in order."""
    return [
        ColumnContract(
            name,
            abstract_type(column),
            column.nullable,
            is_guide_nullable(column),
            tuple(column.categories) if isinstance(column, dy.Enum) else (),
            column.description or "",
        )
        for name, column in schema.columns().items()
    ]


def describe_row(schema: type[dy.Schema]) -> str:
    """Return what a row of the table is."""
    return inspect.getdoc(schema) or ""


def abstract_type(column: dy.Column) -> str:
    """Return the documented type: string, bigint, boolean, timestamp (naive UTC), list<string> or list<bigint>."""
    return _name_type(column.dtype)


def is_guide_nullable(column: dy.Column) -> bool:
    """Say whether the published schema guide lets the column be null.

    A column that must be null at times although the guide forbids it (docs/policy_semantics.md says why) is nullable,
    and its metadata keeps what the guide says.
    """
    return bool((column.metadata or {}).get("guide_nullable", column.nullable))


def find_nonconformities(schema: type[dy.Schema], frame: pl.LazyFrame) -> list[str]:
    """Say in what ``frame`` breaks the contract of ``schema``; an empty list means that it conforms.

    Text may be held as String, Categorical or Enum. Each sentence names columns and counts, never values.
    """
    shape = compare_schema(schema, frame.collect_schema())
    return shape or [*_find_broken_rules(schema, frame), *_find_repeated_keys(schema, frame)]


def compare_schema(schema: type[dy.Schema], found: pl.Schema) -> list[str]:
    """Compare names, order and types alone: what can be said without looking at a row."""
    expected = [(name, abstract_type(column)) for name, column in schema.columns().items()]
    return compare_shapes(expected, [(name, _name_type(dtype)) for name, dtype in found.items()])


def compare_shapes(expected: Shape, found: Shape) -> list[str]:
    """Compare two shapes column by column, in order; one sentence per difference."""
    return [
        f"column {number}: expected {_describe_column(want)}, found {_describe_column(have)}"
        for number, (want, have) in enumerate(zip_longest(expected, found), start=1)
        if want != have
    ]


def count_duplicate_keys(schema: type[dy.Schema], frame: pl.LazyFrame) -> int:
    """Count the rows that repeat the primary key of an earlier row; 0 where the schema declares no key."""
    key = schema.primary_key()
    if not key:
        return 0
    repeated = pl.len() - pl.struct(key).n_unique()
    return int(frame.select(repeated).collect(engine="streaming").item())


def _name_type(dtype: pl.DataType) -> str:
    text = pl.String() if isinstance(dtype, pl.Enum | pl.Categorical) else dtype
    return _ABSTRACT_TYPES.get(text, str(dtype))


def _describe_column(column: tuple[str, str] | None) -> str:
    return "nothing" if column is None else f"{column[0]} ({column[1]})"


def _find_broken_rules(schema: type[dy.Schema], frame: pl.LazyFrame) -> list[str]:
    rules = list(_list_rules(schema))
    counts = frame.select(violations.alias(str(i)) for i, (_, violations) in enumerate(rules))
    found = counts.collect(engine="streaming").row(0)
    return [f"{rule}: {count:,} rows" for (rule, _), count in zip(rules, found, strict=True) if count]


def _list_rules(schema: type[dy.Schema]) -> Iterator[tuple[str, pl.Expr]]:
    """Yield each rule about single values, with the number of rows that break it."""
    for name, column in schema.columns().items():
        value = pl.col(name)
        if not column.nullable:
            yield f"{name} is null although the layout forbids it", value.is_null().sum()
        if isinstance(column, dy.List):
            yield f"{name} has a null within its list", value.list.eval(pl.element().is_null()).list.any().sum()
        if isinstance(column, dy.Enum):
            known = value.cast(pl.String).is_in(column.categories)
            yield f"{name} is none of {', '.join(column.categories)}", (~known).sum()


def _find_repeated_keys(schema: type[dy.Schema], frame: pl.LazyFrame) -> list[str]:
    count = count_duplicate_keys(schema, frame)
    return [f"the key ({', '.join(schema.primary_key())}) is repeated: {count:,} rows"] if count else []
