"""The kind of connection ``unity_catalog``: system tables of Databricks, read through a SQL warehouse."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

from immuta_assets.platforms.kind import ConnectionKind, ReadHour
from immuta_assets.platforms.origin import Origin
from immuta_assets.platforms.unity_catalog import reader
from immuta_assets.platforms.unity_catalog.connection import UnityCatalogConnection
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS


def _open_reader(connection: UnityCatalogConnection) -> AbstractContextManager[ReadHour]:
    return nullcontext(partial(reader.read_hour, connection))


def _make_origin(connection: UnityCatalogConnection, tenant_id: str) -> Origin:
    # One region is one metastore: the host tells the account apart for everything that is read through it.
    return Origin(tenant_id, DATABRICKS, connection.host, connection.host, connection.workspace_hosts)


UNITY_CATALOG = ConnectionKind(UnityCatalogConnection, _open_reader, reader.count_hours, _make_origin)
