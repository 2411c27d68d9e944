"""The assets ``prpr2/<table>`` and ``prpr1/<table>``: the tables of the access summary export.

Their dependencies are the signatures of the functions that compute them: a new table, or another collection for a
table, is a change of ``access_summary`` or ``layouts`` and none here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import dagster as dg
import polars as pl

from immuta_assets.access_summary import TABLES
from immuta_assets.layouts import LAYOUTS, prpr1
from immuta_assets.layouts.contract import nonconformities, shape_differences
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS, access
from immuta_assets.orchestration.columns import table_schema
from immuta_assets.orchestration.storage import ExportTable
from immuta_assets.policies.profiles import FRAMES, from_frames
from immuta_assets.tenant.info import TenantInfo

OUTCOMES = "policy-outcomes"
Days = dg.PartitionsDefinition[str]
Events = Iterator[dg.AssetCheckResult | dg.Output[ExportTable]]


def tables(days: Days) -> list[dg.AssetsDefinition]:
    """Return the twelve tables of prpr2 and the five that prpr1 derives from them."""
    newest = [_table(name, function, days) for name, function in TABLES.items()]
    older = [_downgrade(name, function, days) for name, function in prpr1.DOWNGRADES.items()]
    return [*newest, _policy_outcomes(days), *older]


def _table(name: str, function: Callable[..., pl.LazyFrame], days: Days) -> dg.AssetsDefinition:
    def compute(**collections: pl.LazyFrame) -> Events:
        info = TenantInfo.of(collections.pop("tenant"))
        yield from _scanned("prpr2", name, function(info, **collections), info.export_date)

    return _asset("prpr2", name, _collections(inspect.signature(function).parameters), compute, days)


def _policy_outcomes(days: Days) -> dg.AssetsDefinition:
    def compute(tenant: pl.LazyFrame, **frames: pl.LazyFrame) -> Events:
        outcomes = from_frames(frames, TenantInfo.of(tenant).export_date)
        rows = outcomes.scan()
        # The rows are proved on the compact form: its keys are unique, its texts are Enums, and the file takes no null.
        problems = shape_differences(LAYOUTS["prpr2"].tables[OUTCOMES], rows.collect_schema())
        yield from _stored("prpr2", OUTCOMES, rows, outcomes.export_date, problems)

    inputs = {name: dg.AssetIn(access.key(name)) for name in FRAMES}
    return _asset("prpr2", OUTCOMES, inputs | _collections(["tenant"]), compute, days)


def _downgrade(name: str, function: Callable[..., pl.LazyFrame], days: Days) -> dg.AssetsDefinition:
    def compute(tenant: pl.LazyFrame, **newer: pl.LazyFrame) -> Events:
        yield from _scanned("prpr1", name, function(**newer), TenantInfo.of(tenant).export_date)

    newer = inspect.signature(function).parameters
    inputs = {table: dg.AssetIn(["prpr2", table.replace("_", "-")]) for table in newer}
    return _asset("prpr1", name, inputs | _collections(["tenant"]), compute, days)


def _collections(names: Iterable[str]) -> dict[str, dg.AssetIn]:
    return {name: dg.AssetIn(["tenant", name]) for name in names}


def _asset(
    layout: str,
    name: str,
    inputs: Mapping[str, dg.AssetIn],
    compute: Callable[..., Events],
    days: Days,
) -> dg.AssetsDefinition:
    key, schema = dg.AssetKey([layout, name]), LAYOUTS[layout].tables[name]
    define = dg.asset(
        key=key,
        ins=inputs,
        group_name="access_summary" if layout == "prpr2" else f"access_summary_{layout}",
        description=inspect.getdoc(schema),
        metadata={"dagster/column_schema": table_schema(schema)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
        partitions_def=days,
        check_specs=[checks.conforms_spec(key, days)],
    )
    return define(compute)


def _scanned(layout: str, name: str, frame: pl.LazyFrame, export_date: datetime) -> Events:
    """Check every row before it is stored."""
    problems = nonconformities(LAYOUTS[layout].tables[name], frame)
    yield from _stored(layout, name, frame, export_date, problems)


def _stored(layout: str, name: str, frame: pl.LazyFrame, export_date: datetime, problems: Sequence[str]) -> Events:
    yield from checks.conforming(dg.AssetKey([layout, name]), problems)
    yield dg.Output(ExportTable(frame, LAYOUTS[layout].tables[name], export_date))
