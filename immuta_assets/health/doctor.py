"""Doctor: everything that the settings name is tried without touching what is there, and what is missing is said.

Add a ``diagnose_…`` function here for another thing that an installation needs, and yield from it in
``diagnose_settings``. What only Dagster can answer is tried in ``orchestration.doctor``. Nothing is created: a local
folder that is missing is a diagnosis, since its name may be mistyped.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import duckdb
from pydantic import SecretStr

from immuta_assets.datasets.export_days import find_day, find_due_day
from immuta_assets.datasets.hours import HOUR, floor_hour
from immuta_assets.health.notifications import Message, Notifier, NotifyError
from immuta_assets.health.status import OpenStore, redact_address
from immuta_assets.object_store import Store, StoreError, parse
from immuta_assets.platforms import connections
from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.connections import ConnectionsError
from immuta_assets.platforms.hour import HistoryError
from immuta_assets.settings import Settings
from immuta_assets.tenant import dump
from immuta_assets.tenant.dump import DumpError

PROBE = ".immuta.export.log"
"""What the keys of the objects begin with that are written to try a destination, and removed again."""

TEST_MESSAGE = Message(
    "Test of immuta-assets", "`immuta-assets doctor --notify` sent this: alerts arrive here.", "info"
)

CountHours = Callable[[Connection, datetime, datetime, datetime], object]
"""Counts the hours of a connection from a moment until another, as of a third."""


class Diagnosis(NamedTuple):
    """What was tried, whether it works, and else what is missing and what to do, in one sentence."""

    what: str
    ok: bool
    missing: str = ""


def try_out(what: str, probe: Callable[[], object], *errors: type[Exception]) -> Diagnosis:
    """Try something; one of these errors is what is missing, any other is raised."""
    try:
        probe()
    except errors as error:
        return Diagnosis(what, ok=False, missing=str(error))
    return Diagnosis(what, ok=True)


def diagnose_settings(
    settings: Settings, open_store: OpenStore, count_hours: CountHours, now: datetime
) -> Iterator[Diagnosis]:
    """Try the tenant dump, every destination, the store and every connection of the settings."""
    yield diagnose_tenant(settings, now)
    for address in settings.destination:
        yield from diagnose_destination(address, open_store)
    yield from diagnose_store(settings.store, open_store)
    yield from diagnose_connections(settings, count_hours, now)


def diagnose_tenant(settings: Settings, now: datetime) -> Diagnosis:
    """Read ``tenant.json`` of the dump; where every day has a dump, of the newest one that must be there."""
    today = find_day(now, settings.export_timezone)
    due = find_due_day(now, settings.export_timezone, settings.deadline_grace)
    folders = [Path(settings.tenant.replace("{export_day}", day.isoformat())) for day in (today, due)]
    folder = next(filter(Path.is_dir, folders), folders[-1])
    found = try_out(f"tenant {folder}: read", lambda: dump.read(folder, ["tenant"]), DumpError, OSError)
    remedy = "Put a tenant dump there (docs/tenant_dump.md), or correct IMMUTA_ASSETS_TENANT."
    return found if found.ok else found._replace(missing=f"{found.missing} {remedy}")


def diagnose_destination(address: str, open_store: OpenStore) -> Iterator[Diagnosis]:
    """List a destination, write a probe, read it back and delete it; what follows a failed write is not tried."""
    return _diagnose_place(address, open_store, "IMMUTA_ASSETS_DESTINATION", _try_objects)


def diagnose_store(address: str, open_store: OpenStore) -> Iterator[Diagnosis]:
    """Try the place of the stored data as a destination is tried, and whatever only stored data needs."""
    return _diagnose_place(address, open_store, "IMMUTA_ASSETS_STORE", _try_stored_data)


def _diagnose_place(
    address: str, open_store: OpenStore, variable: str, probe: Callable[[Store], Iterator[Diagnosis]]
) -> Iterator[Diagnosis]:
    """Try the store at an address, unless it is a local folder that is missing: writing would make it."""
    try:
        store = open_store(address)
        missing = _find_missing_folder(address)
    except StoreError as error:
        yield Diagnosis(f"{redact_address(address)}: open", ok=False, missing=str(error))
        return
    if missing:
        remedy = f"Correct {variable}, or make it: mkdir -p {shlex.quote(missing)}"
        yield Diagnosis(f"{store.uri}: open", ok=False, missing=f"The folder {missing} does not exist. {remedy}")
        return
    yield from probe(store)


def _find_missing_folder(address: str) -> str:
    """Return the path of a local folder that does not exist; an empty text for any other address."""
    place = parse(address)
    return place.prefix if place.scheme == "file" and not os.path.lexists(place.prefix) else ""


def _try_stored_data(store: Store) -> Iterator[Diagnosis]:
    """Try what a store must be able to do; what it needs beyond a destination is tried here."""
    yield from _try_objects(store)


def _try_objects(store: Store) -> Iterator[Diagnosis]:
    yield try_out(f"{store.uri}: list", store.list, StoreError)
    key, content = f"{PROBE}.{uuid4().hex}", b"written by immuta-assets doctor, may be deleted\n"
    write = try_out(f"{store.uri}: write", lambda: store.put_bytes(key, content), StoreError)
    yield write
    if write.ok:
        yield try_out(f"{store.uri}: read back", lambda: _read_back(store, key, content), StoreError)
        yield try_out(f"{store.uri}: delete", lambda: store.delete(key), StoreError)


def _read_back(store: Store, key: str, content: bytes) -> None:
    if store.read(key) != content:
        msg = f"{store.uri}/{key} holds other bytes than were written: look who changes objects there."
        raise StoreError(msg)


def diagnose_connections(settings: Settings, count_hours: CountHours, now: datetime) -> Iterator[Diagnosis]:
    """Read the file of connections and try each; without a file that the settings name there is nothing to try."""
    path = settings.connections
    if not path.exists() and "connections" not in settings.model_fields_set:
        return
    try:
        found = connections.load(path, os.environ)
    except ConnectionsError as error:
        yield from (Diagnosis(f"connections {path}: read", ok=False, missing=line) for line in str(error).splitlines())
        return
    yield from (diagnose_connection(each, count_hours, now) for each in found)


def diagnose_connection(connection: Connection, count_hours: CountHours, now: datetime) -> Diagnosis:
    """Count the last hour that has closed, which needs every grant that reading needs."""
    until = floor_hour(now)
    return try_out(
        f"connection {connection.name}: count the last hour",
        lambda: count_hours(connection, until - HOUR, until, now),
        HistoryError,
        OSError,
        duckdb.Error,
    )


def diagnose_notifications(addresses: Sequence[SecretStr], *, send: bool) -> Iterator[Diagnosis]:
    """Look whether the addresses have a form that is known, and with ``send`` whether a test message arrives at each.

    An address holds secrets: it is named by its place in the list.
    """
    try:
        notifier = Notifier(addresses)
    except NotifyError as error:
        yield Diagnosis("notifications", ok=False, missing=str(error))
        return
    if send and not addresses:
        missing = "IMMUTA_ASSETS_NOTIFY names no address: alerts go to the log of Dagster's sensors, and reach nobody."
        yield Diagnosis("notifications", ok=False, missing=missing)
    if send:
        failed = notifier.deliver(TEST_MESSAGE)
        yield from (_diagnose_address(place, place not in failed) for place in range(1, len(addresses) + 1))


def _diagnose_address(place: int, arrived: bool) -> Diagnosis:  # noqa: FBT001  # what the name says
    missing = (
        f"The test message did not arrive: correct address {place} of IMMUTA_ASSETS_NOTIFY (not shown, since it holds "
        f"secrets), or look whether its service answers from here."
    )
    return Diagnosis(f"notifications: send to address {place}", ok=arrived, missing="" if arrived else missing)
