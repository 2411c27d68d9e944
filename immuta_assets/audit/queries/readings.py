"""What is known of every hour that was read: when, what the platform counted, what was found, and what became of it.

One row per hour and connection. An hour is done when its ``Coverage`` carries the ``read_at`` of its reading. Add a
column when an operator, a check or the plan needs another fact; which hours to read next belongs to ``plan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import dataframely as dy
import polars as pl

from immuta_assets.datasets.dataset import Committed
from immuta_assets.platforms.hour import HistoryError, ReadFacts

_COUNTS = ("statements", "accesses", "source_duplicates", "redacted", "pending")


class Counts(dy.Schema):
    """What the platform counts of an hour, to be compared with what it counts later."""

    hour = dy.Datetime(time_zone="UTC", primary_key=True, description="Start of the hour (UTC).")
    counted_statements = dy.Int64(
        min=0, description="Rows of statements that ended in the hour, as the platform counts them."
    )
    counted_statement_ids = dy.Int64(min=0, description="Different ids among the rows counted.")
    counted_accesses = dy.Int64(min=0, description="Rows of the access source that belong to the statements counted.")
    counted_latest_end = dy.Datetime(
        time_zone="UTC",
        nullable=True,
        description="Latest end among the rows counted (UTC); null where there are none.",
    )


class Readings(Counts):
    """An hour as it was read."""

    read_at = dy.Datetime(time_zone="UTC", description="Moment of the run that read the hour (UTC).")
    statements = dy.Int64(min=0, description="Statements that were stored, each id once.")
    accesses = dy.Int64(min=0, description="Objects accessed that were stored, each once per statement.")
    source_duplicates = dy.Int64(
        min=0, description="Further rows of the same statement that the platform gave; they are left out."
    )
    redacted = dy.Int64(min=0, description="Statements whose text the platform withheld (text_state REDACTED).")
    pending = dy.Int64(min=0, description="Statements whose objects may still arrive (access_state PENDING).")
    sources = dy.List(
        dy.Struct({"source": dy.String(), "latest": dy.Datetime(time_zone="UTC", nullable=True)}),
        description="Each source that was read, by its name on the platform, with the latest time seen in it (UTC); "
        "that is null where it has no rows of the hour.",
    )
    limits = dy.List(
        dy.String(),
        description="What limited the reading: missing columns, and warnings in words; empty where nothing did.",
    )


class Coverage(Readings):
    """An hour whose events were made."""

    events = dy.Int64(min=0, description="Events that hold: those withdrawn are not counted.")
    withdrawn = dy.Int64(min=0, description="Events made earlier that no longer hold.")
    held = dy.Int64(min=0, description="Statements without an event yet, because their objects are awaited.")
    unknown_statements = dy.Int64(min=0, description="Statements of accounts that are no user of the tenant.")
    known_statements = dy.Int64(min=0, description="Statements of users of the tenant.")
    unmapped_objects = dy.Int64(min=0, description="Events on an object that is no data source.")
    mapped_objects = dy.Int64(min=0, description="Events on an object that is a data source.")
    snapshot_at = dy.Datetime(
        time_zone="UTC", description="Moment (dumpedAt, UTC) of the tenant snapshot that the events were made with."
    )
    files = dy.List(
        dy.Struct({"frame": dy.String(), "moment": dy.Datetime(time_zone="UTC"), "digest": dy.String()}),
        description="What the hour is covered by: each other frame's moment of commit and the SHA-256 of its file, its "
        "first 32 hexadecimal digits; empty for hours of older versions.",
    )


def build_reading(hour: datetime, facts: ReadFacts, read_at: datetime) -> pl.DataFrame:
    """Return the row (``Readings``) of an hour that was read at a moment; both have a zone."""
    row = {
        "hour": hour,
        **{f"counted_{name}": value for name, value in facts.counted._asdict().items()},
        "read_at": read_at.astimezone(UTC),
        **{name: getattr(facts, name) for name in _COUNTS},
        "sources": [{"source": source, "latest": latest} for source, latest in facts.latest_end.items()],
        "limits": sorted({*facts.warnings, *(f"no column {name}" for name in facts.missing_columns)}),
    }
    return Readings.validate(pl.DataFrame([row], schema=Readings.create_empty().schema), cast=True)


def require_consistent(reading: pl.DataFrame, statements: pl.LazyFrame, accesses: pl.LazyFrame) -> None:
    """Raise ``HistoryError`` unless the stored ``Statements`` and ``Accesses`` of an hour are as many as its reading's.

    They differ after a run that was killed between the files of an hour.
    """
    stored = tuple(frame.item() for frame in pl.collect_all(each.select(pl.len()) for each in (statements, accesses)))
    read = reading.select("statements", "accesses").row(0)
    if stored != read:
        hour = reading["hour"].item()
        message = (
            f"The hour {hour:%Y-%m-%dT%H:%MZ} holds {stored[0]:,} statements and {stored[1]:,} accesses, while its "
            f"reading found {read[0]:,} and {read[1]:,}, as after a run that was killed; read the hour again."
        )
        raise HistoryError(message)


def build_coverage(
    reading: pl.DataFrame,
    statements: pl.LazyFrame,
    events: pl.LazyFrame,
    principals: pl.LazyFrame,
    *,
    snapshot_at: datetime,
    files: Mapping[str, Committed],
) -> pl.DataFrame:
    """Return the row (``Coverage``) of an hour from its ``Readings`` row and its frames, as ``files`` were committed.

    ``statements`` are those ``Statements`` that events are wanted of, ``events`` all ``QueryEvents``, also those
    withdrawn, ``principals`` the ``Principals``. ``snapshot_at`` has a zone.
    """
    live = events.filter(~pl.col("withdrawn"))
    parts = [reading.lazy(), _count_events(events), _count_held(statements, live), _count_statements(principals)]
    row = pl.concat(parts, how="horizontal").with_columns(
        snapshot_at=pl.lit(snapshot_at.astimezone(UTC)), files=pl.lit(_describe_files(files))
    )
    return Coverage.validate(row.collect(engine="streaming"), cast=True)


def _describe_files(files: Mapping[str, Committed]) -> pl.Series:
    described = [{"frame": name, "moment": file.moment, "digest": file.digest} for name, file in files.items()]
    return pl.Series([described], dtype=Coverage.columns()["files"].dtype)


def _count_events(events: pl.LazyFrame) -> pl.LazyFrame:
    live = ~pl.col("withdrawn")
    on_object = live & pl.col("object_name").is_not_null()
    mapped = pl.col("targets").list.first().struct.field("id").is_not_null()
    return events.select(
        events=live.sum(),
        withdrawn=pl.col("withdrawn").sum(),
        mapped_objects=(on_object & mapped).sum(),
        unmapped_objects=(on_object & ~mapped).sum(),
    )


def _count_held(statements: pl.LazyFrame, live: pl.LazyFrame) -> pl.LazyFrame:
    """Count statements whose objects are awaited and that are not told by an event meanwhile."""
    pending = statements.filter(pl.col("access_state") == "PENDING").select("query_id")
    return pending.join(live.select("query_id"), on="query_id", how="anti").select(held=pl.len())


def _count_statements(principals: pl.LazyFrame) -> pl.LazyFrame:
    known = pl.col("global_user_id").is_not_null()
    count = pl.col("statements")
    return principals.select(known_statements=count.filter(known).sum(), unknown_statements=count.filter(~known).sum())
