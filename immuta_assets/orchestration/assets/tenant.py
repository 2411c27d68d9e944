"""The assets ``tenant/<collection>``: one consistent reading of the tenant dump.

Their number and columns follow ``tenant.collections``; change what is read there.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import dataframely as dy

from immuta_assets.datasets.export_days import ExportDayError, choose_export_day
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.columns import build_table_schema
from immuta_assets.orchestration.failures import explain_errors
from immuta_assets.settings import Settings
from immuta_assets.tenant import dump
from immuta_assets.tenant.collections import COLLECTIONS
from immuta_assets.tenant.info import TenantInfo


def make_key(collection: str) -> dg.AssetKey:
    """Return the key of a collection's asset."""
    return dg.AssetKey(["tenant", collection])


def find_dump_folder(settings: Settings, day: str) -> Path:
    """Return the folder of the dump for an export day."""
    return Path(settings.tenant.replace("{export_day}", day))


def build_tenant(settings: Settings, days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the multi-asset that reads the dump as a whole, so that all collections describe the same moment."""

    @dg.multi_asset(
        name="tenant",
        group_name="tenant",
        outs={name: _define_out(name, schema) for name, schema in COLLECTIONS.items()},
        partitions_def=days,
        check_specs=[checks.define_references(days)],
    )
    def read(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult | dg.Output[object]]:
        folder = find_dump_folder(settings, context.partition_key)
        with explain_errors(folder):
            frames = dump.read(folder)
            _require_day(settings, TenantInfo.read(frames["tenant"]), context.partition_key)
        yield checks.check_references({name: frame.lazy() for name, frame in frames.items()})
        for name, frame in frames.items():
            yield dg.Output(frame, output_name=name)

    return read


def _define_out(name: str, schema: type[dy.Schema]) -> dg.AssetOut:
    return dg.AssetOut(
        key=make_key(name),
        description=inspect.getdoc(schema),
        metadata={"dagster/column_schema": build_table_schema(schema)},
        kinds={"polars", "parquet"},
        owners=OWNERS,
    )


def _require_day(settings: Settings, info: TenantInfo, partition: str) -> None:
    day = choose_export_day(info.dumped_at, settings.export_timezone, settings.dump_lead)
    if day != partition:
        made = info.dumped_at.astimezone(settings.export_timezone)
        msg = (
            f"The dump in {find_dump_folder(settings, partition)} was made at {made:%Y-%m-%d %H:%M:%S} "
            f"{settings.export_timezone.key} and belongs to the export day {day}, not {partition}: materialize {day}, "
            f"let IMMUTA_ASSETS_DUMP_LEAD cover how long before 05:00 dumps are made, or keep the dump of every day "
            f"with {{export_day}} in IMMUTA_ASSETS_TENANT."
        )
        raise ExportDayError(msg)
