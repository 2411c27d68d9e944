"""What Dagster stores, and what it leaves alone when something fails."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import dataframely as dy
import polars as pl
import pytest

from immuta_assets.audit.stored import open_connection_data
from immuta_assets.datasets.files import FileDataset
from immuta_assets.datasets.hours import parse_hour_key
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.definitions import build_graph
from immuta_assets.frames.contract import find_nonconformities
from immuta_assets.layouts import parquet
from immuta_assets.layouts.stored import open_layout
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.orchestration import checks, failures
from immuta_assets.orchestration.run import ExportResult
from immuta_assets.orchestration.storage import DatasetIOManager, ExportTable, HourlyFrames
from immuta_assets.settings import Settings
from immuta_assets.tenant.dump import DumpError

DAYS = dg.DailyPartitionsDefinition("2026-05-01", end_offset=1)
DAY = "2026-05-04"
KEY = dg.AssetKey(["prpr2", "request-duas"])
DUAS = LAYOUTS["prpr2"].tables["request-duas"]
EXPORT_DATE = datetime(2026, 5, 4, 6, 30)
Materialize = Callable[..., dg.ExecuteInProcessResult]


class Flags(dy.Schema):
    """A small frame of one day."""

    flag = dy.Int64(min=0)


@pytest.fixture
def root(tmp_path: Path) -> StoreRoot:
    return StoreRoot(str(tmp_path))


@pytest.fixture
def flags(root: StoreRoot) -> FileDataset:
    return FileDataset(root, "flags", Flags)


@pytest.fixture
def table_of_duas(root: StoreRoot) -> FileDataset:
    return open_layout(root, "prpr2")["request-duas"]


@pytest.fixture
def materialize(
    flags: FileDataset, table_of_duas: FileDataset, root: StoreRoot, instance: dg.DagsterInstance
) -> Materialize:
    """Materialize assets for one day without raising their errors."""
    return lambda *assets, day=DAY, selection=None: dg.materialize(
        assets,
        selection=selection,
        partition_key=day,
        instance=instance,
        resources={"io_manager": DatasetIOManager([flags, table_of_duas, FileDataset(root, "asset", Flags)])},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def duas(**changed: object) -> pl.LazyFrame:
    columns = {"request_id": "r", "dua_id": "d", "name": "Terms", "export_date": EXPORT_DATE} | changed
    return pl.LazyFrame({name: [value] for name, value in columns.items()}, schema=DUAS.create_empty().schema)


def table(frame: pl.LazyFrame) -> dg.AssetsDefinition:
    @dg.asset(key=KEY, partitions_def=DAYS, check_specs=[checks.define_conforms(KEY, DAYS)])
    def asset() -> Iterator[dg.AssetCheckResult | dg.Output[ExportTable]]:
        yield from checks.check_conforms(KEY, find_nonconformities(DUAS, frame))
        yield dg.Output(ExportTable(frame, DUAS, EXPORT_DATE))

    return asset


def raising(*errors: Exception) -> tuple[dg.AssetsDefinition, list[Exception]]:
    """Return an asset that raises one error per try and the errors it has not raised yet."""
    left = list(errors)

    @dg.asset(partitions_def=DAYS)
    def asset() -> pl.LazyFrame:
        with failures.explain_errors("/data/store"):
            if left:
                raise left.pop(0)
        return pl.LazyFrame({"flag": [1]})

    return asset, left


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    told = event.step_failure_data.user_failure_data
    assert told is not None
    return str(told.description)


def test_a_table_is_stored_as_its_layout_wants_it_published(
    table_of_duas: FileDataset, materialize: Materialize
) -> None:
    assert materialize(table(duas())).success
    with table_of_duas.open_local_file(DAY) as path:
        facts = parquet.inspect_file(path, DUAS)
    assert (facts.rows, facts.export_date) == (1, EXPORT_DATE)


def test_a_materialization_holds_counts_and_places_only(materialize: Materialize) -> None:
    (event,) = materialize(table(duas(name="Secret terms"))).get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 1
    assert "Secret" not in str(metadata)


def test_a_table_that_does_not_conform_leaves_the_stored_file_alone(
    root: StoreRoot, table_of_duas: FileDataset, materialize: Materialize
) -> None:
    assert materialize(table(duas())).success
    before = table_of_duas.state()
    result = materialize(table(duas(dua_id=None)))
    (evaluation,) = result.get_asset_check_evaluations()
    assert (result.success, evaluation.passed, evaluation.partition) == (False, False, DAY)
    assert failure_of(result).startswith("prpr2/request-duas breaks its schema: dua_id is null")
    assert table_of_duas.state() == before
    assert len([path for path in Path(root.uri).rglob("*") if path.is_file()]) == 1


def flag_asset(frame: pl.LazyFrame) -> dg.AssetsDefinition:
    @dg.asset(name="flags", partitions_def=DAYS)
    def asset() -> pl.LazyFrame:
        return frame

    return asset


@pytest.mark.parametrize(
    "frame",
    [
        pl.LazyFrame({"flag": ["x"]}).cast(pl.Int64),
        pl.LazyFrame({"flag": ["1"]}),
        pl.LazyFrame({"flag": [None]}, schema={"flag": pl.Int64}),
        pl.LazyFrame({"flag": [-1]}),
        pl.LazyFrame({"other": [1]}),
    ],
    ids=["fails while written", "other type", "null", "breaks a rule", "other column"],
)
def test_a_frame_that_breaks_its_schema_leaves_the_stored_file_alone(
    root: StoreRoot, flags: FileDataset, materialize: Materialize, frame: pl.LazyFrame
) -> None:
    assert materialize(flag_asset(pl.LazyFrame({"flag": [1]}))).success
    before = flags.state()
    assert not materialize(flag_asset(frame)).success
    assert flags.state() == before
    assert len([path for path in Path(root.uri).rglob("*") if path.is_file()]) == 1


def test_several_partitions_are_loaded_as_one_frame(flags: FileDataset) -> None:
    flags.commit({"2026-05-01": pl.LazyFrame({"flag": [1]}), "2026-05-02": pl.LazyFrame({"flag": [2]})})
    context = dg.build_input_context(
        asset_key=dg.AssetKey("flags"),
        asset_partitions_def=DAYS,
        asset_partition_key_range=dg.PartitionKeyRange("2026-05-01", "2026-05-02"),
    )
    assert DatasetIOManager([flags]).load_input(context).collect()["flag"].to_list() == [1, 2]


def test_every_hour_of_a_run_shows_its_own_counts(root: StoreRoot, instance: dg.DagsterInstance) -> None:
    readings = open_connection_data(root, "c").readings
    keys = ["2026-05-04-05:00", "2026-05-04-06:00", "2026-05-04-07:00"]
    rows = {key: readings.schema.sample(1).with_columns(hour=pl.lit(parse_hour_key(key))).lazy() for key in keys}
    hours = dg.HourlyPartitionsDefinition("2026-05-04-00:00", timezone="UTC")

    @dg.asset(key=readings.key.split("/"), partitions_def=hours, backfill_policy=dg.BackfillPolicy.single_run())
    def read() -> HourlyFrames:
        counts = {key: {"statements": count} for count, key in enumerate(keys)}
        return HourlyFrames(rows, datetime(2026, 5, 4, 9, tzinfo=UTC), counts)

    result = dg.materialize(
        [read],
        instance=instance,
        resources={"io_manager": DatasetIOManager([readings])},
        tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
    )
    shown = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    assert {one.partition: one.metadata["statements"].value for one in shown} == dict(zip(keys, range(3), strict=True))
    assert {one.metadata["dagster/partition_row_count"].value for one in shown} == {1}


def test_a_partition_that_was_never_stored_names_the_file_and_the_remedy(
    flags: FileDataset, materialize: Materialize
) -> None:
    @dg.asset(name="asset", partitions_def=DAYS)
    def consumer(flags: pl.LazyFrame) -> pl.LazyFrame:
        return flags

    produced = flag_asset(pl.LazyFrame({"flag": [1]}))
    assert failure_of(materialize(produced, consumer, selection=[consumer])) == (
        f"{flags.root.locate(f'flags/{DAY}.parquet')}: it is missing; materialize what lies upstream for the same "
        "export day first."
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
        build_graph(settings)
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
    path = Path(settings.store, "prpr2", "request-duas", f"{DAY}.parquet")
    before = {one: one.read_bytes() for one in Path(settings.destination[0]).rglob("*.parquet")}
    parquet.write_table(DUAS.create_empty(lazy=True), DUAS, path, export_date=datetime(2026, 5, 4, 5, 30))
    result = (
        build_graph(settings)
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
