"""Destinations as the settings say them: how their stores are opened, and what must lie there when.

Add here what both publishing and watching need to know of the settings. What either does with it stands in
``assets.published`` and ``staleness``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from immuta_assets.datasets.export_days import OPENS_AT
from immuta_assets.datasets.root import LOOKING, find_store_options
from immuta_assets.layouts.lifecycle import choose_layouts
from immuta_assets.object_store import Store, open_store
from immuta_assets.publishing.verdicts import Expected
from immuta_assets.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

PUBLISHING = timedelta(minutes=2)
"""How long a store that does not answer is tried while something is published."""


def bind_open_store(settings: Settings, patience: timedelta = LOOKING) -> Callable[[str], Store]:
    """Return the function that opens the store at a destination, as the settings say."""
    return lambda address: open_store(address, find_store_options(settings, address, patience))


def choose_expected(settings: Settings) -> Expected:
    """Return what must lie at every destination, and by when; raises ``SettingsError`` for layouts there are not."""
    return Expected(choose_layouts(settings), settings.export_timezone, settings.deadline_grace, settings.dump_lead)


def build_freshness_policy(expected: Expected) -> dg.FreshnessPolicy:
    """Return the freshness of published assets: materialized between 05:00 and the deadline, every day.

    It tells when a run published. What lies at the destination is told by the check ``on_time``.
    """
    import dagster as dg  # noqa: PLC0415  # a watch looks at destinations without Dagster

    minutes = OPENS_AT.hour * 60 + OPENS_AT.minute + expected.grace // timedelta(minutes=1)
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{minutes % 60} {minutes // 60 % 24} * * *",
        lower_bound_delta=max(expected.grace, timedelta(minutes=1)),
        timezone=expected.timezone.key,
    )
