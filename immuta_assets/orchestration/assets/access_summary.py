"""The assets ``<layout>/<table>``: the tables of the access summary export, in every version.

Their dependencies are the signatures of the functions that compute them: a new table or version, or another collection
for a table, is a change of ``access_summary`` or ``layouts`` and none here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import dagster as dg
import polars as pl

from immuta_assets.access_summary import TABLES
from immuta_assets.frames.contract import compare_schema, find_nonconformities
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.layouts.versions import COMPUTED, LAYOUTS, Layout
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.assets import outcomes as compact
from immuta_assets.orchestration.columns import build_table_schema
from immuta_assets.orchestration.storage import ExportTable
from immuta_assets.outcomes.profiles import FRAMES, from_frames
from immuta_assets.tenant.info import TenantInfo

OUTCOMES = "policy-outcomes"
Days = dg.PartitionsDefinition[str]
Events = Iterator[dg.AssetCheckResult | dg.Output[ExportTable]]


def build_tables(days: Days) -> list[dg.AssetsDefinition]:
    """Return the tables of the computed version, and those that every other version derives from them."""
    layout = LAYOUTS[COMPUTED]
    computed = [_build_table(layout, name, function, days) for name, function in TABLES.items()]
    derived = [
        _build_derived(each, name, function, days)
        for each in LAYOUTS.values()
        for name, function in each.derived.items()
    ]
    return [*computed, _build_policy_outcomes(layout, days), *derived]


def _build_table(layout: Layout, name: str, function: Callable[..., pl.LazyFrame], days: Days) -> dg.AssetsDefinition:
    def compute(**collections: pl.LazyFrame) -> Events:
        info = TenantInfo.read(collections.pop("tenant"))
        yield from _check_and_store(layout, name, function(info, **collections), info.export_date)

    return _define_asset(layout, name, _take_collections(inspect.signature(function).parameters), compute, days)


def _build_policy_outcomes(layout: Layout, days: Days) -> dg.AssetsDefinition:
    def compute(tenant: pl.LazyFrame, **frames: pl.LazyFrame) -> Events:
        outcomes = from_frames(frames, TenantInfo.read(tenant).export_date)
        rows = outcomes.scan()
        # The rows are proved on the compact form: its keys are unique, its texts are Enums, and the file takes no null.
        problems = compare_schema(layout.tables[OUTCOMES], rows.collect_schema())
        yield from _store(layout, OUTCOMES, rows, outcomes.export_date, problems)

    inputs = {name: dg.AssetIn(compact.make_key(name)) for name in FRAMES}
    return _define_asset(layout, OUTCOMES, inputs | _take_collections(["tenant"]), compute, days)


def _build_derived(layout: Layout, name: str, function: Callable[..., pl.LazyFrame], days: Days) -> dg.AssetsDefinition:
    named = inspect.signature(function).parameters

    def compute(**given: pl.LazyFrame) -> Events:
        frame = function(*(given[each] for each in named))
        yield from _check_and_store(layout, name, frame, TenantInfo.read(given["tenant"]).export_date)

    tables = {each: each.replace("_", "-") for each in named if each.replace("_", "-") in LAYOUTS[COMPUTED].tables}
    inputs = {each: dg.AssetIn([COMPUTED, table]) for each, table in tables.items()}
    collections = _take_collections([each for each in dict.fromkeys([*named, "tenant"]) if each not in tables])
    return _define_asset(layout, name, inputs | collections, compute, days)


def _take_collections(names: Iterable[str]) -> dict[str, dg.AssetIn]:
    return {name: dg.AssetIn(["tenant", name]) for name in names}


def _define_asset(
    layout: Layout,
    name: str,
    inputs: Mapping[str, dg.AssetIn],
    compute: Callable[..., Events],
    days: Days,
) -> dg.AssetsDefinition:
    key, schema = dg.AssetKey([layout.version, name]), layout.tables[name]
    define = dg.asset(
        key=key,
        ins=inputs,
        group_name="access_summary" if layout.version == COMPUTED else f"access_summary_{layout.version}",
        description=inspect.getdoc(schema),
        metadata={"dagster/column_schema": build_table_schema(schema)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
        partitions_def=days,
        check_specs=[checks.define_conforms(key, days)],
        code_version=compute_code_version(layout, name),
    )
    return define(compute)


def _check_and_store(layout: Layout, name: str, frame: pl.LazyFrame, export_date: datetime) -> Events:
    """Check every row before it is stored."""
    problems = find_nonconformities(layout.tables[name], frame)
    yield from _store(layout, name, frame, export_date, problems)


def _store(layout: Layout, name: str, frame: pl.LazyFrame, export_date: datetime, problems: Sequence[str]) -> Events:
    yield from checks.check_conforms(dg.AssetKey([layout.version, name]), problems)
    yield dg.Output(ExportTable(frame, layout.tables[name], export_date))
