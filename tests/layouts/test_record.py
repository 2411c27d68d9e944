"""A published version does not change: its contract against the one recorded in ``contracts``.

``RECORD_LAYOUTS=1 pytest tests/layouts/test_record.py`` records a version that has no record yet, and never another.
"""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path
from typing import Any

import dataframely as dy
import pytest

from immuta_assets.frames.contract import MeaningChange
from immuta_assets.layouts.record import compute_code_version, format_contract
from immuta_assets.layouts.versions import LAYOUTS, Layout

RECORDS = Path(__file__).with_name("contracts")


def changes(layout: Layout, record: str) -> str:
    """What was changed in place, with what to do instead; empty where nothing was."""
    lines = [*unified_diff(record.splitlines(), format_contract(layout).splitlines(), lineterm="", n=0)][2:]
    advice = (
        f"{layout.version} is published, and its readers rely on it as it is: take the change back and make a new "
        "version, a module in immuta_assets/layouts and a line in LAYOUTS."
    )
    return "\n".join([advice, *lines]) if lines else ""


@pytest.mark.parametrize("version", LAYOUTS)
def test_a_published_contract_is_not_changed_in_place(version: str) -> None:
    record = RECORDS / f"{version}.txt"
    if os.environ.get("RECORD_LAYOUTS") and not record.exists():
        record.write_text(format_contract(LAYOUTS[version]), encoding="utf-8")
    assert changes(LAYOUTS[version], record.read_text(encoding="utf-8")) == ""


def test_every_record_belongs_to_a_version() -> None:
    assert {record.stem for record in RECORDS.iterdir()} == LAYOUTS.keys()


def layout(*meanings: MeaningChange, **columns: Any) -> Layout:
    """A layout of one table whose columns differ from the usual ones as given; None leaves one out."""
    usual = {"id": dy.Int64(primary_key=True), "scope": dy.Enum(["READ", "WRITE"]), "note": dy.String(nullable=True)}
    kept = {name: column for name, column in (usual | columns).items() if column is not None}
    return Layout("example", {"table": type("Table", (dy.Schema,), kept)}, meaning_changes=meanings)


CHANGED = [
    layout(note=None),
    layout(more=dy.String()),
    layout(note=dy.Int64(nullable=True)),
    layout(note=dy.String()),
    layout(scope=dy.String()),
    layout(scope=dy.Enum(["READ"])),
    layout(id=dy.Int64()),
    layout(id=None, last=dy.Int64(primary_key=True)),
    layout(MeaningChange("table", "note", before="A.", now="B.", remedy="Look.")),
]


@pytest.mark.parametrize("changed", CHANGED)
def test_a_change_in_place_is_told_with_what_to_do_instead(changed: Layout) -> None:
    told = changes(changed, format_contract(layout()))
    assert told.startswith("example is published, and its readers rely on it as it is: take the change back and make")
    assert compute_code_version(changed) != compute_code_version(layout())


def test_the_line_that_changed_is_shown() -> None:
    assert changes(layout(note=dy.String()), format_contract(layout())).splitlines()[2:] == [
        "-  note: string, may be null",
        "+  note: string",
    ]


def test_a_better_description_is_no_change() -> None:
    described = layout(note=dy.String(nullable=True, description="What was noted."))
    assert changes(described, format_contract(layout())) == ""
    assert compute_code_version(described) == compute_code_version(layout())


def test_a_code_version_is_that_of_the_contract_wherever_it_is_computed() -> None:
    assert compute_code_version(layout()) == compute_code_version(layout(), "table") == "c4e3401c4927"


def test_a_table_that_two_versions_share_has_one_code_version() -> None:
    shared = {
        name for name in LAYOUTS["prpr1"].tables if LAYOUTS["prpr1"].tables[name] is LAYOUTS["prpr2"].tables[name]
    }
    same = {
        name for name in LAYOUTS["prpr1"].tables if len({compute_code_version(LAYOUTS[v], name) for v in LAYOUTS}) == 1
    }
    assert same == shared
