"""Query history through the graph: hours become events, late rows revise them, and mappings reach the past."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from immuta_assets.audit.queries.events import QueryEvents
from immuta_assets.audit.stored import ConnectionData, open_connection_data, open_unknown_users
from immuta_assets.datasets.hours import format_hour_key, parse_hour_key
from immuta_assets.datasets.root import open_root
from immuta_assets.demo import query_history as demo
from immuta_assets.demo.tenant import write_demo
from immuta_assets.orchestration.run import IngestResult, run_export, run_ingest
from immuta_assets.platforms.embedded import reader as embedded
from immuta_assets.settings import Settings, load
from immuta_assets.tenant import dump

AT = datetime(2026, 5, 8, 17, 30, tzinfo=UTC)
"""A Friday, when people work."""
HOURS = [format_hour_key(AT.replace(hour=hour, minute=0)) for hour in (13, 14, 15)]
NEVER = datetime(2999, 1, 1, tzinfo=UTC)
CONNECTION = "demo_snowflake"

Ingest = Callable[[], IngestResult]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A demo tenant that was exported once, and its query history."""
    write_demo(tmp_path / "tenant", at=AT)
    history(tmp_path / "tenant")
    (tmp_path / "tenant" / "connections.yaml").write_text(demo.CONNECTIONS)
    found = load(
        tenant=str(tmp_path / "tenant"),
        store=str(tmp_path / "store"),
        destination=str(tmp_path / "published"),
        connections=str(tmp_path / "tenant" / "connections.yaml"),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_export(found, instance=instance).failure is None
    return found


def history(tenant: Path, *, objects_arrive: datetime | None = None) -> None:
    statements, accesses = demo.draw_history(dump.read(tenant, demo.COLLECTIONS), seed=0, at=AT)
    arrived = AT
    statements = statements.with_columns(arrived_at=pl.lit(arrived))
    embedded.write_history(
        tenant / "history.duckdb", statements, accesses.with_columns(arrived_at=objects_arrive or arrived)
    )


@pytest.fixture
def ingest(settings: Settings) -> Ingest:
    def run() -> IngestResult:
        with dg.DagsterInstance.ephemeral() as instance:
            return run_ingest(settings, CONNECTION, HOURS, instance=instance)

    return run


def data(settings: Settings) -> ConnectionData:
    return open_connection_data(open_root(settings), CONNECTION)


def stored(settings: Settings) -> pl.DataFrame:
    return data(settings).query_events.scan().collect()


def unknown_names(settings: Settings) -> set[str]:
    return set(open_unknown_users(open_root(settings)).scan().collect()["user_name"])


def test_every_statement_becomes_events_in_the_hour_in_which_it_ended(settings: Settings, ingest: Ingest) -> None:
    result = ingest()
    assert result.failure is None
    frames = {name: data(settings).tables[name].scan().collect() for name in ("statements", "accesses")}
    made = stored(settings)
    assert QueryEvents.is_valid(made, cast=True)
    assert set(made["query_id"]) == set(frames["statements"]["query_id"])
    assert made["object_name"].drop_nulls().len() == frames["accesses"].height > 0
    for key in HOURS:
        hour = data(settings).query_events.scan([key]).collect()
        ended = hour["auditPayload"].struct.field("endTime")
        assert hour.height > 0
        assert ended.is_between(parse_hour_key(key), parse_hour_key(key) + timedelta(hours=1), closed="left").all()


def test_reading_again_changes_nothing(settings: Settings, ingest: Ingest) -> None:
    ingest()
    before = stored(settings)
    ingest()
    assert stored(settings).equals(before)


def test_objects_that_arrive_late_revise_the_event_they_were_missing_in(settings: Settings, ingest: Ingest) -> None:
    history(Path(settings.tenant), objects_arrive=NEVER)
    ingest()
    without = stored(settings)
    assert without["object_name"].null_count() == without.height
    history(Path(settings.tenant))
    ingest()
    revised = stored(settings)
    assert set(without["id"]) < set(revised["id"])
    first = revised.filter(pl.col("object_name").is_not_null(), pl.col("id").is_in(without["id"].implode()))
    assert set(first["revision"]) == {2}
    assert set(first["receivedTimestamp"]) == set(without["receivedTimestamp"])


def test_a_mapping_added_to_the_tenant_names_the_past(settings: Settings, ingest: Ingest) -> None:
    ingest()
    assert "SVC_DBT_PROD" in unknown_names(settings)
    map_user(settings, "SVC_DBT_PROD")
    ingest()
    ran = stored(settings).filter(
        pl.col("auditPayload").struct.field("technologyContext").struct.field("snowflakeUsername") == "SVC_DBT_PROD"
    )
    assert set(ran["global_user_id"]) == {"u-dbt"}
    assert set(ran["revision"]) == {2}
    assert "SVC_DBT_PROD" not in unknown_names(settings)


def map_user(settings: Settings, name: str) -> None:
    """Add a user with a mapped Snowflake name to the dump, and export it."""
    user = {"iamid": "bim", "userid": "dbt", "globalUserId": "u-dbt"}
    profile = {"id": 999_999, "name": "dbt", "externalUserIds": {"snowflakeUser": name}}
    folder = Path(settings.tenant)
    line = pl.DataFrame([{**user, "profile": profile}]).write_ndjson()
    with (folder / "users.ndjson").open("a", encoding="utf-8") as file:
        file.write(line)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_export(settings, instance=instance).failure is None
