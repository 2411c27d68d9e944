"""A new version is one module and one line in the registry: everything that handles layouts takes it from there."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from layouts.next_layout import LAYOUT
from typer.testing import CliRunner

from immuta_assets.cli import layouts
from immuta_assets.frames.contract import find_nonconformities
from immuta_assets.layouts import parquet, prpr2, record
from immuta_assets.layouts.diff import compare_layouts
from immuta_assets.layouts.documents import render_page
from immuta_assets.layouts.lifecycle import published_on, stale_layouts
from immuta_assets.layouts.versions import LAYOUTS, find_layout, find_newest
from immuta_assets.object_store.folder import FolderStore
from immuta_assets.publishing.publish import Release, publish
from immuta_assets.settings import parse_layouts

EXPORT_DATE = datetime(2027, 1, 15, 5)  # export_date is UTC without a zone
FRAMES = {
    "request_duas": pl.LazyFrame(
        {"request_id": ["r"], "dua_id": ["d"], "name": ["Data use"], "export_date": [EXPORT_DATE]}
    ),
    "data_product_assets": pl.LazyFrame(
        {"data_product_id": ["p"], "data_source_id": ["7"], "export_date": [EXPORT_DATE]}
    ),
    "groups": pl.LazyFrame({"group_id": [7], "name": ["Analysts"]}),
    "tenant": pl.LazyFrame({"tenant_id": ["acme"], "url": [""], "dumped_at": [EXPORT_DATE.replace(tzinfo=UTC)]}),
}


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "prpr3", LAYOUT)


def written(folder: Path) -> dict[str, Path]:
    """The files of the new layout, derived from tables of prpr2 and collections as the layout says."""
    for name, derive in LAYOUT.derived.items():
        frame = derive(**{table: FRAMES[table] for table in inspect.signature(derive).parameters})
        assert find_nonconformities(LAYOUT.tables[name], frame) == []
        parquet.write_table(frame, LAYOUT.tables[name], folder / name, export_date=EXPORT_DATE)
    return {name: folder / name for name in LAYOUT.tables}


def test_its_files_are_written_inspected_and_published(tmp_path: Path) -> None:
    release = Release(find_layout("prpr3"), written(tmp_path), record.compute_code_version(find_layout("prpr3")))
    published = publish([release], [FolderStore(tmp_path / "published")], run_id="1", snapshot_id="acme")
    assert {file.name: (file.facts.rows, file.facts.columns) for file in published} == {
        "request-duas": (1, 4),
        "data-product-assets": (1, 3),
        "group-metadata": (1, 3),
    }
    assert {Path(file.key).parent.name for file in published} == {"v=prpr3"}


def test_a_file_of_the_version_before_is_not_taken_for_it(tmp_path: Path) -> None:
    schema = prpr2.TABLES["request-duas"]
    parquet.write_table(FRAMES["request_duas"], schema, tmp_path / "old", export_date=EXPORT_DATE)
    with pytest.raises(parquet.LayoutError, match="column 3: expected title"):
        parquet.inspect_file(tmp_path / "old", LAYOUT.tables["request-duas"])


def test_it_can_be_chosen_and_makes_the_choice_before_stale() -> None:
    choice = parse_layouts("prpr2:2027-01-31,prpr3")
    assert published_on(choice, date(2027, 1, 31)) == ["prpr2", "prpr3"]
    assert published_on(choice, date(2027, 2, 1)) == ["prpr3"]
    assert stale_layouts(parse_layouts("prpr2"), date(2027, 1, 31), find_newest()) == [
        "Layout prpr3 is the newest, but not active: name it without a date in IMMUTA_ASSETS_LAYOUTS (prpr2)."
    ]


def test_its_changes_are_told_with_those_of_the_versions_between() -> None:
    from_prpr2 = {(change.table, change.column): change.remedy for change in compare_layouts(LAYOUTS["prpr2"], LAYOUT)}
    assert from_prpr2["request-duas", "name"] == "Read title, and expect nulls."
    assert ("data-product-assets", "data_source_id") in from_prpr2
    assert from_prpr2.keys() > {(name, None) for name in prpr2.TABLES.keys() - LAYOUT.tables.keys()}


def test_the_page_and_the_commands_show_it() -> None:
    shown = render_page(list(LAYOUTS.values()))
    assert "## From prpr2 to prpr3" in shown
    assert "### prpr3 request-duas" in shown
    result = CliRunner().invoke(layouts.app, ["show", "prpr3", "--json"])
    assert list(json.loads(result.stdout)["tables"]) == list(LAYOUT.tables)
