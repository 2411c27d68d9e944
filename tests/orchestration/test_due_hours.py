"""From the platform's counts to runs: the plan, its schedule and its sensor, and what they do about late rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from immuta_assets.audit.queries.plan import Plan
from immuta_assets.audit.stored import ConnectionData, open_connection_data, open_unknown_users
from immuta_assets.datasets.dataset import Committed
from immuta_assets.datasets.hours import format_hour_key, parse_hour_key
from immuta_assets.datasets.root import open_root
from immuta_assets.definitions import build_graph
from immuta_assets.demo import query_history as demo
from immuta_assets.demo.tenant import write_demo
from immuta_assets.orchestration.automation import CONNECTION as CONNECTION_TAG
from immuta_assets.orchestration.automation import RANGE_END, RANGE_START
from immuta_assets.orchestration.moments import MOMENT
from immuta_assets.orchestration.run import IngestResult, run_due, run_export
from immuta_assets.platforms.embedded import reader as embedded
from immuta_assets.settings import Settings, load
from immuta_assets.tenant import dump

AT = datetime(2026, 5, 8, 17, 30, tzinfo=UTC)
"""A Friday, when people work; the demo's history ends then."""
FIRST_TICK = datetime(2026, 5, 8, 15, 5, tzinfo=UTC)
CONNECTION = "demo_snowflake"
HOUR = timedelta(hours=1)

Tick = Callable[[datetime], IngestResult]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A demo tenant that was exported once, and its query history."""
    folder = tmp_path_factory.mktemp("due")
    write_demo(folder / "tenant", at=AT)
    short = demo.CONNECTIONS.replace("path:", "reread: [5m, 1h, 2h, 4h]\n    path:")
    (folder / "tenant" / "connections.yaml").write_text(short)
    statements, accesses = demo.draw_history(dump.read(folder / "tenant", demo.COLLECTIONS), seed=0, at=AT)
    embedded.write_history(folder / "tenant" / "history.duckdb", statements, accesses)
    settings = load(
        tenant=str(folder / "tenant"),
        store=str(folder / "store"),
        destination=folder / "published",
        connections=folder / "tenant" / "connections.yaml",
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_export(settings, instance=instance).failure is None
    return settings


@pytest.fixture
def settings(exported: Settings, tmp_path: Path) -> Settings:
    """The exported tenant with a store of its own."""
    snapshot = Path(exported.store, "tenant")
    Path(tmp_path / "store").mkdir()
    (tmp_path / "store" / "tenant").symlink_to(snapshot)
    return exported.model_copy(update={"store": str(tmp_path / "store")})


@pytest.fixture
def tick(settings: Settings) -> Tick:
    """Load what is due at a moment."""

    def run(moment: datetime) -> IngestResult:
        with dg.DagsterInstance.ephemeral() as instance:
            return run_due(settings, CONNECTION, moment=moment, instance=instance)

    return run


def data(settings: Settings) -> ConnectionData:
    return open_connection_data(open_root(settings), CONNECTION)


def stored(settings: Settings, frame: str) -> dict[str, Committed]:
    """What is stored of each hour, by its key."""
    dataset = data(settings).tables[frame]
    return dataset.read_commits(dataset.list_partitions())


def plan(settings: Settings) -> pl.DataFrame:
    return data(settings).plan.scan().collect()


def test_a_fresh_installation_reads_the_hours_of_the_longest_slot(settings: Settings, tick: Tick) -> None:
    assert tick(FIRST_TICK).failure is None
    hours = sorted(stored(settings, "coverage"))
    assert hours[-1] == format_hour_key(FIRST_TICK.replace(minute=0) - HOUR)
    assert len(hours) == 4
    assert set(plan(settings)["reason"].drop_nulls()) == {"NEW"}
    assert Plan.is_valid(plan(settings), cast=True)


def test_only_new_and_changed_hours_are_read_again(settings: Settings, tick: Tick) -> None:
    tick(FIRST_TICK)
    before = stored(settings, "readings")
    assert tick(FIRST_TICK + HOUR).failure is None
    after = stored(settings, "readings")
    due = plan(settings).drop_nulls("reason")
    changed = {format_hour_key(hour) for hour in due["hour"]}
    assert {key for key in after if after[key] != before.get(key)} == changed
    assert set(due["reason"]) == {"NEW", "CHANGED"}


def test_a_tick_without_news_reads_nothing(settings: Settings, tick: Tick) -> None:
    tick(AT + HOUR)
    before = stored(settings, "query_events")
    result = tick(AT + HOUR)
    assert result.failure is None
    assert not any("query_events" in asset for asset in result.rows)
    assert stored(settings, "query_events") == before


def test_an_hour_without_coverage_is_read_again(settings: Settings, tick: Tick) -> None:
    tick(FIRST_TICK)
    torn, later = format_hour_key(FIRST_TICK.replace(minute=0) - 3 * HOUR), FIRST_TICK + timedelta(minutes=1)
    readings = data(settings).readings
    readings.commit({torn: readings.scan([torn]).with_columns(read_at=pl.lit(later))}, later)
    tick(FIRST_TICK + timedelta(minutes=2))
    assert plan(settings).drop_nulls("reason").select("hour", "reason").rows() == [(parse_hour_key(torn), "NEW")]
    covered = data(settings).coverage.scan([torn]).collect()["read_at"].item()
    assert covered == FIRST_TICK + timedelta(minutes=2)


def test_a_mapping_makes_the_events_of_affected_hours_again_and_reads_nothing(settings: Settings, tick: Tick) -> None:
    tick(AT + HOUR)
    tick(AT + 6 * HOUR)
    read = stored(settings, "readings")
    map_user(settings, "SVC_DBT_PROD")
    result = tick(AT + 6 * HOUR + timedelta(minutes=1))
    assert result.failure is None
    again = stored(settings, "readings")
    assert {key: again[key] for key in read} == read
    events = data(settings).query_events.scan().collect()
    ran = events.filter(
        pl.col("auditPayload").struct.field("technologyContext").struct.field("snowflakeUsername") == "SVC_DBT_PROD"
    )
    assert set(ran["global_user_id"]) == {"u-dbt"}
    assert set(ran["revision"]) == {2}
    assert set(events.filter(pl.col("global_user_id") != "u-dbt")["revision"]) == {1}
    unknown = open_unknown_users(open_root(settings)).scan().collect()
    assert "SVC_DBT_PROD" not in set(unknown["user_name"])


def map_user(settings: Settings, name: str) -> None:
    """Give the newest stored snapshot of the tenant a user with a mapped Snowflake name, in a store of its own."""
    link = Path(settings.store, "tenant")
    newest = max((link / "users").glob("*.parquet"))
    users = pl.read_parquet(newest)
    mapped = users.head(1).with_columns(
        profile_id=pl.lit(999_999, pl.Int64),
        global_user_id=pl.lit("u-dbt"),
        user_id=pl.lit("dbt"),
        email=pl.lit(None, pl.String),
        snowflake_user=pl.lit(name),
        system_generated=pl.lit(value=False),
    )
    snapshot = link.resolve()
    link.unlink()
    (link / "users").mkdir(parents=True)
    for collection in snapshot.iterdir():
        if collection.name != "users":
            (link / collection.name).symlink_to(collection)
    pl.concat([users, mapped]).write_parquet(link / "users" / newest.name)


def sensed(
    settings: Settings, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    definitions = build_graph(settings)
    sensor = definitions.resolve_sensor_def(f"due_hours_{CONNECTION}")
    context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=definitions.get_repository_def())
    result = sensor(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_the_sensor_asks_once_for_ranges_of_the_planned_hours(settings: Settings, tick: Tick) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert "no plan" in str(sensed(settings, instance))
        tick(FIRST_TICK)
        result = sensed(settings, instance)
        assert isinstance(result, dg.SensorResult)
        requests = result.run_requests or []
        assert [request.job_name for request in requests] == [f"ingest_{CONNECTION}"]
        assert {request.tags[MOMENT] for request in requests} == {FIRST_TICK.isoformat()}
        assert requests[-1].tags[RANGE_END] == format_hour_key(FIRST_TICK.replace(minute=0) - HOUR)
        assert all(request.tags[RANGE_START] <= request.tags[RANGE_END] for request in requests)
        assert isinstance(sensed(settings, instance, result.cursor), dg.SkipReason)


def test_the_sensor_waits_for_a_run_of_the_connection(settings: Settings, tick: Tick) -> None:
    tick(FIRST_TICK)
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_graph(settings).resolve_job_def(f"ingest_{CONNECTION}")
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={CONNECTION_TAG: CONNECTION})
        assert "not finished" in str(sensed(settings, instance))
        instance.delete_run(run.run_id)
        assert isinstance(sensed(settings, instance), dg.SensorResult)


def test_the_plan_is_made_every_hour_at_the_first_slot(settings: Settings) -> None:
    definitions = build_graph(settings)
    schedule = definitions.resolve_schedule_def(f"plan_{CONNECTION}_hourly")
    assert schedule.cron_schedule == "5 * * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    context = dg.build_schedule_context(scheduled_execution_time=AT, repository_def=definitions.get_repository_def())
    requests = schedule.evaluate_tick(context).run_requests
    assert requests is not None
    assert [request.tags[MOMENT] for request in requests] == [AT.isoformat()]
