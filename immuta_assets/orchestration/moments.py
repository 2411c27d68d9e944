"""Moments: as of when a run works, so that a run that is repeated does exactly the same.

A run that automation asks for carries its moment as a tag, and so do its repetitions; any other run works as of its
creation. No step reads the clock by itself. Which partition a moment belongs to is told in ``partitions``.
"""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

MOMENT = "immuta_assets/moment"
"""Tag of a run that holds its moment, as ISO time with a zone."""


def read_moment(context: dg.AssetExecutionContext) -> datetime:
    """Return the moment (UTC) as of which a run works."""
    if tag := context.run.tags.get(MOMENT):
        return datetime.fromisoformat(tag).astimezone(UTC)
    record = context.instance.get_run_record_by_id(context.run.run_id)
    if record is None:
        msg = f"The run {context.run.run_id} was deleted while it went on; run it again."
        raise dg.Failure(msg, allow_retries=False)
    created: datetime = record.create_timestamp
    return created.astimezone(UTC)
