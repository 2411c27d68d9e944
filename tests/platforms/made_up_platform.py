"""A made-up platform that only the registry knows; run as a script, it prints what the audit makes of its history.

It runs in a process of its own, since modules of the audit look at the registry when they are imported.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import dataframely as dy
import polars as pl
from query_rows import access, data_source, frame

from immuta_assets.platforms.connection import Connection, define_key
from immuta_assets.platforms.connections import load
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.hour import Counted, Hour, ReadFacts
from immuta_assets.platforms.kind import ConnectionKind, ReadHour
from immuta_assets.platforms.origin import Origin
from immuta_assets.platforms.platform import ContextKey, Platform, UamKeys, UserKey, unquote_name
from immuta_assets.platforms.registry import KINDS, PLATFORMS, count_hours, make_origin, open_reader
from immuta_assets.tenant.collections import Columns, DataSources, Tags, Users

HOUR = datetime(2026, 3, 1, 7, tzinfo=UTC)
LATER = HOUR + timedelta(hours=4)
CONNECTIONS = """
connections:
  - {name: hopper, kind: brook, house: hill}
  - {name: kept, kind: embedded, platform: brook, path: history.duckdb}
"""
STATEMENTS = [
    {"query_id": "q1", "user_name": "ANN", "text": "select 1"},
    {"query_id": "q2", "user_name": "bo", "text": "select 2"},
    {"query_id": "q3", "user_name": "Nobody", "text": "select 3"},
]
TIMES = {"started_at": HOUR, "ended_at": HOUR + timedelta(minutes=1)}


def fold_name(name: pl.Expr) -> pl.Expr:
    return unquote_name(name, "'").str.to_uppercase()


BROOK = Platform(
    name="BROOK",
    fold_name=fold_name,
    mapped_name="brook_user",
    user_keys=(
        UserKey(pl.col("user_name"), pl.col("brook_user")),
        UserKey(pl.col("user_name").str.to_lowercase(), pl.col("brook_user").str.to_lowercase()),
    ),
    context_type="BrookContext",
    context={"brookUsername": ContextKey(dy.String(nullable=True), pl.col("user_name"))},
    keys=UamKeys(
        event="id action actor targets auditPayload",
        actor="name type",
        payload="queryId query technologyContext objectsAccessed",
        context="brookUsername host type",
    ),
    tags_objects=True,
    denies_inference=False,
    redaction_hint="on Brook open the sluice",
)


class BrookConnection(Connection):
    platform: ClassVar[Platform] = BROOK

    kind: Literal["brook"]
    house: str = define_key("text: the name of a house")


def read_hour(hour: datetime, spool: Path, moment: datetime) -> Hour:
    assert (hour, moment) == (HOUR, LATER)
    spool.mkdir(parents=True)
    statements = frame(Statements, *(row | TIMES for row in STATEMENTS))
    accesses = frame(Accesses, access("q1", "'main'.Sales.orders", accessed_columns=["amount"]))
    return Hour(statements, accesses, ReadFacts(Counted(), len(STATEMENTS), 1, 0, 0, 0, {}))


@contextmanager
def give_reader(_: BrookConnection) -> Iterator[ReadHour]:
    yield read_hour


BROOK_HOUSE = ConnectionKind(
    BrookConnection,
    give_reader,
    lambda _, since, __, ___: {since: Counted(3, 3, 1)},
    lambda connection, tenant_id: Origin(tenant_id, BROOK, connection.house, f"{connection.house}.example"),
)


def tenant() -> dict[str, pl.LazyFrame]:
    people = [
        {"profile_id": number, "global_user_id": name, "user_id": name.lower(), "name": name}
        for number, name in enumerate(["Ann", "Bo"])
    ]
    source = data_source("MAIN.SALES.Orders", technology="Brook", hostname="HILL.example")
    return {
        "users": frame(Users, *people).with_columns(brook_user=pl.Series(["ann", "bo"])),
        "data_sources": frame(DataSources, source),
        "columns": frame(Columns, {"data_source_id": 7, "name": "AMOUNT"}),
        "tags": frame(Tags),
    }


def main(folder: Path) -> dict[str, Any]:
    PLATFORMS[BROOK.name] = BROOK
    KINDS["brook"] = BROOK_HOUSE

    from immuta_assets.audit.events.uam import encode_lines  # noqa: PLC0415 - after the registry
    from immuta_assets.audit.identities.principals import build_principals  # noqa: PLC0415
    from immuta_assets.audit.identities.resolution import resolve_identities  # noqa: PLC0415
    from immuta_assets.audit.identities.unknown_users import find_unknown_users  # noqa: PLC0415
    from immuta_assets.audit.queries.events import QueryEvents  # noqa: PLC0415
    from immuta_assets.audit.queries.hour_events import Snapshot, make_hour_events  # noqa: PLC0415

    (folder / "connections.yaml").write_text(CONNECTIONS, "utf-8")
    connection, embedded = load(folder / "connections.yaml", {})
    with open_reader(connection) as read:
        hour = read(HOUR, folder / "spool", LATER)
    origin = make_origin(connection, "acme.example")
    snapshot = Snapshot(**tenant())
    made = make_hour_events(
        hour.statements, hour.accesses, None, snapshot, origin=origin, moment=LATER, hold=True, registered_only=False
    )
    who = build_principals(resolve_identities(hour.statements, snapshot.users, connection.platform), hour.accesses)
    return {
        "embedded": embedded.platform.name,
        "counted": count_hours(connection, HOUR, LATER, LATER)[HOUR].statements,
        "lines": [line.decode() for line in encode_lines(QueryEvents.validate(made.collect()), origin.platform)],
        "unknown": find_unknown_users(who, snapshot.users, connection.platform).select("platform", "user_name").rows(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))
