"""What the audit must know of a data platform besides its history: how it names things, and how its events look.

Every platform is one object of this class, in its own package. Add a field when platforms differ in another respect: no
module asks which platform it has. How history is read belongs to the readers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import dataframely as dy
import polars as pl


class UserKey(NamedTuple):
    """A way in which a mapped user name can be that of an account: both expressions give the same text."""

    account: pl.Expr
    """Of the columns ``user_name``, ``user_email`` and ``user_type`` of an account."""
    user: pl.Expr
    """Of the columns of the tenant's ``Users``."""


class ContextKey(NamedTuple):
    """A key of ``technologyContext``: its type, and its value as an expression over the columns of ``Statements``."""

    column: dy.Column
    value: pl.Expr


class UamKeys(NamedTuple):
    """Keys of an event's line and of the objects in it, in order, with blanks between."""

    event: str
    actor: str
    payload: str
    context: str


@dataclass(frozen=True, eq=False)
class Platform:
    """A data platform; there is one object of each, so two are equal only if they are the same object."""

    name: str
    """``technology`` of its events; that of the tenant's data sources says the same, in any case."""
    fold_name: Callable[[pl.Expr], pl.Expr]
    """Folds names of databases, schemas, tables and columns, so that equal texts mean the same thing."""
    mapped_name: str
    """Column of the tenant's ``Users`` with the user name that is mapped to a user."""
    user_keys: tuple[UserKey, ...]
    """Ways in which the mapped user name can be that of an account, the most certain first."""
    context_type: str
    """``type`` of ``technologyContext``."""
    context: Mapping[str, ContextKey]
    """Keys of ``technologyContext`` besides those that every platform fills: type, host, rowsProduced, warehouseId."""
    keys: UamKeys
    """Which keys the lines of its events have, and in which order."""
    tags_objects: bool
    """Whether an object has tags and a security profile of its own, besides those of its columns."""
    denies_inference: bool
    """Whether a column says ``inferred: false``; otherwise it has the key only where it is true."""
    redaction_hint: str
    """What an operator does about texts that the platform withholds: part of a sentence, beginning with the place."""


def unquote_name(name: pl.Expr, quote: str) -> pl.Expr:
    """Return a name as stored: without the quotes around it, doubled ones within it once; others as they are."""
    quoted = name.str.starts_with(quote) & name.str.ends_with(quote) & (name.str.len_bytes() > 1)
    inner = name.str.slice(1, name.str.len_chars() - 2).str.replace_all(quote * 2, quote, literal=True)
    return pl.when(quoted).then(inner).otherwise(name)
