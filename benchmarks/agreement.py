"""Whether engines that are compared gave the same rows; a ratio between different answers would mean nothing.

Large tables are compared by count and by a sum of hashes that no order changes, small ones row by row as well.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.tenants import load
from immuta_assets.outcomes.compact import AdmittedMembers, Outcomes, Pairs
from immuta_assets.outcomes.evaluation import evaluate

EXACT_LIMIT = 10_000_000
"""Rows up to which tables are compared row by row."""
KEY = ["user", "data_source_id", "scope"]


def write_rows(tenant: Path, path: Path) -> None:
    """Write the engine's rows as the peers write theirs."""
    select_comparable(evaluate(load(tenant)).outcomes).sink_parquet(path)


def select_comparable(outcomes: Outcomes) -> pl.LazyFrame:
    """Return the rows by policy, users as positions, without what grants for members only add."""
    nobody = Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    scopes = {
        name: replace(scope, admitted=AdmittedMembers(nobody, np.empty(0, np.uint16)), manual=nobody)
        for name, scope in outcomes.scopes.items()
    }
    rows = replace(outcomes, scopes=scopes).scan()
    user = pl.col("global_user_id").to_physical().cast(pl.UInt32)
    return rows.select("data_source_id", "policy_ids", user=user, scope=pl.col("scope").cast(pl.String))


def agree(ours: Path, theirs: Path) -> bool:
    """Say whether a peer's file has the engine's rows, as far as it has columns."""
    mine, other = pl.scan_parquet(ours), pl.scan_parquet(theirs)
    columns = [*KEY, *(column for column in other.collect_schema() if column not in KEY)]
    mine, other = mine.select(columns), other.select(columns)
    count, _ = digest = _sum_hashes(mine)
    if digest != _sum_hashes(other):
        return False
    return count > EXACT_LIMIT or mine.sort(KEY).collect().equals(other.sort(KEY).collect())


def agree_on_sample(ours: Path, sample: Path) -> bool:
    """Say whether pairs decided one by one (``policy_ids`` null: denied) agree with the engine's rows."""
    asked = pl.scan_parquet(sample)
    mine = pl.scan_parquet(ours).join(asked.select(KEY), on=KEY, how="semi").select(*KEY, "policy_ids")
    allowed = asked.drop_nulls("policy_ids").select(*KEY, "policy_ids")
    return mine.sort(KEY).collect(engine="streaming").equals(allowed.sort(KEY).collect())


def _sum_hashes(rows: pl.LazyFrame) -> tuple[int, int]:
    """Return the number of rows, and the sum of the upper halves of their hashes."""
    upper = pl.struct(pl.all()).hash(seed=0) // 2**32
    return rows.select(pl.len(), upper.sum().alias("sum")).collect(engine="streaming").row(0)
