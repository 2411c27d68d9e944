"""The assets ``outcomes/<frame>``: who gets access and why, compact, before it becomes the rows of a table.

Their columns are those of ``outcomes.profiles``; a new frame there is a new asset here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

import dagster as dg
import polars as pl

from immuta_assets.frames.contract import find_nonconformities
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.assets.tenant import make_key as collection_key
from immuta_assets.orchestration.columns import build_table_schema
from immuta_assets.outcomes.compact import Outcomes
from immuta_assets.outcomes.evaluation import COLLECTIONS, evaluate
from immuta_assets.outcomes.profiles import FRAMES, to_frames

CELLS = "cells"


def make_key(frame: str) -> dg.AssetKey:
    """Return the key of a frame of the compact form."""
    return dg.AssetKey(["outcomes", frame])


def build_outcomes(days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the multi-asset that evaluates the policies and keeps the outcomes in their compact form."""
    define = dg.multi_asset(
        name="outcomes",
        group_name="outcomes",
        ins={name: dg.AssetIn(collection_key(name)) for name in COLLECTIONS},
        outs={name: _define_out(name) for name in FRAMES},
        partitions_def=days,
        check_specs=[
            *(checks.define_conforms(make_key(name), days) for name in FRAMES),
            checks.define_conflicts(days),
            checks.define_conditions(days),
        ],
    )
    return define(_evaluate_policies)


def _define_out(name: str) -> dg.AssetOut:
    return dg.AssetOut(
        key=make_key(name),
        description=inspect.getdoc(FRAMES[name]),
        metadata={"dagster/column_schema": build_table_schema(FRAMES[name])},
        kinds={"polars", "parquet"},
        owners=OWNERS,
        # A check that fails ends the step before the first output.
        is_required=False,
    )


def _evaluate_policies(**collections: pl.LazyFrame) -> Iterator[dg.AssetCheckResult | dg.Output[pl.LazyFrame]]:
    evaluation = evaluate({name: frame.collect() for name, frame in collections.items()})
    frames = to_frames(evaluation.outcomes)
    for name, problems in _find_problems(evaluation.outcomes, frames).items():
        yield from checks.check_conforms(make_key(name), problems)
    yield checks.check_conflicts(evaluation.conflicts)
    yield checks.check_conditions(evaluation.unusable)
    for name, frame in frames.items():
        yield dg.Output(frame, output_name=name)


def _find_problems(outcomes: Outcomes, frames: Mapping[str, pl.LazyFrame]) -> dict[str, list[str]]:
    """What breaks the schema of each frame; of the cells, which are many, only the key needs a look."""
    found = {name: find_nonconformities(schema, frames[name]) for name, schema in FRAMES.items() if name != CELLS}
    count = outcomes.count_duplicates()
    repeated = f"the key (user, data source, scope, source) is repeated: {count:,} cells or members"
    return found | {CELLS: [repeated] if count else []}
