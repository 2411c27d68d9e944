"""Tables that a Databricks statement names in full, found by parsing its text.

A fallback for statements that the platform has no lineage for. Only names of three parts count: the history does not
say in which catalog and schema a shorter name was looked up. Columns are not inferred.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import polars as pl
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

NAME_PATTERN = r"(?:`[^`]+`|\w)\s*\.\s*(?:`[^`]+`|\w+)\s*\.\s*[`\w]"
"""A text without a match holds no name of three parts, so it need not be parsed."""

_UNCLEAR = r"[\\\"`]|--|/\*"
"""Where one of these occurs, a quote need not begin a literal."""
_STRING = "'[^']*'"
_NUMBER = r"([^\w.])\d+\b"

_SCHEMA = {"text": pl.String, "database": pl.String, "schema": pl.String, "name": pl.String}


def shape_text(text: pl.Expr) -> pl.Expr:
    """Return the text with other literals: texts of one shape name the same tables, so that one of them is parsed."""
    alike = text.str.replace_all(_STRING, "'0'").str.replace_all(_NUMBER, "${1}0")
    return pl.when(text.str.contains(_UNCLEAR)).then(text).otherwise(alike)


def find_tables(texts: Iterable[str]) -> pl.DataFrame:
    """Return ``text``, ``database``, ``schema``, ``name``, each table once per text; unparsable texts have none.

    Names are in lower case, as Unity Catalog keeps them.
    """
    with _silence_parser():
        rows = [(text, *parts) for text in texts for parts in sorted(set(_find_names(text)))]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


@contextmanager
def _silence_parser() -> Iterator[None]:
    """Silence the parser's warnings: what it cannot parse is no news, it stays without objects."""
    parser = logging.getLogger("sqlglot")
    level = parser.level
    parser.setLevel(logging.ERROR)
    try:
        yield
    finally:
        parser.setLevel(level)


def _find_names(text: str) -> Iterator[tuple[str, str, str]]:
    for tree in _parse_trees(text):
        for table in tree.find_all(exp.Table):
            parts = table.parts
            if len(parts) == 3 and all(isinstance(part, exp.Identifier) and part.name for part in parts):  # noqa: PLR2004
                catalog, schema, name = (part.name.lower() for part in parts)
                yield catalog, schema, name


def _parse_trees(text: str) -> list[exp.Expr]:
    try:
        return [tree for tree in sqlglot.parse(text, read="databricks") if tree is not None]
    except (SqlglotError, RecursionError):
        return []
