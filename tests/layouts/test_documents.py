"""docs/layouts.md is what the schema classes say; ``UPDATE_LAYOUTS_PAGE=1`` with this file writes it again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from immuta_assets.layouts.documents import render_page
from immuta_assets.layouts.versions import LAYOUTS, Layout

PAGE = Path(__file__).parents[2] / "docs" / "layouts.md"


def test_the_page_is_fresh() -> None:
    made = render_page(list(LAYOUTS.values()))
    if os.environ.get("UPDATE_LAYOUTS_PAGE"):
        PAGE.write_text(made, encoding="utf-8")
    assert made == PAGE.read_text(encoding="utf-8"), "see the first lines of docs/layouts.md for how to make it again"


@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_the_page_has_every_column_of_every_table(layout: Layout) -> None:
    sections = render_page([layout]).split("\n### ")[1:]
    for section, (table, schema) in zip(sections, layout.tables.items(), strict=True):
        assert section.startswith(f"{layout.version} {table}\n")
        assert all(f"\n| {name} | " in section for name in schema.columns())


def test_every_line_of_a_table_has_as_many_cells_as_its_heading() -> None:
    for block in render_page(list(LAYOUTS.values())).split("\n\n"):
        assert len({line.count("|") for line in block.splitlines() if line.startswith("|")}) <= 1
