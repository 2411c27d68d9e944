"""Lazy frames over rows that are made while they are read, so that memory never holds them all.

What the rows mean belongs to the module that makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl
from polars.io.plugins import register_io_source


def stream_frames(frames: Callable[[], Iterator[pl.DataFrame]], schema: pl.Schema) -> pl.LazyFrame:
    """Return a lazy frame over frames that are made one by one while it is read."""

    def read_batches(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in _limit_rows(frames(), n_rows):
            kept = frame if predicate is None else frame.filter(predicate)
            yield kept if columns is None else kept.select(columns)

    return register_io_source(read_batches, schema=schema, validate_schema=True, is_pure=True)


def _limit_rows(frames: Iterator[pl.DataFrame], n_rows: int | None) -> Iterator[pl.DataFrame]:
    """Yield the first ``n_rows`` rows; all of them where it is None."""
    for frame in frames:
        yield frame if n_rows is None else frame.head(n_rows)
        if n_rows is not None:
            n_rows -= min(n_rows, frame.height)
            if not n_rows:
                return
