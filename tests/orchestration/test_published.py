"""Publication as an asset: what its checks and its run config say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from layouts.next_layout import LAYOUT as PRPR3

from immuta_assets.definitions import build_graph
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.orchestration.automation import EXPORT
from immuta_assets.orchestration.run import ExportResult
from immuta_assets.settings import Settings, parse_layouts

CONFIRMED = {"ops": {"published": {"config": {"allow_shrink": True}}}}


def manifest(settings: Settings, version: str = "prpr2") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(settings.destination[0]) / f"_manifest/v={version}.json").read_bytes())
    return found


@pytest.fixture
def shrunk(export: Callable[..., ExportResult], write_dump: Callable[..., Path]) -> None:
    """A dump without policies lies there now, while the one before was published."""
    assert export().failure is None
    tenant = {"tenantId": "acme", "url": "https://acme.example", "dumpedAt": "2026-05-04T07:30:00Z"}
    write_dump(tenant=[tenant], policies=[])


def test_the_manifest_says_where_the_files_come_from(
    export: Callable[..., ExportResult], settings: Settings, instance: dg.DagsterInstance
) -> None:
    export()
    (run,) = instance.get_run_records()
    for layout in LAYOUTS.values():
        found = manifest(settings, layout.version)
        assert found["run_id"] == run.dagster_run.run_id
        assert found["snapshot_id"] == "acme 2026-05-04T06:30:00+00:00"
        assert found["code_version"] == compute_code_version(layout)
        assert found["files"].keys() == layout.tables.keys()


@pytest.mark.usefixtures("shrunk")
def test_a_table_that_lost_its_rows_is_a_failed_check_and_nothing_is_published(
    export: Callable[..., ExportResult], settings: Settings
) -> None:
    before = manifest(settings)
    result = export()
    failed = {check.asset: check.description for check in result.checks if check.status == "failed"}
    assert result.failure is not None
    assert result.failure.kind == "check"
    assert "confirm with --allow-shrink" in result.failure.message
    for layout in LAYOUTS:
        assert failed[f"published/{layout}/policy-metadata"].startswith(f"{layout} policy-metadata from ")
        assert failed[f"published/{layout}/policy-metadata"].endswith(" to 0 rows")
    assert result.files == []
    assert manifest(settings) == before


@pytest.mark.usefixtures("shrunk")
def test_an_operator_confirms_lost_rows_in_the_run_config(settings: Settings, instance: dg.DagsterInstance) -> None:
    job = build_graph(settings).resolve_job_def(EXPORT)
    assert job.execute_in_process(run_config=CONFIRMED, instance=instance, partition_key="2026-05-04").success
    assert manifest(settings)["files"]["policy-metadata"]["rows"] == 0
    assert manifest(settings)["previous_export_date"] == "2026-05-04T06:30:00"


def test_a_layout_whose_parallel_period_is_over_gets_no_files(
    export: Callable[..., ExportResult], settings: Settings
) -> None:
    result = export(layouts=parse_layouts("prpr1:2026-05-03,prpr2"))
    assert result.failure is None
    assert {file.layout for file in result.files} == {"prpr2"}
    assert not list(Path(settings.destination[0]).rglob("v=prpr1*"))


def test_a_layout_is_published_on_the_last_day_of_its_parallel_period(export: Callable[..., ExportResult]) -> None:
    result = export(layouts=parse_layouts("prpr1:2026-05-04,prpr2"))
    assert {file.layout for file in result.files} == {"prpr1", "prpr2"}


def test_a_version_is_exported_once_it_is_in_the_registry(
    export: Callable[..., ExportResult], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LAYOUTS, "prpr3", PRPR3)
    result = export(layouts=parse_layouts("prpr2:2026-05-31,prpr3"))
    assert result.failure is None
    assert {file.name for file in result.files if file.layout == "prpr3"} == PRPR3.tables.keys()
    (groups,) = Path(settings.destination[0]).rglob("v=prpr3/group-metadata.parquet")
    assert pl.read_parquet(groups)["name"].to_list() == ["Analysts"]
    assert "prpr3/group-metadata conforms" in {f"{check.asset} {check.name}" for check in result.checks}
