"""The events of one hour, whatever its size: made from its reading, a range of statements after the other.

Here is settled which statements give events. What these say belongs to ``events``, what becomes of those made before to
``revisions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from immuta_assets.audit.identities.resolution import ACCOUNT, resolve_identities
from immuta_assets.audit.queries import objects
from immuta_assets.audit.queries.events import QueryEvents, make_events
from immuta_assets.audit.queries.revisions import revise_events
from immuta_assets.frames.streaming import stream_frames
from immuta_assets.platforms.origin import Origin

ROWS_AT_ONCE = 150_000
"""Statements and accesses that are worked on together; more only where a single statement has more."""


class Snapshot(NamedTuple):
    """Collections of the tenant that events are made with."""

    users: pl.LazyFrame
    data_sources: pl.LazyFrame
    columns: pl.LazyFrame
    tags: pl.LazyFrame


class _Rows(NamedTuple):
    """An hour, or a range of its statements."""

    statements: pl.LazyFrame
    accesses: pl.LazyFrame
    previous: pl.LazyFrame


def make_hour_events(
    statements: pl.LazyFrame,
    accesses: pl.LazyFrame,
    previous: pl.LazyFrame | None,
    snapshot: Snapshot,
    *,
    origin: Origin,
    moment: datetime,
    hold: bool,
    registered_only: bool,
) -> pl.LazyFrame:
    """Return the ``QueryEvents`` of an hour, sorted, streamed while they are made.

    ``statements`` (``Statements``), ``accesses`` (``Accesses``) and the ``previous`` events of the hour scan files
    sorted by query id. Events that are new are received at ``moment`` (aware). With ``hold``, a statement whose objects
    may still arrive gives no event unless it gave one before; with ``registered_only``, one of nobody known gives none.
    """
    hour = _Rows(statements, accesses, QueryEvents.create_empty(lazy=True) if previous is None else previous)

    def make_frames() -> Iterator[pl.DataFrame]:
        known_objects = (snapshot.data_sources, snapshot.columns, snapshot.tags)
        catalog = objects.build_catalog(*known_objects, origin.platform, origin.hosts)
        identities = _resolve_accounts(statements, snapshot.users, origin)
        for rows in _split_hour(hour):
            known = rows.statements.join(identities, on=ACCOUNT, how="left", nulls_equal=True)
            due = _select_due(known, rows.previous, hold=hold, registered_only=registered_only)
            made = make_events(due, rows.accesses, catalog, origin).collect(engine="in-memory")
            yield revise_events(made, rows.previous, moment)

    return stream_frames(make_frames, QueryEvents.create_empty().schema)


def _resolve_accounts(statements: pl.LazyFrame, users: pl.LazyFrame, origin: Origin) -> pl.LazyFrame:
    """The hour's accounts with the users they belong to."""
    accounts = statements.select(ACCOUNT).unique()
    return resolve_identities(accounts, users, origin.platform).collect().lazy()


def _split_hour(hour: _Rows) -> Iterator[_Rows]:
    """The hour by ranges of query ids, all rows of a statement together."""
    starts = _find_starts(hour).collect(engine="streaming")["query_id"]
    for start, end in pairwise(["", *starts, None]):
        within = pl.col("query_id") >= start
        if end is not None:
            within &= pl.col("query_id") < end
        yield _Rows(*(frame.filter(within) for frame in hour))


def _find_starts(hour: _Rows) -> pl.LazyFrame:
    """Where ranges start, but for the first.

    Of the previous events only those of other statements count, so that the ranges, and with them the bytes of a file,
    are the same when the same reading meets the events that were made of it.
    """
    statements, accesses, previous = (frame.select("query_id") for frame in hour)
    others = previous.join(statements, on="query_id", how="anti", maintain_order="left")
    rows = statements.merge_sorted(accesses, "query_id").merge_sorted(others, "query_id")
    return rows.gather_every(ROWS_AT_ONCE, ROWS_AT_ONCE).unique().sort("query_id")


def _select_due(statements: pl.LazyFrame, previous: pl.LazyFrame, *, hold: bool, registered_only: bool) -> pl.LazyFrame:
    """The statements that give events now."""
    known = statements.filter(pl.col("profile_id").is_not_null()) if registered_only else statements
    if not hold:
        return known
    held = known.filter(pl.col("access_state") == "PENDING").join(previous, on="query_id", how="anti")
    return known.join(held, on="query_id", how="anti")
