"""History in a DuckDB file, and the demo's: what is read of an hour, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from immuta_assets.query_history import demo, embedded
from immuta_assets.query_history.history import Accesses, Platform, Statements
from immuta_assets.tenant import dump
from immuta_assets.tenant.demo import write_demo

AT = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
"""A Friday: both days before it are working days."""
MUCH_LATER = AT + timedelta(days=1)
HOURS = [AT.replace(minute=0) - timedelta(hours=hours) for hours in range(48)]

History = tuple[pl.DataFrame, pl.DataFrame]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("tenant")
    write_demo(folder, at=AT)
    return dump.read(folder, ["users", "data_sources", "columns"])


@pytest.fixture(scope="module")
def drawn(tenant: dict[str, pl.DataFrame]) -> History:
    return demo.history(tenant, seed=0, at=AT)


@pytest.fixture(scope="module")
def connection(drawn: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path: Path = tmp_path_factory.mktemp("history") / "history.duckdb"
    embedded.write(path, *drawn)
    with duckdb.connect(path, read_only=True) as connection:
        yield connection


def read(connection: duckdb.DuckDBPyConnection, platform: Platform, hour: datetime, now: datetime) -> History:
    found = embedded.read_hour(connection, platform, hour, now)
    return found.statements.collect(), found.accesses.collect()


def test_the_same_seed_gives_the_same_history(tenant: dict[str, pl.DataFrame], drawn: History) -> None:
    again, other = demo.history(tenant, seed=0, at=AT), demo.history(tenant, seed=1, at=AT)
    assert_frame_equal(again[0], drawn[0])
    assert_frame_equal(again[1], drawn[1])
    assert not other[0].equals(drawn[0])


@pytest.mark.parametrize("platform", Platform)
def test_every_statement_is_read_in_the_hour_in_which_it_ended(
    connection: duckdb.DuckDBPyConnection, drawn: History, platform: Platform
) -> None:
    hours = [read(connection, platform, hour, MUCH_LATER) for hour in HOURS]
    together = pl.concat(statements for statements, _ in hours)
    expected = drawn[0].filter(platform=platform.value)
    assert sorted(together["query_id"]) == sorted(set(expected["query_id"]))
    for hour, (statements, accesses) in zip(HOURS, hours, strict=True):
        assert statements["ended_at"].is_between(hour, hour + timedelta(hours=1), closed="left").all()
        assert accesses["query_id"].is_in(statements["query_id"].implode()).all()


def test_what_has_not_arrived_is_not_seen_and_its_objects_are_pending(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    hour = AT.replace(hour=14, minute=0)
    early, _ = read(connection, Platform.SNOWFLAKE, hour, hour + timedelta(minutes=65))
    late, accesses = read(connection, Platform.SNOWFLAKE, hour, MUCH_LATER)
    assert 0 < early.height < late.height
    assert (early["access_state"] == "PENDING").sum() > (late["access_state"] == "PENDING").sum() == 0
    assert late.filter(access_state="KNOWN")["query_id"].is_in(accesses["query_id"].implode()).all()


def test_the_frames_follow_their_schemas(connection: duckdb.DuckDBPyConnection) -> None:
    statements, accesses = read(connection, Platform.DATABRICKS, HOURS[5], MUCH_LATER)
    assert Statements.is_valid(statements)
    assert Accesses.is_valid(accesses)


def test_a_reading_says_what_it_found(connection: duckdb.DuckDBPyConnection, drawn: History) -> None:
    found = [embedded.read_hour(connection, Platform.SNOWFLAKE, hour, MUCH_LATER) for hour in HOURS]
    expected = drawn[0].filter(platform="SNOWFLAKE")
    assert sum(hour.facts.statements for hour in found) == expected["query_id"].n_unique()
    assert sum(hour.facts.source_duplicates for hour in found) == expected["query_id"].is_duplicated().sum() / 2 > 0
    assert (
        max(latest for hour in found if (latest := hour.facts.latest_end["statements"])) == expected["ended_at"].max()
    )


def test_the_demo_has_everything_that_happens_on_a_platform(drawn: History, tenant: dict[str, pl.DataFrame]) -> None:
    statements, accesses = drawn
    assert set(statements["status"]) == {"SUCCESS", "FAILURE", "UNAUTHORIZED"}
    assert set(statements["access_state"]) == {"KNOWN", "CACHED", "NOT_APPLICABLE"}
    assert set(statements["user_type"]) == {"PERSON", "SERVICE"}
    assert statements["query_id"].is_duplicated().any()
    assert (statements["arrived_at"] - statements["ended_at"] > timedelta(hours=1)).any()
    names = pl.concat([tenant["users"][column] for column in ("snowflake_user", "databricks_user", "email")])
    known = statements.filter(user_type="PERSON")["user_name"].is_in(names.drop_nulls().implode())
    assert 0.9 < known.sum() / known.len() < 1
    assert set(accesses.filter(database="SANDBOX")["platform"]) == {"SNOWFLAKE"}


def test_working_hours_are_busier_than_nights(drawn: History) -> None:
    by_hour = drawn[0].group_by(hour=pl.col("ended_at").dt.hour()).len()
    busy, quiet = by_hour.filter(hour=10)["len"].item(), by_hour.filter(hour=2)["len"].item()
    assert busy > 3 * quiet
