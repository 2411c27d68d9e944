"""The engine beside the brute force: one tenant through both, as dump files through the one and raw through the other.

What lives here is only the comparison; tenants come from ``strategies`` or stand in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import polars.selectors as cs
from brute_force import Conflict, Row, Verdict, judge, sortable
from polars.testing import assert_frame_equal
from strategies import RawTenant

from immuta_assets.outcomes.evaluation import COLLECTIONS, evaluate
from immuta_assets.outcomes.profiles import from_frames, to_frames
from immuta_assets.policies.rules import parse_policies
from immuta_assets.tenant import dump


def read_back(tenant: RawTenant) -> dict[str, pl.DataFrame]:
    """The tenant after a journey through the files of a dump."""
    with TemporaryDirectory() as folder:
        for collection, objects in tenant.items():
            dump.write(Path(folder), collection, objects)
        return dump.read(Path(folder), COLLECTIONS)


def rows(frame: pl.DataFrame) -> list[Row]:
    """Outcomes as the second reading gives them; a list, so that a row given twice shows."""
    plain = frame.with_columns(cs.enum().cast(pl.String)).select(Row._fields).iter_rows()
    as_read = (Row._make(row) for row in plain)
    return sorted((row._replace(policy_ids=row.policy_ids and tuple(row.policy_ids)) for row in as_read), key=sortable)


def agreed(tenant: RawTenant, frames: Mapping[str, pl.DataFrame] | None = None) -> Verdict:
    """The verdict on a tenant, which the engine must share; ``frames`` where they are not simply read back."""
    frames = frames or read_back(tenant)
    evaluation, verdict = evaluate(frames), judge(tenant)
    outcomes = evaluation.outcomes
    frame = outcomes.scan().collect()
    assert rows(frame) == verdict.rows
    assert outcomes.rows == len(verdict.rows)
    assert outcomes.count_duplicates() == 0
    assert_frame_equal(from_frames(to_frames(outcomes), outcomes.export_date).scan().collect(), frame)
    assert frame["data_source_id"].is_sorted()
    assert frame["column_id"].null_count() == frame.height
    conflicts = [Conflict(found.data_source_id, found.scope, tuple(found.policy_ids)) for found in evaluation.conflicts]
    assert sorted(conflicts) == verdict.conflicts
    invalid = {policy.policy_id for policy in parse_policies(frames["policies"]) if policy.invalid}
    assert invalid == verdict.invalid
    assert {(found.policy_id, found.position) for found in evaluation.unusable} == verdict.unusable
    return verdict
