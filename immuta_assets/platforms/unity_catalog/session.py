"""A session on a Databricks SQL warehouse: statements drained to Parquet, and the driver's errors in plain words.

Here stands how a warehouse is reached. Add to it when a way to log in or another kind of refusal needs words. What is
asked belongs to ``reader`` and ``tables``, what the answers mean to ``rows``.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pyarrow.parquet as pq

from immuta_assets.platforms.hour import HistoryError
from immuta_assets.platforms.unity_catalog.connection import UnityCatalogConnection

if TYPE_CHECKING:
    from databricks.sql.client import Cursor

APPLICATION = "immuta-assets"
"""Value of the query tag ``application`` on every statement sent."""

_HTTPS_PORT = 443
_BATCH_ROWS = 20_000
_SOCKET_SECONDS = 120
_RETRY_SECONDS = 300
_RETRY_EVERY_SECONDS = 10  # the driver waits its longest delay every time
_STATEMENT_SECONDS = 1_800
_TOKEN_SECONDS = 1_800  # half the hour that a token is good for

_DENIED = re.compile(r"does not have (?:privilege )?([A-Z][A-Z ]*[A-Z]) on (\w+) ['`]?(system[\w.]*)")
_NOT_FOUND = re.compile(r"(?:NOT_FOUND|does not exist).*?\bsystem\b\W{1,3}(query|access)\b", re.DOTALL)
_NO_COLUMN = re.compile(r"UNRESOLVED_COLUMN.*?with name `?(?:\w+`?\.`?)*?(\w+)`? cannot", re.DOTALL)
_ERROR_CLASS = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")

_REFUSED = re.compile(r"HTTP Error 40[013]\b")
_REFUSED_CODES = (401, 403)

Parameters = Mapping[str, str | date | datetime]


class Session(NamedTuple):
    """An open session, good within its ``with``; a statement takes of the parameters those it names."""

    cursor: Cursor

    def fetch_rows(self, statement: str, parameters: Parameters) -> list[dict[str, Any]]:
        """Run a statement with a small result and return its rows."""
        self._execute(statement, parameters)
        rows: list[dict[str, Any]] = self.cursor.fetchall_arrow().to_pylist()
        return rows

    def drain(self, statement: str, parameters: Parameters, path: Path) -> None:
        """Run a statement and write its whole result to a Parquet file, batch by batch.

        Everything is on disk before anything is parsed: a warehouse drops the results of an idle client.
        """
        self._execute(statement, parameters)
        batch = self.cursor.fetchmany_arrow(_BATCH_ROWS)
        with pq.ParquetWriter(path, batch.schema, compression="zstd") as writer:
            while batch.num_rows:
                writer.write_table(batch)
                batch = self.cursor.fetchmany_arrow(_BATCH_ROWS)

    def _execute(self, statement: str, parameters: Parameters) -> None:
        named = {name: value for name, value in parameters.items() if f":{name}" in statement}
        self.cursor.execute(statement, named)


@contextmanager
def open_session(connection: UnityCatalogConnection) -> Iterator[Session]:
    """Open a session in UTC whose statements carry the query tag; whatever fails within it is a ``HistoryError``."""
    from databricks import sql

    try:
        with sql.connect(**_make_options(connection)) as client, client.cursor(arraysize=_BATCH_ROWS) as cursor:
            yield Session(cursor)
    except (sql.Error, OSError) as error:
        message = f"Connection {connection.name}: {_explain(error)}"
        raise HistoryError(message) from error


def _make_options(connection: UnityCatalogConnection) -> dict[str, Any]:
    chosen = connection.driver_options()
    return {
        "_socket_timeout": _SOCKET_SECONDS,
        "_retry_stop_after_attempts_duration": _RETRY_SECONDS,
        "_retry_delay_max": _RETRY_EVERY_SECONDS,
        **chosen,
        "server_hostname": connection.host,
        "http_path": connection.http_path,
        "session_configuration": {"TIMEZONE": "UTC", "STATEMENT_TIMEOUT": str(_STATEMENT_SECONDS)},
        "query_tags": {"application": APPLICATION},
        "user_agent_entry": APPLICATION,
        "enable_telemetry": False,
        **_choose_credentials(connection, chosen),
    }


def _choose_credentials(connection: UnityCatalogConnection, chosen: Mapping[str, Any]) -> dict[str, Any]:
    if connection.token is not None:
        return {"access_token": connection.token.get_secret_value()}
    return {"credentials_provider": _ServicePrincipal(connection, chosen)}


class _ServicePrincipal:
    """OAuth of a service principal (client credentials), in the shape the driver asks for."""

    def __init__(self, connection: UnityCatalogConnection, chosen: Mapping[str, Any]) -> None:
        secret = connection.client_secret.get_secret_value() if connection.client_secret else ""
        login = base64.b64encode(f"{connection.client_id}:{secret}".encode()).decode()
        self._request = urllib.request.Request(
            f"https://{connection.host}:{chosen.get('_port', _HTTPS_PORT)}/oidc/v1/token",
            data=urlencode({"grant_type": "client_credentials", "scope": "all-apis"}).encode(),
            headers={"Authorization": f"Basic {login}"},
        )
        self._context = ssl.create_default_context(cafile=chosen.get("_tls_trusted_ca_file"))
        self._token = ""
        self._renew_at = 0.0

    def auth_type(self) -> str:
        return "oauth-m2m"

    def __call__(self) -> Callable[[], dict[str, str]]:
        return self._make_headers

    def _make_headers(self) -> dict[str, str]:
        if time.monotonic() >= self._renew_at:
            self._token = self._fetch_token()
            self._renew_at = time.monotonic() + _TOKEN_SECONDS
        return {"Authorization": f"Bearer {self._token}"}

    def _fetch_token(self) -> str:
        try:
            with urllib.request.urlopen(  # noqa: S310 - always https
                self._request, timeout=_SOCKET_SECONDS, context=self._context
            ) as response:
                return str(json.load(response)["access_token"])
        except urllib.error.HTTPError as error:
            error.close()
            raise


def _explain(error: Exception) -> str:
    text = str(error)
    if denied := _DENIED.search(text):
        privilege, securable, name = denied.groups()
        grant = f"GRANT {privilege} ON {securable.upper()} {name}"
        return f"the principal that connects needs {grant} (deploy/databricks/grants.sql)."
    if found := _NOT_FOUND.search(text):
        return (
            f"the system schema system.{found[1]} is not enabled or not shown to the principal: an account admin "
            f"enables it with `databricks system-schemas enable <metastore id> {found[1]}` and grants USE SCHEMA on it."
        )
    if column := _NO_COLUMN.search(text):
        return f"the system tables of this workspace have no column {column[1]} yet; ask Databricks to update them."
    if _REFUSED.search(text) or getattr(error, "context", {}).get("http-code") in _REFUSED_CODES:
        return "the credentials were refused; renew the token, or the secret of the service principal."
    error_class = _ERROR_CLASS.search(text)
    reason = error_class[1] if error_class else type(error).__name__
    return f"the warehouse could not be read ({reason}); nothing was kept, so run the hour again."
