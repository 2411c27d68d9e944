"""Statements of a platform that delivers late: rows with the delays that platforms document, and what is true of them.

Delays are shaped on documented bounds: statements up to 45 minutes late, the objects they accessed up to 3 hours, a few
of both much later. During an incident of the vendor nothing arrives, and everything at once after it. What reads the
rows does not belong here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dataframely as dy
import numpy as np
import numpy.typing as npt
import polars as pl

from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE

STARTS = datetime(2026, 5, 1, tzinfo=UTC)
PLATFORM, HOST = SNOWFLAKE, "alderbrook-eu.snowflake.example"
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
INCIDENT = 12 * HOUR
POLL = timedelta(minutes=5)
"""When a watermark is read, after the full hour."""
NORMAL_P99 = 2.326
"""How many standard deviations the 99th percentile of a normal distribution lies above its median."""

Seconds = npt.NDArray[np.float64]


class Delay(NamedTuple):
    """How late rows arrive, in seconds: log-normal, and a few anywhere between the 99th percentile and the longest."""

    median: float
    p99: float
    straggling: float
    longest: float

    def draw(self, rng: np.random.Generator, size: int) -> Seconds:
        delays = rng.lognormal(math.log(self.median), math.log(self.p99 / self.median) / NORMAL_P99, size)
        return np.where(rng.random(size) < self.straggling, rng.uniform(self.p99, self.longest, size), delays)


OF_STATEMENTS = Delay(6 * MINUTE, 40 * MINUTE, 0.0005, 6 * HOUR)
OF_OBJECTS = Delay(25 * MINUTE, 170 * MINUTE, 0.001, 24 * HOUR)


class History(NamedTuple):
    """The rows of a platform: those of ``Statements`` and ``Accesses``, with ``platform`` and ``arrived_at`` (UTC)."""

    statements: pl.DataFrame
    accesses: pl.DataFrame

    def truth(self) -> pl.DataFrame:
        """What must be known in the end: ``query_id``, ``object_name`` or null, and ``hour``, each once."""
        hour = pl.col("ended_at").dt.truncate("1h")
        statements = self.statements.select("query_id", hour=hour).unique()
        return statements.join(self.accesses.select("query_id", "object_name"), on="query_id", how="left")

    def lost_by_watermark(self) -> float:
        """The share of statements lost by who asks every hour for what *started* after the last statement seen."""
        polled = (pl.col("arrived_at") - POLL).dt.offset_by("1h").dt.truncate("1h")
        first = self.statements.group_by("query_id").agg(pl.col("arrived_at").min(), pl.col("started_at").first())
        seen = first.with_columns(polled=polled)
        marks = seen.group_by("polled").agg(mark=pl.col("started_at").max()).sort("polled")
        before = marks.with_columns(pl.col("mark").cum_max().shift())
        lost = seen.join(before, on="polled").filter(pl.col("started_at") <= pl.col("mark"))
        return lost.height / seen.height


def draw(tenant: Mapping[str, pl.DataFrame], *, statements: int, days: int, seed: int = 0) -> History:
    """Draw the history of some days from ``STARTS`` on, an incident in the middle, over the tables of a tenant.

    0.2 % of the statements run for 0.5 to 8 hours, 0.5 % come twice, 5 % fail, 2 % touch no object.
    """
    rng = np.random.default_rng(seed)
    started, ended = _times(rng, statements, days * DAY)
    rows = _statements(rng, started, ended, days, _user_names(tenant))
    tables = _tables(tenant)
    accesses = _accesses(rng, rows, ended, days, tables)
    again = rows.filter(pl.Series(rng.random(rows.height) < 0.005))
    again = again.with_columns(arrived_at=_arrivals(rng, ended[again["number"]], OF_STATEMENTS, days))
    together = pl.concat([rows, again]).sort("number").drop("number")
    return History(_conforming(together, Statements), _conforming(accesses, Accesses))


def _times(rng: np.random.Generator, size: int, span: float) -> tuple[Seconds, Seconds]:
    """When statements start and end, in the order of their ends."""
    started = rng.uniform(0, span, size)
    lasting = rng.lognormal(math.log(2), 2, size)
    ended = started + np.where(rng.random(size) < 0.002, rng.uniform(0.5 * HOUR, 8 * HOUR, size), lasting)
    order = np.argsort(ended)
    return started[order], ended[order]


def _arrivals(rng: np.random.Generator, ended: Seconds, delay: Delay, days: int) -> pl.Series:
    """When rows arrive; what would arrive during the incident does when it is over."""
    arrived = ended + delay.draw(rng, len(ended))
    begins = days / 2 * DAY
    over = begins + INCIDENT
    return _moments(np.where((arrived >= begins) & (arrived < over), over, arrived))


def _moments(seconds: Seconds) -> pl.Series:
    return pl.Series((seconds * 1_000_000).astype(np.int64)).cast(pl.Duration("us")) + STARTS


def _statements(
    rng: np.random.Generator, started: Seconds, ended: Seconds, days: int, user_names: list[str]
) -> pl.DataFrame:
    size = len(started)
    numbers = pl.int_range(size, dtype=pl.UInt32, eager=True)
    return pl.DataFrame(
        {
            "number": numbers,
            "query_id": numbers.cast(pl.String).str.zfill(12),
            "arrived_at": _arrivals(rng, ended, OF_STATEMENTS, days),
            "started_at": _moments(started),
            "ended_at": _moments(ended),
            "duration_ms": ((ended - started) * 1_000).astype(np.int64),
            "user_name": pl.Series(user_names).gather(rng.integers(0, len(user_names), size)),
            "status": pl.Series(["SUCCESS", "FAILURE"]).gather((rng.random(size) < 0.05).astype(int)),
        }
    ).with_columns(
        access_state=pl.when(pl.col("status") == "SUCCESS").then(pl.lit("KNOWN")).otherwise(pl.lit("NOT_APPLICABLE")),
        text_state=pl.lit("WHOLE"),
        text=pl.lit("SELECT 1"),
    )


def _accesses(
    rng: np.random.Generator, statements: pl.DataFrame, ended: Seconds, days: int, tables: pl.DataFrame
) -> pl.DataFrame:
    """One to three tables of each statement; they arrive together."""
    size = statements.height
    first, count = rng.integers(0, tables.height, size), rng.choice([0, 1, 2, 3], size, p=[0.02, 0.63, 0.25, 0.1])
    drawn = statements.select(
        "query_id",
        "status",
        table=pl.int_ranges(pl.Series(first), pl.Series(first + count)),
    ).with_columns(arrived_at=_arrivals(rng, ended, OF_OBJECTS, days))
    known = drawn.filter(pl.col("status") == "SUCCESS").explode("table").drop_nulls("table")
    numbered = tables.with_row_index("table").with_columns(pl.col("table").cast(pl.Int64))
    return known.with_columns(pl.col("table") % tables.height).join(numbered, on="table", maintain_order="left")


def _conforming(frame: pl.DataFrame, schema: type[dy.Schema]) -> pl.DataFrame:
    """The columns of a schema and those of the embedded reader; what was not drawn is null."""
    empty = schema.create_empty()
    named = frame.with_columns(platform=pl.lit(PLATFORM.name))
    columns = [
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in empty.schema.items()
    ]
    return named.select("platform", "arrived_at", *columns)


def _user_names(tenant: Mapping[str, pl.DataFrame]) -> list[str]:
    return [*tenant["users"]["snowflake_user"].drop_nulls().sort(), "LEGACY_ETL", "TMP_MIGRATION"]


def _tables(tenant: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The registered tables of the host, each with up to three columns."""
    columns = tenant["columns"].group_by("data_source_id").agg(accessed_columns=pl.col("name").unique().sort().head(3))
    here = tenant["data_sources"].filter(~pl.col("deleted"), hostname=HOST).drop_nulls(["database", "schema", "table"])
    return (
        here.join(columns, on="data_source_id")
        .select(
            "database",
            "schema",
            "accessed_columns",
            name="table",
            object_name=pl.concat_str("database", "schema", "table", separator="."),
            object_type=pl.lit("TABLE"),
            inferred=pl.lit(value=False),
        )
        .unique("object_name")
        .sort("object_name")
    )
