"""The ingestion is judged from what is stored alone: fine, stale, unread, or unknown where it cannot be read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.audit.queries.plan import Plan
from immuta_assets.audit.queries.readings import Coverage
from immuta_assets.health.ingestion import (
    IngestionJudgement,
    IngestionVerdict,
    judge_ingestion,
    watch_ingestion,
)
from immuta_assets.health.status import (
    FINE,
    STALE,
    UNKNOWN,
    Health,
    build_report,
    choose_exit_code,
    describe_problems,
    list_ingestion,
)
from immuta_assets.publishing.verdicts import Expected
from immuta_assets.settings import Settings, load, parse_layouts

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
OPEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXPECTED = Expected(parse_layouts("prpr2"), ZoneInfo("UTC"))
COUNTS = dict.fromkeys((name for name, dtype in Coverage.create_empty().schema.items() if dtype == pl.Int64), 0)
TWO = """
connections:
  - {name: one, kind: snowflake, account: a, user: u, password: {env: A_SECRET_OF_ANOTHER_MACHINE}, role: r,
     warehouse: w}
  - {name: other, kind: embedded, platform: snowflake, path: history.duckdb}
"""


def covered(name: str, *ago: int) -> pl.DataFrame:
    """The coverage of the hours that closed so many hours ago (1: the last), each read five minutes after its close."""
    rows: list[dict[str, Any]] = [
        {
            **COUNTS,
            "connection": name,
            "hour": OPEN - hours * HOUR,
            "read_at": OPEN - hours * HOUR + HOUR + timedelta(minutes=5),
            "sources": [],
            "limits": [],
            "snapshot_at": OPEN,
        }
        for hours in ago
    ]
    return pl.DataFrame(rows, Coverage.create_empty().schema | {"connection": pl.String})


def planned(name: str, *ago: int) -> pl.DataFrame:
    rows = [
        {"connection": name, "hour": OPEN - hours * HOUR, "planned_at": NOW, "reason": "NEW", "due_since": NOW}
        for hours in ago
    ]
    return pl.DataFrame(rows, Plan.create_empty().schema | {"connection": pl.String})


def judged(coverage: pl.DataFrame, plans: pl.DataFrame | None = None, now: datetime = NOW) -> IngestionJudgement:
    (found,) = judge_ingestion(["one"], coverage, planned("one") if plans is None else plans, now)
    return found


def exit_code(*judgements: IngestionJudgement) -> int:
    return choose_exit_code(Health([], EXPECTED, judgements))


def test_a_connection_that_is_read_up_to_the_last_hour_is_fine() -> None:
    found = judged(covered("one", *range(1, 48)))
    assert found == IngestionJudgement("one", IngestionVerdict.FINE, OPEN - HOUR, timedelta(minutes=10))
    assert exit_code(found) == FINE


def test_a_connection_that_is_not_read_any_more_is_stale() -> None:
    found = judged(covered("one", *range(4, 48)))
    assert (found.verdict, found.newest_hour) == (IngestionVerdict.STALE, OPEN - 4 * HOUR)
    assert (found.lag, found.missing) == (timedelta(hours=3, minutes=10), 3)
    assert "look for failed runs, schedule and sensor" in found.notes[0]
    assert exit_code(found) == STALE


def test_being_late_is_said_before_it_is_stale() -> None:
    found = judged(covered("one", *range(3, 48)))
    assert found.verdict is IngestionVerdict.FINE
    assert found.notes
    assert exit_code(found) == FINE


@pytest.mark.parametrize("plans", [planned("one"), planned("one", 1, 2)], ids=["no plan", "a plan"])
def test_a_connection_that_was_never_read_is_unread_and_says_what_to_do(plans: pl.DataFrame) -> None:
    found = judged(covered("one"), plans)
    assert (found.verdict, found.newest_hour, found.due) == (IngestionVerdict.UNREAD, None, plans.height)
    assert "immuta-assets ingest --connection one" in found.notes[0]
    assert exit_code(found) == STALE


def test_a_connection_of_which_nothing_was_read_for_8_days_is_unread() -> None:
    assert judged(covered("one", *range(300, 310))).verdict is IngestionVerdict.UNREAD


@given(st.lists(st.integers(1, 30), unique=True), st.integers(0, 40))
def test_a_connection_is_fine_exactly_while_nothing_waits_for_three_hours(ago: Sequence[int], later: int) -> None:
    now = NOW + later * HOUR
    found = judged(covered("one", *ago), now=now)
    hours = {OPEN - each * HOUR for each in ago}
    closed = [min(hours) + step * HOUR for step in range(80)] if hours else []
    missing = [hour for hour in closed if hour + HOUR <= now and hour not in hours]
    waits = [now - (hour + HOUR) for hour in missing]
    lag = now - max(hours, default=now) - HOUR
    is_fine = bool(hours) and max([lag, *waits]) < timedelta(hours=3)
    assert (found.verdict is IngestionVerdict.FINE) is is_fine
    assert found.missing == len(missing)


def test_connections_are_judged_apart_and_one_that_is_configured_no_more_not_at_all() -> None:
    coverage = pl.concat([covered("one", *range(1, 48)), covered("gone", *range(30, 48))])
    found = judge_ingestion(["other", "one"], coverage, planned("one"), NOW)
    assert [(each.connection, each.verdict) for each in found] == [
        ("other", IngestionVerdict.UNREAD),
        ("one", IngestionVerdict.FINE),
    ]
    assert [each.connection for each in list_ingestion(Health([], EXPECTED, found[::-1]))] == ["other", "one"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two connections, of which this machine has no secret, and a store whose name reads like a pattern."""
    (tmp_path / "connections.yaml").write_text(TWO, "utf-8")
    return load(connections=tmp_path / "connections.yaml", store=tmp_path / "st[ab]re")


def store(settings: Settings, name: str, *ago: int) -> None:
    for hours in ago:
        frame = covered(name, hours).drop("connection")
        path = Path(settings.store, "audit", "coverage", name, f"{OPEN - hours * HOUR:%Y-%m-%d-%H:%M}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)


def test_the_watch_reads_the_store_and_needs_no_secret(settings: Settings) -> None:
    store(settings, "one", *range(1, 30))
    plan = Path(settings.store, "query_history", "one", "plan", "all.parquet")
    plan.parent.mkdir(parents=True)
    planned("one", 1).drop("connection").write_parquet(plan)
    one, other = watch_ingestion(settings, NOW)
    assert (one.connection, one.verdict, one.due) == ("one", IngestionVerdict.FINE, 1)
    assert (other.connection, other.verdict) == ("other", IngestionVerdict.UNREAD)


def test_a_store_in_which_nothing_was_ever_stored_is_stale_and_not_created(settings: Settings) -> None:
    found = watch_ingestion(settings, NOW)
    assert [each.verdict for each in found] == [IngestionVerdict.UNREAD] * 2
    assert exit_code(*found) == STALE
    assert not Path(settings.store).exists()


def test_a_connection_whose_files_cannot_be_read_is_unknown_and_hides_no_other(settings: Settings) -> None:
    store(settings, "one", *range(1, 30))
    store(settings, "other", *range(1, 30))
    next((Path(settings.store, "audit", "coverage", "one")).iterdir()).write_bytes(b"no Parquet")
    one, other = watch_ingestion(settings, NOW)
    assert (one.verdict, other.verdict) == (IngestionVerdict.UNKNOWN, IngestionVerdict.FINE)
    assert settings.store in one.notes[0]
    assert exit_code(one, other) == UNKNOWN


def test_without_connections_there_is_nothing_to_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert watch_ingestion(load(), NOW) == []


@pytest.mark.parametrize("content", [None, "connections: [", "connections:\n  - {name: ../up}\n"])
def test_connections_that_cannot_be_told_are_unknown(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "connections.yaml"
    if content:
        path.write_text(content, "utf-8")
    (found,) = watch_ingestion(load(connections=path), NOW)
    assert (found.connection, found.verdict) == ("connections.yaml", IngestionVerdict.UNKNOWN)
    assert exit_code(found) == UNKNOWN


def test_what_is_stale_outweighs_what_could_not_be_told() -> None:
    unknown = IngestionJudgement("one", IngestionVerdict.UNKNOWN)
    assert exit_code(unknown, IngestionJudgement("other", IngestionVerdict.STALE)) == STALE


def test_the_report_for_programs_has_moments_with_a_zone_and_seconds() -> None:
    health = Health([], EXPECTED, [judged(covered("one", *range(4, 48)))])
    report = build_report(health)
    assert report["fine"] is False
    assert report["ingestion"] == [
        {
            "connection": "one",
            "verdict": "stale",
            "newest_hour": "2026-11-20T08:00:00+00:00",
            "lag_seconds": 11_400,
            "missing_hours": 3,
            "due_hours": 0,
        }
    ]
    assert report["notes"] == describe_problems(health) != []


def test_the_watch_loads_nothing_of_dagster() -> None:
    modules = "immuta_assets.health.status, immuta_assets.orchestration.destinations"
    program = f"import sys, {modules}; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
