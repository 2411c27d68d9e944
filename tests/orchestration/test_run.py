"""Whole exports of a small tenant through Dagster, good and bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import dataframely as dy
import polars as pl
import pytest

from immuta_assets.access_summary import TABLES
from immuta_assets.layouts import prpr2
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.orchestration.run import ExportResult, Step, UnexpectedError, run_export
from immuta_assets.settings import Settings, parse_layouts
from immuta_assets.tenant.info import TenantInfo

EXPORT_DATE = datetime(2026, 5, 4, 6, 30)
FILES = {(layout.version, name) for layout in LAYOUTS.values() for name in layout.tables}


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def policy(number: int, **rule: object) -> Mapping[str, object]:
    return {
        "id": number,
        "name": f"Policy {number}",
        "type": "subscription",
        "createdAt": "2026-01-01T00:00:00Z",
        "actions": [{"type": "subscription", **rule}],
    }


def warnings_of(result: ExportResult) -> dict[tuple[str, str], str]:
    return {(check.asset, check.name): check.description for check in result.checks if check.status == "warned"}


def test_an_export_publishes_every_file_of_both_layouts_with_one_export_date(
    export: Callable[..., ExportResult],
) -> None:
    result = export()
    assert result.failure is None
    assert result.export_day == "2026-05-04"
    assert {(file.layout, file.name) for file in result.files} == FILES
    assert {file.export_date for file in result.files} == {EXPORT_DATE}
    for file in result.files:
        assert pl.read_parquet(file.uris[0]).shape == (file.rows, file.columns)


def test_the_small_tenant_raises_no_warning(export: Callable[..., ExportResult]) -> None:
    assert [check for check in export().checks if check.status != "passed"] == []


def test_only_the_layouts_asked_for_are_published(export: Callable[..., ExportResult], settings: Settings) -> None:
    result = export(layouts=parse_layouts("prpr1"))
    assert {file.layout for file in result.files} == {"prpr1"}
    assert list(Path(settings.destination[0]).rglob("v=prpr2")) == []


def test_progress_counts_every_step(settings: Settings, instance: dg.DagsterInstance) -> None:
    steps: list[Step] = []
    run_export(settings, instance=instance, progress=steps.append)
    assert [step.number for step in steps] == list(range(1, steps[0].total + 1))
    assert steps[0].name == "tenant"


def test_nothing_reaches_the_console(export: Callable[..., ExportResult], capfd: pytest.CaptureFixture[str]) -> None:
    export()
    assert capfd.readouterr() == ("", "")


def test_checks_are_recorded_for_the_partition_of_the_export_day(
    export: Callable[..., ExportResult], instance: dg.DagsterInstance
) -> None:
    export()
    key = dg.AssetCheckKey(dg.AssetKey(["prpr2", "policy-outcomes"]), "conforms")
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    assert record.partition == "2026-05-04"


def test_a_bad_dump_is_bad_input_and_leaves_the_published_files_alone(
    export: Callable[..., ExportResult], write_dump: Callable[..., Path], settings: Settings
) -> None:
    export()
    before = files_below(Path(settings.destination[0]))
    write_dump(groups=[{"id": "seven", "iamid": "okta", "name": "Analysts"}])
    result = export()
    assert result.failure is not None
    assert result.failure.kind == "input"
    assert "groups.ndjson" in result.failure.message
    assert result.files == []
    assert files_below(Path(settings.destination[0])) == before


def test_an_older_dump_does_not_replace_newer_published_files(
    export: Callable[..., ExportResult], write_dump: Callable[..., Path], settings: Settings
) -> None:
    export()
    before = files_below(Path(settings.destination[0]))
    write_dump(tenant=[{"tenantId": "acme", "url": "https://acme.example", "dumpedAt": "2026-05-03T06:30:00Z"}])
    result = export()
    assert result.export_day == "2026-05-03"
    assert result.failure is not None
    assert result.failure.kind == "input"
    assert "newer" in result.failure.message
    assert files_below(Path(settings.destination[0])) == before


def test_a_missing_dump_is_bad_input(export: Callable[..., ExportResult], tmp_path: Path) -> None:
    result = export(tenant=str(tmp_path / "nowhere"))
    assert result.failure is not None
    assert result.failure.kind == "input"
    assert "nowhere" in result.failure.message


def test_a_dump_of_the_future_is_bad_input(
    export: Callable[..., ExportResult], write_dump: Callable[..., Path]
) -> None:
    future = datetime.now(UTC) + timedelta(hours=1)
    write_dump(tenant=[{"tenantId": "acme", "url": "https://acme.example", "dumpedAt": future.isoformat()}])
    result = export()
    assert result.failure is not None
    assert result.failure.kind == "input"
    assert "lies in the future" in result.failure.message


def test_dumps_of_several_days_are_found_by_their_export_day(
    settings: Settings, instance: dg.DagsterInstance, write_dump: Callable[..., Path], tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    day = (now - timedelta(hours=5)).date().isoformat()
    write_dump(tenant=[{"tenantId": "acme", "url": "https://acme.example", "dumpedAt": now.isoformat()}]).rename(
        tmp_path / f"dump-{day}"
    )
    result = run_export(settings.model_copy(update={"tenant": str(tmp_path / "dump-{export_day}")}), instance=instance)
    assert (result.failure, result.export_day) == (None, day)


def test_invalid_and_conflicting_policies_and_unusable_conditions_are_warned_of(
    export: Callable[..., ExportResult], write_dump: Callable[..., Path]
) -> None:
    write_dump(
        policies=[
            policy(1, subscriptionType="automatic"),
            policy(2, subscriptionType="approval"),
            policy(3, subscriptionType="advanced", advanced="@isInGroups("),
            {**policy(4, subscriptionType="automatic", accessType="GUARDRAIL"), "circumstances": [{"type": "moon"}]},
        ]
    )
    result = export()
    assert result.failure is None
    assert set(warnings_of(result)) == {
        ("prpr2/policy-metadata", "valid_policies"),
        ("outcomes/data_sources", "policy_conflicts"),
        ("outcomes/data_sources", "usable_conditions"),
    }


def test_a_domain_without_data_source_is_warned_of_in_both_layouts(
    export: Callable[..., ExportResult], write_dump: Callable[..., Path]
) -> None:
    write_dump(domains=[{"id": "d-1", "name": "Empty", "createdBy": 1}])
    assert set(warnings_of(export())) == {
        ("prpr1/domain-metadata", "documented_nulls"),
        ("prpr2/domain-metadata", "documented_nulls"),
    }


def test_ids_that_lead_nowhere_are_warned_of(
    export: Callable[..., ExportResult], write_dump: Callable[..., Path]
) -> None:
    write_dump(data_products=[])
    assert set(warnings_of(export())) == {("tenant/tenant", "references")}
    write_dump(users=[])
    assert ("prpr2/access-requests", "requests_to_recipients") in warnings_of(export())


def test_a_table_that_breaks_its_layout_fails_a_check_and_publishes_nothing(
    export: Callable[..., ExportResult], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class RequestDuas(LAYOUTS["prpr2"].tables["request-duas"]):  # type: ignore[misc]
        signed_at = dy.Datetime()

    monkeypatch.setitem(prpr2.TABLES, "request-duas", RequestDuas)
    result = export(layouts=parse_layouts("prpr2"))
    assert result.failure is not None
    assert result.failure.kind == "check"
    assert result.failure.message.startswith("prpr2/request-duas breaks its schema: column 5: expected signed_at")
    failed = [(check.asset, check.name) for check in result.checks if check.status == "failed"]
    assert failed == [("prpr2/request-duas", "conforms")]
    assert not (Path(settings.store, "prpr2", "request-duas")).exists()
    assert not Path(settings.destination[0]).exists()


def test_a_bug_is_raised_with_its_traceback(
    export: Callable[..., ExportResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(tenant: TenantInfo, access_agreements: pl.LazyFrame) -> pl.LazyFrame:
        return access_agreements.head(1 // len(tenant.url[:0]))

    monkeypatch.setitem(TABLES, "request-duas", broken)
    with pytest.raises(UnexpectedError, match=r"(?s)ZeroDivisionError.*in broken"):
        export(layouts=parse_layouts("prpr2"))
