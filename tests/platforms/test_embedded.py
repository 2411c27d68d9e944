"""History in a DuckDB file, and the demo's: what is read of an hour, and when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from immuta_assets.demo import query_history as demo
from immuta_assets.demo.tenant import write_demo
from immuta_assets.platforms import registry
from immuta_assets.platforms.embedded import reader as embedded
from immuta_assets.platforms.embedded.connection import EmbeddedConnection
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.hour import Counted, HistoryError
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.registry import PLATFORMS
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS
from immuta_assets.tenant import dump

AT = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
"""A Friday: both days before it are working days."""
MUCH_LATER = AT + timedelta(days=1)
HOUR = datetime(2026, 11, 20, 9, tzinfo=UTC)
MOMENT = HOUR + timedelta(minutes=5)
HOURS = [AT.replace(minute=0) - timedelta(hours=hours) for hours in range(48)]

History = tuple[pl.DataFrame, pl.DataFrame]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("tenant")
    write_demo(folder, at=AT)
    return dump.read(folder, ["users", "data_sources", "columns"])


@pytest.fixture(scope="module")
def drawn(tenant: dict[str, pl.DataFrame]) -> History:
    return demo.draw_history(tenant, seed=0, at=AT)


@pytest.fixture(scope="module")
def connection(drawn: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path: Path = tmp_path_factory.mktemp("history") / "history.duckdb"
    embedded.write_history(path, *drawn)
    with duckdb.connect(path, read_only=True) as connection:
        yield connection


def read(connection: duckdb.DuckDBPyConnection, platform: Platform, hour: datetime, now: datetime) -> History:
    found = embedded.read_hour(connection, platform, hour, now)
    return found.statements.collect(), found.accesses.collect()


STATEMENT = {
    "platform": "SNOWFLAKE", "query_id": "q1", "started_at": MOMENT, "ended_at": MOMENT, "status": "SUCCESS",
    "text_state": "WHOLE", "access_state": "KNOWN", "arrived_at": MOMENT,
}  # fmt: skip
ACCESS = {
    "platform": "SNOWFLAKE", "query_id": "q1", "object_name": "DB.S.T", "name": "T", "object_type": "TABLE",
    "accessed_columns": [], "inferred": False, "arrived_at": MOMENT,
}  # fmt: skip


@contextmanager
def kept(
    path: Path, statements: list[dict[str, Any]], accesses: list[dict[str, Any]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file with statements and accesses that differ from ``STATEMENT`` and ``ACCESS`` as said."""
    extra = pl.Schema({"platform": pl.String(), "arrived_at": pl.Datetime("us", "UTC")})
    rows = [
        pl.DataFrame([base | change for change in changes], schema=pl.Schema([*frame.schema.items(), *extra.items()]))
        for frame, base, changes in (
            (Statements.create_empty(), STATEMENT, statements),
            (Accesses.create_empty(), ACCESS, accesses),
        )
    ]
    embedded.write_history(path, *rows)
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        yield connection


@pytest.mark.parametrize("platform", PLATFORMS.values())
@pytest.mark.parametrize("now", [AT, MUCH_LATER])
def test_hours_counted_together_and_one_by_one_agree(
    connection: duckdb.DuckDBPyConnection, platform: Platform, now: datetime
) -> None:
    together = embedded.count_hours(connection, platform, HOURS[-1], HOURS[0] + timedelta(hours=1), now)
    alone = {hour: embedded.read_hour(connection, platform, hour, now).facts for hour in HOURS}
    assert {hour: facts.counted for hour, facts in alone.items() if facts.counted.statements} == together
    assert [facts.counted.statement_ids for facts in alone.values()] == [facts.statements for facts in alone.values()]
    assert [facts.counted.accesses for facts in alone.values()] == [facts.accesses for facts in alone.values()]


def test_what_is_counted_of_an_hour_does_not_depend_on_the_local_zone(tmp_path: Path) -> None:
    twice = [{}, {}, {"query_id": "q2", "ended_at": MOMENT + timedelta(minutes=50), "access_state": "NONE"}]
    objects = [{}, {"object_name": "DB.S.U"}]
    with kept(tmp_path / "history.duckdb", twice, objects) as connection:
        since, until = HOUR - timedelta(hours=1), HOUR + timedelta(hours=2)
        counted = embedded.count_hours(connection, SNOWFLAKE, since, until, MUCH_LATER)
    assert counted == {HOUR: Counted(3, 2, 2, MOMENT + timedelta(minutes=50))}
    assert all(hour.tzinfo is UTC for hour in counted)


def test_an_access_that_arrives_later_changes_what_is_counted(tmp_path: Path) -> None:
    late = {"object_name": "DB.S.U", "arrived_at": MOMENT + timedelta(hours=2)}
    with kept(tmp_path / "history.duckdb", [{}], [{}, late]) as connection:
        moments = [MOMENT + timedelta(hours=hours) for hours in (1, 2)]
        facts = [embedded.read_hour(connection, SNOWFLAKE, HOUR, now).facts for now in moments]
    assert [each.counted.accesses for each in facts] == [1, 2]


def test_a_statement_written_anew_with_another_end_belongs_to_the_hour_of_the_row_that_arrived_last(
    tmp_path: Path,
) -> None:
    later, between = HOUR + timedelta(hours=3), MOMENT + timedelta(hours=4)
    moved = {"ended_at": later, "arrived_at": between + timedelta(hours=1)}
    with kept(tmp_path / "history.duckdb", [{}, moved], [{}]) as connection:
        before, after = (
            [read(connection, SNOWFLAKE, hour, now)[0]["query_id"].to_list() for hour in (HOUR, later)]
            for now in (between, MUCH_LATER)
        )
        objects = read(connection, SNOWFLAKE, later, MUCH_LATER)[1]
        counted = embedded.count_hours(connection, SNOWFLAKE, HOUR, later + timedelta(hours=1), MUCH_LATER)
    assert (before, after) == ([["q1"], []], [[], ["q1"]])
    assert objects["object_name"].to_list() == ["DB.S.T"]
    assert counted == {later: Counted(1, 1, 1, later)}


def test_the_same_seed_gives_the_same_history(tenant: dict[str, pl.DataFrame], drawn: History) -> None:
    again, other = demo.draw_history(tenant, seed=0, at=AT), demo.draw_history(tenant, seed=1, at=AT)
    assert_frame_equal(again[0], drawn[0])
    assert_frame_equal(again[1], drawn[1])
    assert not other[0].equals(drawn[0])


@pytest.mark.parametrize("platform", PLATFORMS.values())
def test_every_statement_is_read_in_the_hour_in_which_it_ended(
    connection: duckdb.DuckDBPyConnection, drawn: History, platform: Platform
) -> None:
    hours = [read(connection, platform, hour, MUCH_LATER) for hour in HOURS]
    together = pl.concat(statements for statements, _ in hours)
    expected = drawn[0].filter(platform=platform.name)
    assert sorted(together["query_id"]) == sorted(set(expected["query_id"]))
    for hour, (statements, accesses) in zip(HOURS, hours, strict=True):
        assert statements["ended_at"].is_between(hour, hour + timedelta(hours=1), closed="left").all()
        assert accesses["query_id"].is_in(statements["query_id"].implode()).all()


def test_what_has_not_arrived_is_not_seen_and_its_objects_are_pending(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    hour = AT.replace(hour=14, minute=0)
    early, _ = read(connection, SNOWFLAKE, hour, hour + timedelta(minutes=65))
    late, accesses = read(connection, SNOWFLAKE, hour, MUCH_LATER)
    assert 0 < early.height < late.height
    assert (early["access_state"] == "PENDING").sum() > (late["access_state"] == "PENDING").sum() == 0
    assert late.filter(access_state="KNOWN")["query_id"].is_in(accesses["query_id"].implode()).all()


def test_the_frames_follow_their_schemas(connection: duckdb.DuckDBPyConnection) -> None:
    statements, accesses = read(connection, DATABRICKS, HOURS[5], MUCH_LATER)
    assert Statements.is_valid(statements)
    assert Accesses.is_valid(accesses)


def test_a_reading_says_what_it_found(connection: duckdb.DuckDBPyConnection, drawn: History) -> None:
    found = [embedded.read_hour(connection, SNOWFLAKE, hour, MUCH_LATER) for hour in HOURS]
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
    arrivals = accesses.join(statements.unique("query_id"), on="query_id")
    assert (arrivals["arrived_at"] - arrivals["arrived_at_right"] > timedelta(hours=1)).any()
    redacted = statements.filter(text_state="REDACTED")
    assert set(redacted["platform"]) == {"DATABRICKS"}
    assert redacted["text"].is_null().all()
    names = pl.concat([tenant["users"][column] for column in ("snowflake_user", "databricks_user", "email")])
    known = statements.filter(user_type="PERSON")["user_name"].is_in(names.drop_nulls().implode())
    assert 0.9 < known.sum() / known.len() < 1
    assert set(accesses.filter(database="SANDBOX")["platform"]) == {"SNOWFLAKE"}


@pytest.mark.parametrize(("platform", "column"), [("SNOWFLAKE", "snowflake_user"), ("DATABRICKS", "databricks_user")])
def test_somebody_uses_the_platform_under_a_name_that_waits_for_its_mapping(
    drawn: History, tenant: dict[str, pl.DataFrame], platform: str, column: str
) -> None:
    known = pl.concat([tenant["users"][column], tenant["users"]["email"]]).drop_nulls().str.to_lowercase()
    used = drawn[0].filter(platform=platform)["user_name"].str.to_lowercase().unique()
    strangers = used.filter(~used.is_in(known.implode())).str.replace("@.*", "")
    unmapped = tenant["users"].filter(pl.col(column).is_null())["email"].str.to_lowercase()
    accounts = unmapped.str.slice(0, 1) + unmapped.str.extract(r"\.([^.@]+)@")
    assert strangers.is_in(accounts.drop_nulls().implode()).sum() == 1


def test_working_hours_are_busier_than_nights(drawn: History) -> None:
    by_hour = drawn[0].group_by(hour=pl.col("ended_at").dt.hour()).len()
    busy, quiet = by_hour.filter(hour=10)["len"].item(), by_hour.filter(hour=2)["len"].item()
    assert busy > 3 * quiet


@pytest.mark.parametrize("text", [None, "no DuckDB file"])
def test_a_file_that_cannot_be_opened_is_one_sentence_with_what_to_do(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "history.duckdb"
    if text is not None:
        path.write_text(text)
    opened = EmbeddedConnection(name="demo", kind="embedded", platform=SNOWFLAKE, path=path)
    with pytest.raises(HistoryError, match=r"^Connection demo: .*history\.duckdb .*; (correct|it must be) .*\.$"):
        registry.count_hours(opened, HOUR, HOUR + timedelta(hours=1), MUCH_LATER)
