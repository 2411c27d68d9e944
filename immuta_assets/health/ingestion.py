"""Ingestion: whether the query history of every connection is read, judged from what is stored and nothing else.

Add a verdict here when another state of a connection calls for an operator. What stands out in the hours that are read
is found by ``audit.queries.status``; how verdicts are said together with those of destinations belongs to ``status``.
No platform and no instance of Dagster is asked: a watch on another machine judges the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import polars as pl
from deltalake.exceptions import DeltaError

from immuta_assets.audit.queries.plan import Plan
from immuta_assets.audit.queries.status import LOOK_BACK, Finding, build_status, list_findings
from immuta_assets.audit.stored import open_connection_data
from immuta_assets.datasets.root import open_root
from immuta_assets.object_store import StoreError
from immuta_assets.platforms.connections import ConnectionsError, load_names
from immuta_assets.settings import Settings


class IngestionVerdict(StrEnum):
    """What is to be said of a connection: STALE calls for an operator, so does UNREAD; UNKNOWN could not be judged."""

    UNKNOWN = "unknown"
    UNREAD = "unread"
    STALE = "stale"
    FINE = "fine"


class IngestionJudgement(NamedTuple):
    """How far a connection is read, at a moment.

    ``newest_hour`` is the start of the newest hour that is read (UTC), of the last 8 days; ``lag`` is how long ago what
    is read ends; ``missing`` and ``due`` count hours. ``notes`` has a sentence for whatever stands out.
    """

    connection: str
    verdict: IngestionVerdict
    newest_hour: datetime | None = None
    lag: timedelta | None = None
    missing: int = 0
    due: int = 0
    notes: Sequence[str] = ()


def watch_ingestion(settings: Settings, now: datetime) -> list[IngestionJudgement]:
    """Judge every connection of the settings; what cannot be read is unknown, and no error is raised.

    Without a file of connections there is nothing to judge, unless the settings name the file.
    """
    path = settings.connections
    if not path.exists() and "connections" not in settings.model_fields_set:
        return []
    try:
        names = load_names(path)
    except ConnectionsError as error:
        return [IngestionJudgement(path.name, IngestionVerdict.UNKNOWN, notes=str(error).splitlines())]
    return [_watch_connection(settings, name, now) for name in names]


def _watch_connection(settings: Settings, name: str, now: datetime) -> IngestionJudgement:
    try:
        coverage, plans = read_ingestion(settings, name, now - LOOK_BACK)
    except (OSError, DeltaError, StoreError, pl.exceptions.PolarsError) as error:
        # The error itself may quote what is stored.
        note = f"{name}: what is stored of it in {settings.store} cannot be read ({type(error).__name__})."
        return IngestionJudgement(name, IngestionVerdict.UNKNOWN, notes=[note])
    (judgement,) = judge_ingestion([name], coverage, plans, now)
    return judgement


def read_ingestion(settings: Settings, connection: str, since: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read the ``Coverage`` of a connection's hours from a moment on, and its newest ``Plan``, with its name.

    Raises ``StoreError``, ``OSError``, ``DeltaError`` and ``PolarsError`` for what cannot be read.
    """
    data = open_connection_data(open_root(settings), connection)
    plan = data.plan.scan_if_stored()
    named = pl.lit(connection).alias("connection")
    return (
        data.coverage.scan(since=since).collect().with_columns(named),
        (Plan.create_empty() if plan is None else plan.collect()).with_columns(named),
    )


def judge_ingestion(
    connections: Sequence[str], coverage: pl.DataFrame, plans: pl.DataFrame, now: datetime
) -> list[IngestionJudgement]:
    """Judge connections by name, in their order, as of ``now`` (with a zone).

    ``coverage`` holds rows of ``Coverage`` of at least the last 8 days, ``plans`` those of each connection's newest
    ``Plan``; both with a column ``connection``. A connection without rows was never read.
    """
    frame = build_status(coverage, plans, now)
    rows = {row["connection"]: row for row in frame.iter_rows(named=True)}
    found = list_findings(frame)
    return [
        _judge_connection(name, rows.get(name, {}), [each for each in found if each.connection == name], now)
        for name in connections
    ]


def _judge_connection(name: str, row: Mapping[str, Any], found: Sequence[Finding], now: datetime) -> IngestionJudgement:
    newest, read_until = row.get("newest_hour"), row.get("read_until")
    return IngestionJudgement(
        name,
        _choose_verdict(newest, found),
        newest,
        now - read_until if read_until else None,
        row.get("missing_hours", 0),
        row.get("due_hours", 0),
        tuple(_describe_connection(name, newest, found)),
    )


def _choose_verdict(newest_hour: datetime | None, found: Sequence[Finding]) -> IngestionVerdict:
    if newest_hour is None:
        return IngestionVerdict.UNREAD
    is_stale = any(each.severity == "ERROR" for each in found)
    return IngestionVerdict.STALE if is_stale else IngestionVerdict.FINE


def _describe_connection(name: str, newest_hour: datetime | None, found: Sequence[Finding]) -> Iterator[str]:
    if newest_hour is None:
        yield (
            f"{name}: no hour of the last {LOOK_BACK.days} days is stored. Where the history is read, run "
            f"`immuta-assets ingest --connection {name}`, and `immuta-assets doctor`, which says whether connection, "
            f"daemon and schedule work. If hours are read there, IMMUTA_ASSETS_STORE names another store here."
        )
    yield from (each.message for each in found)
