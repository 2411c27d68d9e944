"""What is stored of query history and of its events: a dataset per frame, several of them for every connection.

The keys of these frames stand here and nowhere else. Add a frame here when it is to be stored, with its schema. How a
frame is made belongs to ``queries`` and ``identities``; when it is made, to ``orchestration``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from immuta_assets.audit.identities.principals import Principals
from immuta_assets.audit.identities.unknown_users import UnknownUsers
from immuta_assets.audit.queries.events import QueryEvents
from immuta_assets.audit.queries.plan import Plan
from immuta_assets.audit.queries.readings import Coverage, Readings
from immuta_assets.audit.queries.status import Status
from immuta_assets.datasets.files import FileDataset
from immuta_assets.datasets.hourly import HourlyDataset
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.platforms.history import Accesses, Statements

UNKNOWN_USERS = "audit/unknown_users"
STATUS = "audit/status"


class ConnectionData(NamedTuple):
    """The stored frames of a connection: those read from its platform, those made of them, and its newest plan."""

    statements: HourlyDataset
    accesses: HourlyDataset
    readings: HourlyDataset
    query_events: HourlyDataset
    principals: HourlyDataset
    coverage: HourlyDataset
    plan: FileDataset

    @property
    def tables(self) -> Mapping[str, HourlyDataset]:
        """The frames of hours, by name."""
        return {name: each for name, each in self._asdict().items() if isinstance(each, HourlyDataset)}


def open_connection_data(root: StoreRoot, connection: str) -> ConnectionData:
    """Return the datasets of a connection; nothing is read yet."""
    history, audit = f"query_history/{connection}", "audit/{}/" + connection
    return ConnectionData(
        statements=HourlyDataset(root, f"{history}/statements", Statements, "day"),
        accesses=HourlyDataset(root, f"{history}/accesses", Accesses, "day"),
        readings=HourlyDataset(root, f"{history}/readings", Readings, "month"),
        query_events=HourlyDataset(
            root,
            audit.format("query_events"),
            QueryEvents,
            "day",
            # Older versions did not keep when an event was revised.
            fill={"changed_at": pl.col("receivedTimestamp")},
        ),
        principals=HourlyDataset(root, audit.format("principals"), Principals, "month"),
        coverage=HourlyDataset(
            root,
            audit.format("coverage"),
            Coverage,
            "month",
            fill={"files": pl.lit([], Coverage.columns()["files"].dtype)},
        ),
        plan=FileDataset(root, f"{history}/plan", Plan),
    )


def open_unknown_users(root: StoreRoot) -> FileDataset:
    """Return the dataset of platform users nobody knows, over all connections."""
    return FileDataset(root, UNKNOWN_USERS, UnknownUsers)


def open_status(root: StoreRoot) -> FileDataset:
    """Return the dataset of how far every connection is covered."""
    return FileDataset(root, STATUS, Status)
