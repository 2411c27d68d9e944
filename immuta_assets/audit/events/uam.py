"""Events as JSON lines of the Universal Audit Model, key by key as the page "Audit" shows a platform's query events.

The frame of events holds the keys of every platform; which of them an event has, and in which order, is settled here.
Change a platform's keys when its page does. What the values are belongs to ``events``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import polars as pl

from immuta_assets.platforms.history import Platform


class _Keys(NamedTuple):
    """Keys of an event and of the objects in it, in order, with blanks between."""

    event: str
    actor: str
    payload: str
    context: str


_KEYS = {
    Platform.SNOWFLAKE: _Keys(
        event="action actor sessionId actionStatus actionStatusReason eventTimestamp id userAgent tenantId targetType "
        "targets relatedResources auditPayload receivedTimestamp",
        actor="type name id identityProvider impersonatedBy",
        payload="type queryId query startTime endTime duration errorCode technologyContext objectsAccessed "
        "securityProfile",
        context="type host clientIp snowflakeUsername rowsProduced roleName warehouseId warehouseName clusterNumber",
    ),
    Platform.DATABRICKS: _Keys(
        event="action actor sessionId actionStatus actionStatusReason eventTimestamp id tenantId targetType targets "
        "relatedResources auditPayload receivedTimestamp",
        actor="type id name identityProvider profileId",
        payload="type queryId query startTime endTime duration technologyContext objectsAccessed securityProfile "
        "version",
        context="type clusterId workspaceId service queryLanguage warehouseId notebookId account host rowsProduced",
    ),
}
# A quote within a value is escaped, so this is never part of one; and no such key comes first in its object.
_OMITTED = ',"(?:id|identityProvider|profileId|datasourceId|tags|securityProfile|inferred)":null'
_SLICE = 4_000  # a few megabytes of text: larger ones spend their time on fetching memory


def line(platform: Platform) -> pl.Expr:
    """JSON of an event of ``QueryEvents``, without the line's end: times in UTC with milliseconds, duration in seconds.

    Keys that an event leaves out, instead of saying null, are left out.
    """
    keys = _KEYS[platform]
    payload = pl.col("auditPayload").struct.field
    event = _object(
        keys.event,
        pl.col,
        actor=_object(keys.actor, pl.col("actor").struct.field),
        eventTimestamp=_time(pl.col("eventTimestamp")),
        receivedTimestamp=_time(pl.col("receivedTimestamp")),
        auditPayload=_object(
            keys.payload,
            payload,
            startTime=_time(payload("startTime")),
            endTime=_time(payload("endTime")),
            technologyContext=_object(keys.context, payload("technologyContext").struct.field),
        ),
    )
    return event.struct.json_encode().str.replace_all(_OMITTED, "")


def lines(events: pl.DataFrame, platform: Platform) -> Iterator[bytes]:
    """Give the events of one platform that hold as JSON lines in UTF-8, each with its newline."""
    for part in events.filter(~pl.col("withdrawn")).iter_slices(_SLICE):
        for text in part.select(line=line(platform))["line"]:
            yield text.encode() + b"\n"


def _object(keys: str, field: Callable[[str], pl.Expr], **changed: pl.Expr) -> pl.Expr:
    return pl.struct([changed.get(key, field(key)).alias(key) for key in keys.split()])


def _time(moment: pl.Expr) -> pl.Expr:
    return moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
