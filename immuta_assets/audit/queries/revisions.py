"""What becomes of events when their hour is read again: an event keeps its id, and every change has a revision.

Nothing that was made before is lost: an event that the hour no longer gives stays, withdrawn. Change here what counts
as a change. What events say belongs to ``events``.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from immuta_assets.audit.queries.events import QueryEvents

KEPT = ["receivedTimestamp", "changed_at", "revision", "withdrawn"]
"""Columns that depend on what was made before."""

_ORDER = ["query_id", "object_name", "id"]


def revise_events(made: pl.DataFrame, previous: pl.LazyFrame, moment: datetime) -> pl.DataFrame:
    """Return ``QueryEvents``: those ``made`` now, and those of ``previous`` that no longer hold, sorted.

    An event that was never there has the first revision and is received at ``moment`` (aware). Any other keeps that
    time; it has the next revision when it says something else, is withdrawn, or holds again. So the same events made
    again change nothing, whatever the moment.
    """
    before = previous.select(
        "id", *(pl.col(name).alias(f"{name}_before") for name in [*KEPT, "content_hash"])
    ).collect()
    holding = made.join(before, on="id", how="left", maintain_order="left").select(**_revise_holding(moment))
    gone = before.join(made, on="id", how="anti")["id"]
    if gone.is_empty():
        return holding
    withdrawn = previous.filter(pl.col("id").is_in(gone.implode())).with_columns(**_withdraw(moment)).collect()
    return pl.concat([holding, withdrawn], rechunk=True).sort(_ORDER)


def _revise_holding(moment: datetime) -> dict[str, pl.Expr]:
    """Columns of events that hold."""
    changed = pl.col("withdrawn_before") | (pl.col("content_hash") != pl.col("content_hash_before"))
    received = pl.lit(moment.astimezone(UTC), pl.Datetime("us", "UTC"))
    return {name: pl.col(name) for name in QueryEvents.column_names()} | {
        "receivedTimestamp": pl.coalesce("receivedTimestamp_before", received),
        "changed_at": pl.when(changed.fill_null(value=True)).then(received).otherwise("changed_at_before"),
        "revision": pl.coalesce(pl.col("revision_before") + changed.cast(pl.Int64), 1),
        "withdrawn": pl.lit(value=False),
    }


def _withdraw(moment: datetime) -> dict[str, pl.Expr]:
    now = pl.lit(moment.astimezone(UTC), pl.Datetime("us", "UTC"))
    return {
        "changed_at": pl.when("withdrawn").then("changed_at").otherwise(now),
        "revision": pl.col("revision") + (~pl.col("withdrawn")).cast(pl.Int64),
        "withdrawn": pl.lit(value=True),
    }
