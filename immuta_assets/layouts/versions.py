"""The versions of the export: which tables each has, and the schema of each table.

A new version is a module beside ``prpr2`` and a line in ``LAYOUTS``, from which the graph, the files, the documents and
the consumers' SQL follow; a published one stays as it is. Which versions a deployment publishes belongs to
``lifecycle``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dataframely as dy
import polars as pl

from immuta_assets.frames.contract import MeaningChange
from immuta_assets.layouts import prpr1, prpr2
from immuta_assets.secrets import quote_value

COMPUTED = "prpr2"
"""The version whose tables ``access_summary`` computes; every other one is derived from it."""


@dataclass(frozen=True)
class Layout:
    """One version of the export: its name and the schema of each table, by export name (with dashes).

    ``derived`` says how each table follows: a function's parameters name tables of the computed version (dashes as
    underscores) or collections of the tenant. ``meaning_changes`` are all changes of meaning since the first version.
    ``stand_ins`` are new columns, by table and column, whose values the version before has too: SQL over its columns.
    """

    version: str
    tables: Mapping[str, type[dy.Schema]]
    derived: Mapping[str, Callable[..., pl.LazyFrame]] = field(default_factory=dict)
    meaning_changes: tuple[MeaningChange, ...] = ()
    stand_ins: Mapping[tuple[str, str], str] = field(default_factory=dict)


LAYOUTS: dict[str, Layout] = {
    "prpr1": Layout("prpr1", prpr1.TABLES, prpr1.DOWNGRADES),
    "prpr2": Layout("prpr2", prpr2.TABLES, meaning_changes=prpr2.MEANING_CHANGES, stand_ins=prpr2.STAND_INS),
}
"""Every version by name, oldest first."""


def find_newest() -> str:
    """Return the newest version."""
    return next(reversed(LAYOUTS))


def find_layout(version: str) -> Layout:
    """Return a layout by its version; raises ``ValueError`` with one sentence where there is none."""
    if version not in LAYOUTS:
        msg = f"{quote_value(version)} is not a layout; allowed is {' or '.join(LAYOUTS)}."
        raise ValueError(msg)
    return LAYOUTS[version]
