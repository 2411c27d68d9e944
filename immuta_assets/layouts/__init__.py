"""Layouts of the access summary export: which tables a version has, and the contract of each.

Add a module per published version; the newest is computed, the older ones are derived from it. What the tables *say*
belongs to ``access_summary``, where their files go belongs to ``delivery``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dataframely as dy

from immuta_assets.layouts import prpr1, prpr2


@dataclass(frozen=True)
class Layout:
    """One version of the export: its name and the schema of each table, by export name (with dashes)."""

    version: str
    tables: Mapping[str, type[dy.Schema]]


LAYOUTS: dict[str, Layout] = {
    "prpr1": Layout("prpr1", prpr1.TABLES),
    "prpr2": Layout("prpr2", prpr2.TABLES),
}
"""Every version by name, oldest first."""
