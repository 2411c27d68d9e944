"""Publication of an export: every layout as a whole, the same bytes at every destination.

All sets are judged at all destinations, then staged and verified at all, before the first file is switched. Then one
destination is switched after the other. A destination that fails holds back no other: the others become complete, and
the error names the one that is not. Add here what concerns several destinations, or the files before they are sent.
What may be published at a destination belongs to ``destination``; what the files hold is settled before
(``layouts.contract``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from immuta_assets.layouts.parquet import FileFacts, LayoutError, inspect_file
from immuta_assets.layouts.versions import Layout
from immuta_assets.object_store import Store, UnavailableError
from immuta_assets.publishing.destination import Delivery, LayoutSet, RefusedError, ShrunkTable
from immuta_assets.publishing.manifest import Manifest, ManifestFile, published_key

logger = logging.getLogger(__name__)

MAX_SHRINK = 0.3
"""The share of its rows that a table may lose from one publication to the next."""

UNCHANGED = "the files published before are unchanged"
INCOMPLETE = "some files may be new already, publish again to complete the set"


class PublishError(Exception):
    """The files could not be published; one sentence with the place and the remedy.

    Its cause is an ``UnavailableError`` where trying again later may do.
    """


class ShrunkError(PublishError):
    """Tables lost more rows than they may, and nobody confirmed that it is right."""

    def __init__(self, message: str, tables: Sequence[ShrunkTable]) -> None:
        super().__init__(message)
        self.tables = tables


class Release(NamedTuple):
    """The files (export name → Parquet file) of one layout, to be published together, and the contract's version."""

    layout: Layout
    files: Mapping[str, Path]
    code_version: str


class PublishedTable(NamedTuple):
    """A published file: its key at every destination, and what it holds."""

    layout: Layout
    name: str
    key: str
    facts: FileFacts


def published_path(layout: Layout, name: str, folder: Path) -> Path:
    """Return where the table ``name`` is published in a folder: ``<folder>/<name>/v=<version>/<name>.parquet``."""
    return folder / published_key(layout.version, name)


def publish(
    releases: Sequence[Release],
    stores: Sequence[Store],
    *,
    run_id: str,
    snapshot_id: str,
    max_shrink: float = MAX_SHRINK,
    allow_shrink: bool = False,
) -> list[PublishedTable]:
    """Publish the files of one export in one or several layouts, in place of an older or the same export.

    The sources stay where they are. A destination that already has the same set is left alone. ``run_id`` is unique and
    of letters, digits and dashes; ``snapshot_id`` names the tenant dump. An unfinished earlier publication is finished
    first.

    Raises ``PublishError`` when a source is missing, breaks the contract or shows another ``export_date``; when a newer
    export is published already; and when a destination fails. Raises ``ShrunkError`` when a table lost more than the
    share ``max_shrink`` of its rows, or all, and ``allow_shrink`` does not confirm it. Unless a message says otherwise,
    every file published before is then untouched.
    """
    sources = [_inspect_source(release, name) for release in releases for name in release.layout.tables]
    published = [source.published for source in sources]
    export_date = _require_one_export_date(published)
    sets = [_build_set(release, sources, export_date, run_id, snapshot_id) for release in releases]
    deliveries = [Delivery(store, sets, None if allow_shrink else max_shrink) for store in stores]
    _deliver(deliveries)
    logger.info("published %s files, export_date %s UTC", f"{len(published):,}", export_date)
    return published


class _Source(NamedTuple):
    path: Path
    published: PublishedTable


def _inspect_source(release: Release, name: str) -> _Source:
    path = release.files.get(name)
    if path is None or not path.is_file():
        msg = f"{path or name} is missing, materialize the asset {name} first; {UNCHANGED}."
        raise PublishError(msg)
    try:
        facts = inspect_file(path, release.layout.tables[name])
    except LayoutError as error:
        msg = f"{error}; {UNCHANGED}."
        raise PublishError(msg) from error
    return _Source(path, PublishedTable(release.layout, name, published_key(release.layout.version, name), facts))


def _require_one_export_date(files: Iterable[PublishedTable]) -> datetime:
    by_date = {file.facts.export_date: file.name for file in files}
    if len(by_date) > 1:
        shown = ", ".join(f"{name} {date} UTC" for date, name in sorted(by_date.items()))
        msg = f"The files are not of one export ({shown}), materialize them from one dump; {UNCHANGED}."
        raise PublishError(msg)
    return next(iter(by_date))


def _build_set(
    release: Release, sources: Sequence[_Source], export_date: datetime, run_id: str, snapshot_id: str
) -> LayoutSet:
    own = [source for source in sources if source.published.layout is release.layout]
    manifest = Manifest(
        layout=release.layout.version,
        export_date=export_date,
        snapshot_id=snapshot_id,
        code_version=release.code_version,
        run_id=run_id,
        files={source.published.name: _describe_file(source.published) for source in own},
    )
    return LayoutSet(manifest, {source.published.name: source.path for source in own})


def _describe_file(file: PublishedTable) -> ManifestFile:
    return ManifestFile(file.key, file.facts.rows, file.facts.bytes, file.facts.sha256)


def _deliver(deliveries: Sequence[Delivery]) -> None:
    for step in (Delivery.plan, Delivery.stage):
        _take_step(step, deliveries)
        _raise_refusal(deliveries)
    _take_step(Delivery.switch, deliveries)
    _raise_failures(deliveries)


def _take_step(step: Callable[[Delivery], None], deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        delivery.take(step)


def _raise_refusal(deliveries: Sequence[Delivery]) -> None:
    refused = next((delivery.failure for delivery in deliveries if isinstance(delivery.failure, RefusedError)), None)
    if refused:
        for delivery in deliveries:
            delivery.unstage()
        msg = f"{refused}; {UNCHANGED}."
        raise (ShrunkError(msg, refused.tables) if refused.tables else PublishError(msg)) from None


def _raise_failures(deliveries: Sequence[Delivery]) -> None:
    failures = [delivery.failure for delivery in deliveries if delivery.failure]
    if failures:
        described = "; ".join(_describe_failure(delivery) for delivery in deliveries if delivery.failure)
        complete = ", ".join(delivery.store.uri for delivery in deliveries if not delivery.failure)
        msg = f"{described}; complete are {complete}." if complete else f"{described}."
        lasting = (failure for failure in failures if not isinstance(failure, UnavailableError))
        raise PublishError(msg) from next(lasting, failures[0])


def _describe_failure(delivery: Delivery) -> str:
    return f"{str(delivery.failure).removesuffix('.')}; {INCOMPLETE if delivery.switching else UNCHANGED}"
