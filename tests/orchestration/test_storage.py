"""What Dagster stores, and what it leaves alone when something fails."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from immuta_assets.definitions import graph
from immuta_assets.frames.contract import find_nonconformities
from immuta_assets.layouts import parquet
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.orchestration import checks, failures
from immuta_assets.orchestration.run import ExportResult
from immuta_assets.orchestration.storage import ExportTable, ParquetStore
from immuta_assets.settings import Settings
from immuta_assets.tenant.dump import DumpError

DAYS = dg.DailyPartitionsDefinition("2026-05-01", end_offset=1)
DAY = "2026-05-04"
KEY = dg.AssetKey(["prpr2", "request-duas"])
DUAS = LAYOUTS["prpr2"].tables["request-duas"]
EXPORT_DATE = datetime(2026, 5, 4, 6, 30)
Materialize = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def store(tmp_path: Path) -> ParquetStore:
    return ParquetStore(root=str(tmp_path))


@pytest.fixture
def materialize(store: ParquetStore, instance: dg.DagsterInstance) -> Materialize:
    """Materialize assets for one day without raising their errors."""
    return lambda *assets, day=DAY, selection=None: dg.materialize(
        assets,
        selection=selection,
        partition_key=day,
        instance=instance,
        resources={"io_manager": store},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def duas(**changed: object) -> pl.LazyFrame:
    columns = {"request_id": "r", "dua_id": "d", "name": "Terms", "export_date": EXPORT_DATE} | changed
    return pl.LazyFrame({name: [value] for name, value in columns.items()}, schema=DUAS.create_empty().schema)


def table(frame: pl.LazyFrame) -> dg.AssetsDefinition:
    @dg.asset(key=KEY, partitions_def=DAYS, check_specs=[checks.conforms_spec(KEY, DAYS)])
    def asset() -> Iterator[dg.AssetCheckResult | dg.Output[ExportTable]]:
        yield from checks.conforming(KEY, find_nonconformities(DUAS, frame))
        yield dg.Output(ExportTable(frame, DUAS, EXPORT_DATE))

    return asset


def raising(*errors: Exception) -> tuple[dg.AssetsDefinition, list[Exception]]:
    """Return an asset that raises one error per try and the errors it has not raised yet."""
    left = list(errors)

    @dg.asset(partitions_def=DAYS)
    def asset() -> pl.LazyFrame:
        with failures.explained("/data/store"):
            if left:
                raise left.pop(0)
        return pl.LazyFrame({"a": [1]})

    return asset, left


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    told = event.step_failure_data.user_failure_data
    assert told is not None
    return str(told.description)


def test_a_table_is_stored_as_its_layout_wants_it_published(store: ParquetStore, materialize: Materialize) -> None:
    assert materialize(table(duas())).success
    facts = parquet.inspect_file(store.path(KEY, DAY), DUAS)
    assert (facts.rows, facts.export_date) == (1, EXPORT_DATE)


def test_a_materialization_holds_counts_and_places_only(materialize: Materialize) -> None:
    (event,) = materialize(table(duas(name="Secret terms"))).get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 1
    assert "Secret" not in str(metadata)


def test_a_table_that_does_not_conform_leaves_the_stored_file_alone(
    store: ParquetStore, materialize: Materialize
) -> None:
    assert materialize(table(duas())).success
    before = store.path(KEY, DAY).read_bytes()
    result = materialize(table(duas(dua_id=None)))
    (evaluation,) = result.get_asset_check_evaluations()
    assert (result.success, evaluation.passed, evaluation.partition) == (False, False, DAY)
    assert failure_of(result).startswith("prpr2/request-duas breaks its schema: dua_id is null")
    assert [path.read_bytes() for path in Path(store.root).rglob("*") if path.is_file()] == [before]


def test_a_frame_that_fails_while_it_is_written_leaves_the_stored_file_alone(
    store: ParquetStore, materialize: Materialize
) -> None:
    def asset(frame: pl.LazyFrame) -> dg.AssetsDefinition:
        @dg.asset(name="users", partitions_def=DAYS)
        def users() -> pl.LazyFrame:
            return frame

        return users

    assert materialize(asset(pl.LazyFrame({"a": ["1"]}))).success
    path = store.path(dg.AssetKey("users"), DAY)
    before = path.read_bytes()
    assert not materialize(asset(pl.LazyFrame({"a": ["x"]}).cast(pl.Int64))).success
    assert {one: one.read_bytes() for one in path.parent.iterdir()} == {path: before}


def test_several_partitions_are_loaded_as_one_frame(store: ParquetStore) -> None:
    days = ["2026-05-01", "2026-05-02"]
    for day in days:
        path = store.path(KEY, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"day": [day]}).write_parquet(path)
    context = dg.build_input_context(
        asset_key=KEY, asset_partitions_def=DAYS, asset_partition_key_range=dg.PartitionKeyRange(*days)
    )
    assert store.load_input(context).collect()["day"].to_list() == days


def test_a_partition_that_was_never_stored_names_the_file_and_the_remedy(
    store: ParquetStore, materialize: Materialize
) -> None:
    @dg.asset(partitions_def=DAYS)
    def missing() -> pl.LazyFrame:
        return pl.LazyFrame({"a": [1]})

    @dg.asset(partitions_def=DAYS)
    def consumer(missing: pl.LazyFrame) -> pl.LazyFrame:
        return missing

    path = store.path(dg.AssetKey("missing"), DAY)
    assert failure_of(materialize(missing, consumer, selection=[consumer])) == (
        f"{path}: it is missing; materialize what lies upstream for the same export day first."
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_full_or_forbidden_disk_fails_at_once_with_path_and_remedy(materialize: Materialize, number: int) -> None:
    again = OSError(errno.EIO, "Input/output error")
    asset, left = raising(OSError(number, "No"), again)
    assert failure_of(materialize(asset)).startswith("/data/store: ")
    assert left == [again]


def test_an_error_of_polars_is_recognized_by_its_text(materialize: Materialize) -> None:
    asset, _ = raising(pl.exceptions.ComputeError("underlying IO error: No space left on device (os error 28)"))
    assert failure_of(materialize(asset)) == "/data/store: the disk is full, free some space."


def test_a_stumbling_disk_is_tried_again(materialize: Materialize, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "RETRIES", dg.RetryPolicy(max_retries=2, delay=0))
    asset, left = raising(*[OSError(errno.EIO, "Input/output error")] * 2)
    assert materialize(asset).success
    assert left == []


def test_a_stumbling_disk_below_the_dump_is_tried_again_but_a_bad_line_is_not(
    materialize: Materialize, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "RETRIES", dg.RetryPolicy(max_retries=2, delay=0))
    stumble, bad_line = DumpError("users.ndjson: the file cannot be read."), DumpError("users.ndjson line 3: bad.")
    stumble.__cause__ = OSError(errno.EIO, "Input/output error")
    asset, left = raising(stumble, bad_line, DumpError("tried again"))
    assert failure_of(materialize(asset)) == "users.ndjson line 3: bad."
    assert len(left) == 1


def test_a_bug_is_not_tried_again(materialize: Materialize) -> None:
    asset, left = raising(ValueError("bug"), ValueError("bug"))
    assert not materialize(asset).success
    assert len(left) == 1


def test_a_dump_of_another_day_fails_and_says_what_to_do(settings: Settings, instance: dg.DagsterInstance) -> None:
    result = (
        graph(settings)
        .resolve_job_def("export")
        .execute_in_process(
            {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=instance,
            partition_key="2026-05-05",
            raise_on_error=False,
        )
    )
    told = failure_of(result)
    assert "2026-05-04 06:30:00 UTC and belongs to the export day 2026-05-04, not 2026-05-05" in told
    assert "IMMUTA_ASSETS_DUMP_LEAD" in told
    assert "{export_day}" in told
    assert not Path(settings.store).exists()


def test_files_of_different_dumps_are_not_published_together(
    settings: Settings, export: Callable[..., ExportResult]
) -> None:
    export()
    path = ParquetStore(root=settings.store).path(KEY, DAY)
    before = {one: one.read_bytes() for one in Path(settings.destination[0]).rglob("*.parquet")}
    parquet.write_table(DUAS.create_empty(lazy=True), DUAS, path, export_date=datetime(2026, 5, 4, 5, 30))
    result = (
        graph(settings)
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(
            {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            partition_key=DAY,
            asset_selection=[dg.AssetKey(["published", "prpr2", name]) for name in LAYOUTS["prpr2"].tables],
            raise_on_error=False,
        )
    )
    failed = [one.asset_key.path[-1] for one in result.get_asset_check_evaluations() if not one.passed]
    assert failed == ["request-duas"]
    assert failure_of(result).startswith("request-duas are older than the other files of 2026-05-04 06:30:00 UTC")
    assert {one: one.read_bytes() for one in Path(settings.destination[0]).rglob("*.parquet")} == before
