"""The assets ``published/<layout>/<export-name>``: the files where consumers read them.

A layout is published as a whole, and all layouts of a run together. How files get there belongs to ``publishing``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import inspect
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from datetime import date, datetime
from functools import partial
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field

from immuta_assets.datasets.root import StoreRoot
from immuta_assets.layouts.lifecycle import published_on
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.layouts.stored import open_layout
from immuta_assets.layouts.versions import LAYOUTS, Layout
from immuta_assets.object_store import Store
from immuta_assets.orchestration import checks
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.columns import table_schema
from immuta_assets.orchestration.destinations import PUBLISHING, expected, freshness, opened
from immuta_assets.orchestration.failures import explained
from immuta_assets.publishing.publish import PublishedTable, Release, ShrunkError, publish
from immuta_assets.publishing.verdicts import Expected
from immuta_assets.settings import Settings
from immuta_assets.tenant.info import TenantInfo
from immuta_assets.tenant.stored import open_tenant

Events = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]


def key(layout: Layout, name: str) -> dg.AssetKey:
    """Return the key of a published file."""
    return dg.AssetKey(["published", layout.version, name])


class Publication(dg.Config):
    """What an operator may confirm about a single publication."""

    allow_shrink: bool = Field(default=False, description="Publish tables that lost most of their rows, too.")


def published(settings: Settings, root: StoreRoot, days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the multi-asset that publishes the files of the layouts selected: all of them, or none.

    A layout is published as a whole, and an older export day never replaces a newer one at the destination.
    """
    keys = [key(layout, name) for layout in LAYOUTS.values() for name in layout.tables]
    watched = expected(settings)

    @dg.multi_asset(
        name="published",
        group_name="published",
        specs=[_spec(layout, name, watched) for layout in LAYOUTS.values() for name in layout.tables],
        partitions_def=days,
        check_specs=[spec(each, days) for each in keys for spec in (checks.complete_spec, checks.kept_rows_spec)],
        can_subset=True,
    )
    def publish_layouts(context: dg.AssetExecutionContext, config: Publication) -> Events:
        day = context.partition_key
        with ExitStack() as local:
            with explained(root.uri):
                releases = [_open_release(layout, root, day, local) for layout in _living(context, settings)]
                dates = _export_dates(releases)
                snapshot_id = _snapshot_id(root, day)
            yield from checks.complete(dates)
            with explained(", ".join(settings.destination)):
                stores = list(map(opened(settings, PUBLISHING), settings.destination))
                publication = partial(
                    publish,
                    releases,
                    stores,
                    run_id=context.run.run_id,
                    snapshot_id=snapshot_id,
                    max_shrink=settings.max_shrink,
                    allow_shrink=config.allow_shrink,
                )
                files = yield from _braked(publication, dates)
        for file in files:
            yield dg.MaterializeResult(asset_key=key(file.layout, file.name), metadata=_metadata(file, stores))

    return publish_layouts


def _braked(
    publication: Callable[[], list[PublishedTable]], files: Iterable[dg.AssetKey]
) -> Generator[dg.AssetCheckResult, None, list[PublishedTable]]:
    """Publish and evaluate ``kept_rows`` of the files; where it fails, nothing was published."""
    try:
        published = publication()
    except ShrunkError as error:
        yield from checks.kept_rows(files, _shrunk(error))
        raise
    yield from checks.kept_rows(files, {})
    return published


def _snapshot_id(root: StoreRoot, day: str) -> str:
    tenant = TenantInfo.read(open_tenant(root)["tenant"].scan([day]))
    return f"{tenant.tenant_id} {tenant.dumped_at.isoformat()}"


def _shrunk(error: ShrunkError) -> dict[dg.AssetKey, str]:
    return {key(LAYOUTS[table.version], table.table): str(table) for table in error.tables}


def _living(context: dg.AssetExecutionContext, settings: Settings) -> list[Layout]:
    """Return the layouts selected but for those whose parallel period ended before the export day."""
    day = date.fromisoformat(context.partition_key)
    ended = {each.version for each in settings.layouts} - {*published_on(settings.layouts, day)}
    for version in sorted(ended):
        context.log.info("The parallel period of layout %s is over: it is not published.", version)
    return [layout for layout in _selected(context) if layout.version not in ended]


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


def _open_release(layout: Layout, root: StoreRoot, day: str, files: ExitStack) -> Release:
    """Return the stored files of a layout; they are there until ``files`` is closed."""
    stored = open_layout(root, layout.version)
    paths = {name: files.enter_context(table.local_file(day)) for name, table in stored.items()}
    return Release(layout, paths, compute_code_version(layout))


def _spec(layout: Layout, name: str, watched: Expected) -> dg.AssetSpec:
    schema = layout.tables[name]
    return dg.AssetSpec(
        key(layout, name),
        deps=[dg.AssetKey([layout.version, name])],
        description=inspect.getdoc(schema),
        metadata={"dagster/column_schema": table_schema(schema)},
        kinds={"parquet"},
        owners=OWNERS,
        code_version=compute_code_version(layout, name),
        freshness_policy=freshness(watched),
        # A layout whose parallel period is over gets no files.
        skippable=True,
    )


def _export_dates(releases: list[Release]) -> dict[dg.AssetKey, datetime]:
    return {
        key(release.layout, name): datetime.fromisoformat(pl.read_parquet_metadata(path)["export_date"])
        for release in releases
        for name, path in release.files.items()
    }


def _metadata(published: PublishedTable, stores: list[Store]) -> dict[str, str | int | list[str]]:
    facts = published.facts
    uris = [_uri(store, published.key) for store in stores]
    return {
        "dagster/partition_row_count": facts.rows,
        "dagster/uri": uris[0],
        "destinations": uris,
        "columns": facts.columns,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
        "export_date": facts.export_date.isoformat(),
    }


def _uri(store: Store, key: str) -> str:
    return f"{store.uri}/{key}" if "://" in store.uri else Path(store.uri, key).absolute().as_uri()
