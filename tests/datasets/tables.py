"""A small frame of hours, and the moments, rows and tables that tests of stored hours share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dataframely as dy
import polars as pl

from immuta_assets.datasets.hour_files import Span
from immuta_assets.datasets.hourly import HourlyDataset
from immuta_assets.datasets.hours import format_hour_key
from immuta_assets.datasets.root import StoreRoot

FIRST = datetime(2026, 5, 4, tzinfo=UTC)
"""The first hour."""
KEY = "audit/notes/sales"


class Notes(dy.Schema):
    """Whatever somebody wrote: a column of each kind that matters to a table."""

    id = dy.Int64(primary_key=True, min=0)
    text = dy.String()
    kind = dy.Enum(["SHORT", "LONG"], nullable=True)
    words = dy.List(dy.String(nullable=True), nullable=True)
    changed_at = dy.Datetime(time_zone="UTC")


def get_hour(number: int) -> datetime:
    return FIRST + timedelta(hours=number)


def get_key(number: int) -> str:
    return format_hour_key(get_hour(number))


def get_moment(number: int) -> datetime:
    """Return a moment after all hours; a greater number is later."""
    return FIRST + timedelta(days=30, minutes=number)


def make_notes(texts: Sequence[str], moment: datetime) -> pl.LazyFrame:
    """Return a note for each text, changed at a moment."""
    return pl.LazyFrame(
        {
            "id": range(len(texts)),
            "text": texts,
            "kind": ["SHORT" if len(text) < 5 else None for text in texts],
            "words": [text.split() or None for text in texts],
            "changed_at": [moment] * len(texts),
        },
        schema=Notes.create_empty().schema,
    )


def open_notes(folder: Path | str, span: Span = "month") -> HourlyDataset:
    """Open the table as a process of its own would."""
    return HourlyDataset(StoreRoot(str(folder)), KEY, Notes, span)


def commit_notes(folder: Path, number: int, texts: Sequence[str], moment: int, span: Span = "month") -> None:
    """Commit an hour from scratch."""
    open_notes(folder, span).commit({get_key(number): make_notes(texts, get_moment(moment))}, get_moment(moment))


def read_texts(dataset: HourlyDataset, number: int) -> list[str]:
    return dataset.scan([get_key(number)]).collect()["text"].to_list()
