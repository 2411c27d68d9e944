"""An installation that reads an embedded history by the plan, as the assets do, but within one process and fast.

It knows the moment of every tick, so that a month passes in minutes. What is true of the history, and whether the
installation found it, belongs to the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
from reliability.late_history import HOST, PLATFORM, STARTS

from immuta_assets.audit.identities.principals import build_principals
from immuta_assets.audit.identities.resolution import resolve_identities
from immuta_assets.audit.queries import plan
from immuta_assets.audit.queries.hour_events import Snapshot, make_hour_events
from immuta_assets.audit.queries.readings import Coverage, build_coverage, build_reading
from immuta_assets.platforms.embedded import reader as embedded
from immuta_assets.platforms.origin import Origin

ORIGIN = Origin("tenant", PLATFORM, "alderbrook-eu", HOST)


class DeathError(Exception):
    """A run that was killed."""


class Installation:
    """Hours of events in a folder, what is covered of them, and the newest plan."""

    def __init__(
        self,
        history: duckdb.DuckDBPyConnection,
        folder: Path,
        tenant: Mapping[str, pl.DataFrame],
        reread: Sequence[timedelta],
    ) -> None:
        self._history = history
        self._folder = folder
        self._snapshot = Snapshot(**{name: tenant[name].lazy() for name in Snapshot._fields})
        self._reread = reread
        self._plan: pl.DataFrame | None = None
        self._coverage: dict[datetime, pl.DataFrame] = {}
        self.runs = 0
        self.deaths = 0

    def tick(self, now: datetime, survive: Callable[[], None]) -> None:
        """Plan, and run what is due; ``survive`` is called before and after events are written, and may raise."""
        covered = pl.concat([Coverage.create_empty(), *self._coverage.values()])
        since, until = plan.find_window(covered, self._plan, self._reread, now, start=STARTS)
        counted = embedded.count_hours(self._history, PLATFORM, since, until, now)
        self._plan = plan.plan(counted, covered, [], self._plan, reread=self._reread, now=now, start=STARTS)
        for hour in self._plan.drop_nulls("reason")["hour"]:
            self.runs += 1
            try:
                self._run(hour, now, survive)
            except DeathError:
                self.deaths += 1

    def _run(self, hour: datetime, now: datetime, survive: Callable[[], None]) -> None:
        """Read an hour, make its events, and note it as done."""
        statements, accesses, facts = embedded.read_hour(self._history, PLATFORM, hour, now)
        path = self._folder / f"{hour:%Y-%m-%dT%H%M}.parquet"
        before = pl.read_parquet(path).lazy() if path.exists() else None
        made = make_hour_events(
            statements, accesses, before, self._snapshot, origin=ORIGIN, moment=now, hold=True, registered_only=False
        )
        survive()
        made.sink_parquet(path)
        survive()
        who = build_principals(resolve_identities(statements, self._snapshot.users, PLATFORM), accesses)
        reading, events = build_reading(hour, facts, now), pl.scan_parquet(path)
        row = build_coverage(reading, statements, events, who, snapshot_at=STARTS, files={})
        self._coverage[hour] = row

    def events(self) -> pl.DataFrame:
        """Return of the events in force: id, query_id, object_name, revision, mapped, delay, and the hour kept in."""
        kept = pl.col("path").str.extract(r"([^/\\]+)\.parquet$").str.to_datetime("%Y-%m-%dT%H%M", time_zone="UTC")
        return (
            pl.scan_parquet(self._folder / "*.parquet", include_file_paths="path")
            .filter(~pl.col("withdrawn"))
            .select(
                "id",
                "query_id",
                "object_name",
                "revision",
                mapped=pl.col("targets").list.first().struct.field("id").is_not_null(),
                delay=pl.col("receivedTimestamp") - pl.col("auditPayload").struct.field("endTime"),
                hour=kept,
            )
            .collect()
        )
