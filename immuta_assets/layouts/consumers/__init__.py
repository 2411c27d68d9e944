"""SQL for consumers: the files of a version as external tables of their platform, and stable views over them.

``build_sql`` gives all that a platform needs for one version, ``plan_cutover`` the way from one version to another. A
new platform is a module beside ``snowflake`` and a line in ``PLATFORMS``; a new version changes nothing here.
"""

from __future__ import annotations

from immuta_assets.layouts.consumers.databricks import DATABRICKS
from immuta_assets.layouts.consumers.duckdb import DUCKDB
from immuta_assets.layouts.consumers.location import parse
from immuta_assets.layouts.consumers.platform import ConsumerPlatform
from immuta_assets.layouts.consumers.snowflake import SNOWFLAKE
from immuta_assets.layouts.consumers.statements import Statement, render_script
from immuta_assets.layouts.consumers.steps import CutoverStep, plan_steps, render_guide
from immuta_assets.layouts.consumers.trino import ATHENA, TRINO
from immuta_assets.layouts.consumers.views import build_views
from immuta_assets.layouts.versions import LAYOUTS, Layout, find_newest

__all__ = [
    "PLATFORMS",
    "ConsumerPlatform",
    "CutoverStep",
    "Statement",
    "build_sql",
    "plan_cutover",
    "render_guide",
    "render_script",
]

PLATFORMS: dict[str, ConsumerPlatform] = {
    platform.dialect: platform for platform in (SNOWFLAKE, DATABRICKS, DUCKDB, ATHENA, TRINO)
}
"""The platforms by name."""


def build_sql(platform: ConsumerPlatform, layout: Layout, location: str) -> list[Statement]:
    """Return, in order, the storage set-up, the external tables of a version and the views that show the newest one.

    ``location`` is the address where the files are published; parts in angle brackets stay for the reader to fill in.
    Raises ``ValueError`` where it is none, or the platform cannot read there.
    """
    place = parse(location)
    return [
        *platform.set_up(place, platform.format_root(place)),
        *platform.make_external_tables(layout, place),
        *build_views(platform, layout, LAYOUTS[find_newest()]),
    ]


def plan_cutover(old: Layout, new: Layout, platform: ConsumerPlatform, location: str) -> list[CutoverStep]:
    """Return the steps by which consumers of ``old`` come to read ``new``, a newer version, without a day's break.

    Their views show the columns of ``new`` from the first step on. Raises ``ValueError`` as ``build_sql`` does, and
    where ``new`` is not the newer version.
    """
    versions = list(LAYOUTS)
    if versions.index(new.version) <= versions.index(old.version):
        msg = f"{new.version} is not newer than {old.version}: consumers go from an older version to a newer one."
        raise ValueError(msg)
    return plan_steps(old, new, platform, parse(location))
