"""What every dataset can do: the one door to a stored frame, whatever it is kept as.

A dataset keeps one frame in partitions. ``files`` keeps a Parquet file per partition, ``hourly`` a table of hours. Add
here what holds for both. What a frame holds is its schema's business.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

import dataframely as dy
import polars as pl

UNPARTITIONED = "all"
"""Key of the one partition of a frame that has none."""


class StaleError(Exception):
    """A commit that comes too late: the partition holds one of a later moment, or other content of the same moment."""


class NotStoredError(Exception):
    """A partition that was never stored; the message names it and says what to do."""


class Committed(NamedTuple):
    """What lies in a partition since a commit.

    ``digest`` is the SHA-256 of its file, shortened to 32 hexadecimal digits; ``moment`` (UTC) is that of the commit,
    and none where a partition is kept without one.
    """

    rows: int
    digest: str
    moment: datetime | None
    uri: str


class Dataset(Protocol):
    """A stored frame; every commit replaces partitions as a whole or not at all."""

    @property
    def key(self) -> str:
        """Where it lies below the root, such as ``audit/coverage/sales``."""

    @property
    def schema(self) -> type[dy.Schema]:
        """What every stored row follows."""

    def commit(self, frames: Mapping[str, pl.LazyFrame], moment: datetime) -> Mapping[str, Committed]:
        """Replace partitions by frames that follow the schema, as of a moment (aware), all of them at once.

        The same frame at the same moment changes nothing. Raises ``SchemaError`` for a frame that breaks the schema
        and ``StaleError`` where a partition holds something newer.
        """

    def scan(self, partitions: Collection[str] | None = None) -> pl.LazyFrame:
        """Scan partitions in order, by default all; raises ``NotStoredError`` for one that was never stored."""

    def list_partitions(self) -> list[str]:
        """Return the keys of the stored partitions, in order."""

    def state(self) -> Mapping[str, str]:
        """Return the digest of every live file, by its key below the root."""
