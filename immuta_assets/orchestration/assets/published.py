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
from immuta_assets.orchestration.columns import build_table_schema
from immuta_assets.orchestration.destinations import (
    PUBLISHING,
    bind_open_store,
    build_freshness_policy,
    choose_expected,
)
from immuta_assets.orchestration.failures import explain_errors
from immuta_assets.publishing.publish import PublishedTable, Release, ShrunkError, publish
from immuta_assets.publishing.verdicts import Expected
from immuta_assets.settings import Settings
from immuta_assets.tenant.info import TenantInfo
from immuta_assets.tenant.stored import open_tenant

Events = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]


def make_key(layout: Layout, name: str) -> dg.AssetKey:
    """Return the key of a published file."""
    return dg.AssetKey(["published", layout.version, name])


class Publication(dg.Config):
    """What an operator may confirm about a single publication."""

    allow_shrink: bool = Field(default=False, description="Publish tables that lost most of their rows, too.")


def build_published(settings: Settings, root: StoreRoot, days: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Return the multi-asset that publishes the files of the layouts selected: all of them, or none.

    A layout is published as a whole, and an older export day never replaces a newer one at the destination.
    """
    keys = [make_key(layout, name) for layout in LAYOUTS.values() for name in layout.tables]
    watched = choose_expected(settings)

    @dg.multi_asset(
        name="published",
        group_name="published",
        specs=[_define_spec(layout, name, watched) for layout in LAYOUTS.values() for name in layout.tables],
        partitions_def=days,
        check_specs=[spec(each, days) for each in keys for spec in (checks.define_complete, checks.define_kept_rows)],
        can_subset=True,
    )
    def publish_layouts(context: dg.AssetExecutionContext, config: Publication) -> Events:
        yield from _publish_layouts(context, settings, root, allow_shrink=config.allow_shrink)

    return publish_layouts


def _publish_layouts(
    context: dg.AssetExecutionContext, settings: Settings, root: StoreRoot, *, allow_shrink: bool
) -> Events:
    """Publish what the store holds of the layouts selected, and show every file that was published."""
    day = context.partition_key
    with ExitStack() as local:
        with explain_errors(root.uri):
            releases = [_open_release(layout, root, day, local) for layout in _drop_ended_layouts(context, settings)]
            dates = _read_export_dates(releases)
            snapshot_id = _read_snapshot_id(root, day)
        yield from checks.check_complete(dates)
        with explain_errors(", ".join(settings.destination)):
            stores = list(map(bind_open_store(settings, PUBLISHING), settings.destination))
            publication = partial(
                publish,
                releases,
                stores,
                run_id=context.run.run_id,
                snapshot_id=snapshot_id,
                max_shrink=settings.max_shrink,
                allow_shrink=allow_shrink,
            )
            files = yield from _publish_unless_shrunk(publication, dates)
    for file in files:
        yield dg.MaterializeResult(
            asset_key=make_key(file.layout, file.name), metadata=_describe_publication(file, stores)
        )


def _publish_unless_shrunk(
    publication: Callable[[], list[PublishedTable]], files: Iterable[dg.AssetKey]
) -> Generator[dg.AssetCheckResult, None, list[PublishedTable]]:
    """Publish and evaluate ``kept_rows`` of the files; where it fails, nothing was published."""
    try:
        published = publication()
    except ShrunkError as error:
        yield from checks.check_kept_rows(files, _describe_shrunk(error))
        raise
    yield from checks.check_kept_rows(files, {})
    return published


def _read_snapshot_id(root: StoreRoot, day: str) -> str:
    tenant = TenantInfo.read(open_tenant(root)["tenant"].scan([day]))
    return f"{tenant.tenant_id} {tenant.dumped_at.isoformat()}"


def _describe_shrunk(error: ShrunkError) -> dict[dg.AssetKey, str]:
    return {make_key(LAYOUTS[table.version], table.table): str(table) for table in error.tables}


def _drop_ended_layouts(context: dg.AssetExecutionContext, settings: Settings) -> list[Layout]:
    """Return the layouts selected but for those whose parallel period ended before the export day."""
    day = date.fromisoformat(context.partition_key)
    ended = {each.version for each in settings.layouts} - {*published_on(settings.layouts, day)}
    for version in sorted(ended):
        context.log.info("The parallel period of layout %s is over: it is not published.", version)
    return [layout for layout in _select_layouts(context) if layout.version not in ended]


def _select_layouts(context: dg.AssetExecutionContext) -> list[Layout]:
    """Return the layouts selected; a part of a layout cannot be published."""
    selected = [
        layout
        for layout in LAYOUTS.values()
        if make_key(layout, next(iter(layout.tables))) in _list_selected_keys(context)
    ]
    missing = {make_key(layout, name) for layout in selected for name in layout.tables} ^ _list_selected_keys(context)
    if missing:
        msg = "A layout is published as a whole: select all files of the group published that belong to it."
        raise dg.Failure(msg, allow_retries=False)
    return selected


def _list_selected_keys(context: dg.AssetExecutionContext) -> set[dg.AssetKey]:
    return set(context.selected_asset_keys)


def _open_release(layout: Layout, root: StoreRoot, day: str, files: ExitStack) -> Release:
    """Return the stored files of a layout; they are there until ``files`` is closed."""
    stored = open_layout(root, layout.version)
    paths = {name: files.enter_context(table.open_local_file(day)) for name, table in stored.items()}
    return Release(layout, paths, compute_code_version(layout))


def _define_spec(layout: Layout, name: str, watched: Expected) -> dg.AssetSpec:
    schema = layout.tables[name]
    return dg.AssetSpec(
        make_key(layout, name),
        deps=[dg.AssetKey([layout.version, name])],
        description=inspect.getdoc(schema),
        metadata={"dagster/column_schema": build_table_schema(schema)},
        kinds={"parquet"},
        owners=OWNERS,
        code_version=compute_code_version(layout, name),
        freshness_policy=build_freshness_policy(watched),
        # A layout whose parallel period is over gets no files.
        skippable=True,
    )


def _read_export_dates(releases: list[Release]) -> dict[dg.AssetKey, datetime]:
    return {
        make_key(release.layout, name): datetime.fromisoformat(pl.read_parquet_metadata(path)["export_date"])
        for release in releases
        for name, path in release.files.items()
    }


def _describe_publication(published: PublishedTable, stores: list[Store]) -> dict[str, str | int | list[str]]:
    facts = published.facts
    uris = [_make_uri(store, published.key) for store in stores]
    return {
        "dagster/partition_row_count": facts.rows,
        "dagster/uri": uris[0],
        "destinations": uris,
        "columns": facts.columns,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
        "export_date": facts.export_date.isoformat(),
    }


def _make_uri(store: Store, key: str) -> str:
    return f"{store.uri}/{key}" if "://" in store.uri else Path(store.uri, key).absolute().as_uri()
