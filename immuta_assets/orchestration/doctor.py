"""Doctor: whether the connections answer and Dagster's instance works, and what is missing where they do not.

Add here what can be tried without starting a run. Destinations are tried in ``health.doctor``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import dagster as dg
import duckdb

from immuta_assets.health.doctor import Finding, tried
from immuta_assets.platforms.connections import Connection
from immuta_assets.platforms.hour import HOUR, HistoryError

CountHours = Callable[[Connection, datetime, datetime, datetime], object]
"""Counts the hours of a connection from a moment until another, as of a third."""


def connection(tried_one: Connection, count_hours: CountHours, now: datetime) -> Finding:
    """Count the last hour that has closed, which needs every grant that reading needs."""
    until = now.replace(minute=0, second=0, microsecond=0)
    return tried(
        f"connection {tried_one.name}: count the last hour",
        lambda: count_hours(tried_one, until - HOUR, until, now),
        HistoryError,
        OSError,
        duckdb.Error,
    )


def instance(tried_one: dg.DagsterInstance) -> Iterator[Finding]:
    """Look whether the instance's storage answers, and which daemons have not been heard of lately."""
    yield _storage(tried_one)
    for name, status in sorted(tried_one.get_daemon_statuses().items()):
        missing = "" if status.healthy else f"The daemon {name} does not run: start `dagster-daemon run`."
        yield Finding(f"Dagster: daemon {name}", ok=bool(status.healthy), missing=missing)


def _storage(tried_one: dg.DagsterInstance) -> Finding:
    try:
        tried_one.get_runs_count()
    except Exception as error:  # noqa: BLE001  # every database has errors of its own, which may show its password
        missing = f"It does not answer ({type(error).__name__}): look at the section storage of dagster.yaml."
        return Finding("Dagster: storage", ok=False, missing=missing)
    return Finding("Dagster: storage", ok=True)
