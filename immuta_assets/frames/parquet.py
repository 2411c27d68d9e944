"""Frames as Parquet files that are held to their schema: a frame that breaks it leaves no file behind.

Names, order and types are compared before the first row, nulls while the rows are written, every other rule on the
finished file. Add here what holds for every stored frame. Where files lie belongs to ``datasets``; the files of the
export have a contract of their own in ``layouts.parquet``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import IO, Any

import dataframely as dy
import polars as pl
import pyarrow as pa

NESTED = (pl.Struct, pl.List, pl.Array)


AtRest = Callable[[pl.LazyFrame, pa.Schema], tuple[pl.LazyFrame, pa.Schema]]
"""Turns a frame and its Arrow schema into those of its file."""


class SchemaError(Exception):
    """A frame that breaks its schema; the message names columns and counts, never values."""


def write_frame(frame: pl.LazyFrame, schema: type[dy.Schema], file: IO[bytes], at_rest: AtRest | None = None) -> None:
    """Stream a frame into an open Parquet file; raise ``SchemaError`` where names, types or nulls break ``schema``.

    ``at_rest`` says how rows lie in the file where that differs from the schema. Call ``require_rules`` on the finished
    file: rules about values are checked there.
    """
    _require_types(schema, frame.collect_schema())
    stored, arrow = (frame, arrow_schema(schema)) if at_rest is None else at_rest(frame, arrow_schema(schema))
    try:
        stored.sink_parquet(file, compression="zstd", arrow_schema=arrow)
    except pl.exceptions.SchemaError as error:
        # Polars does not name the column; only here is it worth a second evaluation.
        raise SchemaError(_problem(schema, _nulls(schema, frame))) from error


def require_schema(schema: type[dy.Schema], frame: pl.DataFrame) -> None:
    """Raise ``SchemaError`` where a small frame breaks its schema."""
    _require_types(schema, frame.schema)
    if nulls := _nulls(schema, frame.lazy()):
        raise SchemaError(_problem(schema, nulls))
    require_rules(schema, frame.lazy())


def require_rules(
    schema: type[dy.Schema], frame: pl.LazyFrame, facts: Mapping[str, pl.Expr] = MappingProxyType({})
) -> dict[str, Any]:
    """Raise ``SchemaError`` where values, keys or further rules of ``schema`` do not hold in a frame read from a file.

    Returns ``facts`` about the frame, computed in the same pass. Writing has proved types and nulls, but for nulls
    within a struct or list that may be null itself. Rules about other values within structs are not looked at.
    """
    counts = {name: (~rule).sum() for name, rule in _rules(schema)} | _count_repeated_keys(schema)
    asked = [count.alias(name) for name, count in [*counts.items(), *facts.items()]]
    found = frame.select(asked).collect(engine="streaming").row(0, named=True) if asked else {}
    if broken := {name: found[name] for name in counts if found[name]}:
        raise SchemaError(_problem(schema, broken))
    return {name: found[name] for name in facts}


def _count_repeated_keys(schema: type[dy.Schema]) -> dict[str, pl.Expr]:
    """The count of rows that repeat the primary key of another row, where the schema declares one."""
    key = schema.primary_key()
    if not key:
        return {}
    distinct = pl.col(key[0]) if len(key) == 1 else pl.struct(key)
    return {f"the key ({', '.join(key)}) is repeated": pl.len() - distinct.n_unique()}


@lru_cache
def arrow_schema(schema: type[dy.Schema]) -> pa.Schema:
    """Return the Arrow schema of a schema class, where a column or a nested field that must not be null says so."""
    plain = schema.create_empty().to_arrow(compat_level=pl.CompatLevel.newest()).schema
    columns = schema.columns()
    return pa.schema([_mark_required(field, columns[field.name]) for field in plain])


def _mark_required(field: pa.Field, column: dy.Column) -> pa.Field:
    kept = field.with_nullable(column.nullable)
    match column:
        case dy.Struct(nullable=False):
            return kept.with_type(pa.struct([_mark_required(inner, column.inner[inner.name]) for inner in field.type]))
        case dy.List(nullable=False):
            return kept.with_type(pa.large_list(_mark_required(field.type.value_field, column.inner)))
        case _:
            # What lies within a null is missing for Parquet, so what may be null requires nothing within it.
            return kept


def _require_types(schema: type[dy.Schema], found: pl.Schema) -> None:
    expected = {name: column.dtype for name, column in schema.columns().items()}
    if list(found.items()) == list(expected.items()):
        return
    if missing := [name for name in expected if name not in found]:
        problem = f"no column {', '.join(missing)}"
    elif further := [name for name in found if name not in expected]:
        problem = f"a column {', '.join(further)} that it does not have"
    else:
        wrong = [f"{name} is {found[name]} instead of {dtype}" for name, dtype in expected.items()]
        problem = next((text for text, name in zip(wrong, expected, strict=True) if found[name] != expected[name]), "")
        problem = problem or "its columns in another order"
    raise SchemaError(_sentence(schema, problem))


def _nulls(schema: type[dy.Schema], frame: pl.LazyFrame) -> dict[str, int]:
    """Count the rows with a null where none is allowed, in the column or within it, by column."""
    problems = {}
    for name, column in schema.columns().items():
        rules = [
            rule for rule_name, rule in column.validation_rules(pl.col(name)).items() if "nullability" in rule_name
        ]
        if rules:
            problems[f"{name} holds a null"] = (~pl.all_horizontal(rules)).sum()
    counts = frame.select(count.alias(name) for name, count in problems.items()).collect(engine="streaming")
    return {name: count for name, count in counts.row(0, named=True).items() if count}


def _rules(schema: type[dy.Schema]) -> Iterator[tuple[str, pl.Expr]]:
    """Every rule that writing does not prove, by a name for people."""
    for name, column in schema.columns().items():
        if isinstance(column.dtype, pl.Struct) or _holds_structs(column.dtype):
            continue
        for rule, expression in column.validation_rules(pl.col(name)).items():
            if "nullability" not in rule:
                yield f"{name} breaks its rule {rule}", expression.fill_null(value=True)
    for rule, made in schema._schema_validation_rules().items():  # noqa: SLF001  # dataframely offers no public way
        if rule != "primary_key":
            yield f"the rule {rule.replace('_', ' ')} does not hold", made.expr


def _holds_structs(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.List) and isinstance(dtype.inner, NESTED)


def _problem(schema: type[dy.Schema], broken: Mapping[str, int]) -> str:
    return _sentence(schema, "; ".join(f"{problem}: {count:,} rows" for problem, count in broken.items()))


def _sentence(schema: type[dy.Schema], problem: str) -> str:
    return f"A frame breaks the schema {schema.__name__}: {problem or 'a null where none is allowed'}."
