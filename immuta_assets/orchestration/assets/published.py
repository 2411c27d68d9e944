"""The assets ``published/<layout>/<export-name>``: the files where consumers read them.

A layout is published as a whole, and all layouts of a run together. How files get there belongs to ``delivery``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import polars as pl

from immuta_assets.delivery.publish import Published, Release, publish
from immuta_assets.layouts import LAYOUTS, Layout
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.columns import table_schema
from immuta_assets.orchestration.failures import explained
from immuta_assets.orchestration.storage import ParquetStore
from immuta_assets.settings import Settings


def key(layout: Layout, name: str) -> dg.AssetKey:
    """Return the key of a published file."""
    return dg.AssetKey(["published", layout.version, name])


def published(settings: Settings, store: ParquetStore, days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the multi-asset that publishes the files of the layouts selected: all of them, or none.

    A layout is published as a whole, and an older export day never replaces a newer one at the destination.
    """
    keys = [key(layout, name) for layout in LAYOUTS.values() for name in layout.tables]

    @dg.multi_asset(
        name="published",
        group_name="published",
        specs=[_spec(layout, name) for layout in LAYOUTS.values() for name in layout.tables],
        partitions_def=days,
        check_specs=[checks.complete_spec(each, days) for each in keys],
        can_subset=True,
    )
    def publish_layouts(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        releases = [_release(layout, store, context.partition_key) for layout in _selected(context)]
        with explained(store.root):
            dates = _export_dates(releases)
        yield from checks.complete(dates)
        with explained(settings.destination):
            files = publish(releases, settings.destination)
        for file in files:
            yield dg.MaterializeResult(asset_key=key(file.layout, file.name), metadata=_metadata(file))

    return publish_layouts


def _selected(context: dg.AssetExecutionContext) -> list[Layout]:
    """Return the layouts selected; a part of a layout cannot be published."""
    selected = [layout for layout in LAYOUTS.values() if key(layout, next(iter(layout.tables))) in _keys(context)]
    missing = {key(layout, name) for layout in selected for name in layout.tables} ^ _keys(context)
    if missing:
        msg = "A layout is published as a whole: select all files of the group published that belong to it."
        raise dg.Failure(msg, allow_retries=False)
    return selected


def _keys(context: dg.AssetExecutionContext) -> set[dg.AssetKey]:
    return set(context.selected_asset_keys)


def _release(layout: Layout, store: ParquetStore, day: str) -> Release:
    return Release(layout, {name: store.path(dg.AssetKey([layout.version, name]), day) for name in layout.tables})


def _spec(layout: Layout, name: str) -> dg.AssetSpec:
    schema = layout.tables[name]
    return dg.AssetSpec(
        key(layout, name),
        deps=[dg.AssetKey([layout.version, name])],
        description=inspect.getdoc(schema),
        metadata={"dagster/column_schema": table_schema(schema)},
        kinds={"parquet"},
        owners=OWNERS,
    )


def _export_dates(releases: list[Release]) -> dict[dg.AssetKey, datetime]:
    return {
        key(release.layout, name): datetime.fromisoformat(pl.read_parquet_metadata(path)["export_date"])
        for release in releases
        for name, path in release.files.items()
    }


def _metadata(published: Published) -> dict[str, str | int]:
    facts = published.facts
    return {
        "dagster/partition_row_count": facts.rows,
        "dagster/uri": published.path.absolute().as_uri(),
        "columns": facts.columns,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
        "export_date": facts.export_date.isoformat(),
    }
