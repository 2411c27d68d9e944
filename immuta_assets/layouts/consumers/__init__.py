"""SQL for consumers: the files of a version as external tables of their platform, and stable views over them.

``sql`` is all that a platform needs for one version, ``cutover`` the way from one version to another. A new platform
is a module beside ``snowflake`` and a line in ``PLATFORMS``; a new version changes nothing here.
"""

from __future__ import annotations

from immuta_assets.layouts.consumers.databricks import DATABRICKS
from immuta_assets.layouts.consumers.duckdb import DUCKDB
from immuta_assets.layouts.consumers.location import parse
from immuta_assets.layouts.consumers.platform import Platform
from immuta_assets.layouts.consumers.snowflake import SNOWFLAKE
from immuta_assets.layouts.consumers.statements import Statement, script
from immuta_assets.layouts.consumers.steps import Step, guide, steps
from immuta_assets.layouts.consumers.trino import ATHENA, TRINO
from immuta_assets.layouts.consumers.views import views
from immuta_assets.layouts.versions import LAYOUTS, Layout, newest

__all__ = ["PLATFORMS", "Platform", "Statement", "Step", "cutover", "guide", "script", "sql"]

PLATFORMS: dict[str, Platform] = {
    platform.dialect: platform for platform in (SNOWFLAKE, DATABRICKS, DUCKDB, ATHENA, TRINO)
}
"""The platforms by name."""


def sql(platform: Platform, layout: Layout, location: str) -> list[Statement]:
    """Return, in order, the storage set-up, the external tables of a version and the views that show the newest one.

    ``location`` is the address where the files are published; parts in angle brackets stay for the reader to fill in.
    Raises ``ValueError`` where it is none, or the platform cannot read there.
    """
    place = parse(location)
    return [
        *platform.set_up(place, platform.root(place)),
        *platform.external_tables(layout, place),
        *views(platform, layout, LAYOUTS[newest()]),
    ]


def cutover(old: Layout, new: Layout, platform: Platform, location: str) -> list[Step]:
    """Return the steps by which consumers of ``old`` come to read ``new``, a newer version, without a day's break.

    Their views show the columns of ``new`` from the first step on. Raises ``ValueError`` as ``sql`` does, and where
    ``new`` is not the newer version.
    """
    versions = list(LAYOUTS)
    if versions.index(new.version) <= versions.index(old.version):
        msg = f"{new.version} is not newer than {old.version}: consumers go from an older version to a newer one."
        raise ValueError(msg)
    return steps(old, new, platform, parse(location))
