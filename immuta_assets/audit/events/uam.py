"""Events as JSON lines of the Universal Audit Model, key by key as the page "Audit" shows a platform's query events.

The frame of events holds the keys of every platform; which of them an event has, and in which order, its platform says.
Change here how a value is written. What the values are belongs to ``events``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl

from immuta_assets.platforms.platform import Platform

# A quote within a value is escaped, so this is never part of one; and no such key comes first in its object.
_OMITTED = ',"(?:id|identityProvider|profileId|datasourceId|tags|securityProfile|inferred)":null'
_SLICE = 4_000  # a few megabytes of text: larger ones spend their time on fetching memory


def encode_line(platform: Platform) -> pl.Expr:
    """JSON of an event of ``QueryEvents``, without the line's end: times in UTC with milliseconds, duration in seconds.

    Keys that an event leaves out, instead of saying null, are left out.
    """
    keys = platform.keys
    payload = pl.col("auditPayload").struct.field
    event = _select_keys(
        keys.event,
        pl.col,
        actor=_select_keys(keys.actor, pl.col("actor").struct.field),
        eventTimestamp=_format_time(pl.col("eventTimestamp")),
        receivedTimestamp=_format_time(pl.col("receivedTimestamp")),
        auditPayload=_select_keys(
            keys.payload,
            payload,
            startTime=_format_time(payload("startTime")),
            endTime=_format_time(payload("endTime")),
            technologyContext=_select_keys(keys.context, payload("technologyContext").struct.field),
        ),
    )
    return event.struct.json_encode().str.replace_all(_OMITTED, "")


def encode_lines(events: pl.DataFrame, platform: Platform) -> Iterator[bytes]:
    """Give the events of one platform that hold as JSON lines in UTF-8, each with its newline."""
    for part in events.filter(~pl.col("withdrawn")).iter_slices(_SLICE):
        for text in part.select(line=encode_line(platform))["line"]:
            yield text.encode() + b"\n"


def _select_keys(keys: str, field: Callable[[str], pl.Expr], **changed: pl.Expr) -> pl.Expr:
    return pl.struct([changed.get(key, field(key)).alias(key) for key in keys.split()])


def _format_time(moment: pl.Expr) -> pl.Expr:
    return moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
