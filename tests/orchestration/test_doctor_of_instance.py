"""The doctor counts at every connection and looks at the instance, and says what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from immuta_assets.health.doctor import Finding
from immuta_assets.orchestration.doctor import connection, instance
from immuta_assets.platforms.connections import Connection, load
from immuta_assets.platforms.hour import HistoryError

NOW = datetime(2026, 5, 4, 10, 17, tzinfo=UTC)


def embedded(folder: Path) -> Connection:
    path = folder / "connections.yaml"
    path.write_text("connections:\n  - {name: here, kind: embedded, platform: snowflake, path: history.duckdb}\n")
    (found,) = load(path, {})
    return found


def test_a_connection_is_asked_for_the_last_hour_that_has_closed(tmp_path: Path) -> None:
    asked = []
    finding = connection(embedded(tmp_path), lambda *arguments: asked.append(arguments[1:]), NOW)
    assert finding == Finding("connection here: count the last hour", ok=True)
    assert asked == [(NOW.replace(hour=9, minute=0), NOW.replace(minute=0), NOW)]


def test_a_missing_grant_is_told_as_the_reader_tells_it(tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        message = "Grant GOVERNANCE_VIEWER to the role."
        raise HistoryError(message)

    finding = connection(embedded(tmp_path), refuse, NOW)
    assert (finding.ok, finding.missing) == (False, "Grant GOVERNANCE_VIEWER to the role.")


def test_daemons_that_were_never_heard_of_are_named() -> None:
    with dg.instance_for_test() as tried:
        storage, *daemons = instance(tried)
    assert storage == Finding("Dagster: storage", ok=True)
    assert {finding.what: finding.missing for finding in daemons}["Dagster: daemon SCHEDULER"] == (
        "The daemon SCHEDULER does not run: start `dagster-daemon run`."
    )
