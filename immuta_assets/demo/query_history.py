"""The demo's query history: two days of statements on two platforms, drawn over the demo tenant.

Working days have a rhythm; some statements fail or are denied, come from a cache, arrive late or twice, have no text,
are run by service principals, by people the tenant does not know or knows by another name, or touch tables it does not
know. What a real platform gives belongs to the readers.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import dataframely as dy
import polars as pl

from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS

HOURS = 48
STATEMENTS_PER_HOUR = 60
"""On average, per platform."""

COLLECTIONS = ("users", "data_sources", "columns")
"""The collections that ``draw_history`` needs."""

CONNECTIONS = """\
connections:
  - name: demo_snowflake
    kind: embedded
    platform: snowflake
    path: history.duckdb
    account: alderbrook-eu
    host: alderbrook-eu.snowflake.example
  - name: demo_databricks
    kind: embedded
    platform: databricks
    path: history.duckdb
    account: alderbrook
    host: dbc-7f3a-eu.databricks.example
"""
"""The ``connections.yaml`` of the demo: the file ``history.duckdb`` beside it, as two platforms."""

_RHYTHM = (2, 2, 2, 3, 3, 4, 6, 9, 14, 18, 19, 18, 14, 16, 18, 17, 15, 12, 8, 6, 5, 4, 3, 2)
"""Relative number of statements by hour of the day, UTC."""
_STRANGERS = ("mreyes.contractor", "zoe.okafor@partner.example", "tmp_migration", "LEGACY_ETL")
_SERVICES = {
    SNOWFLAKE: ("SVC_DBT_PROD", "SVC_FIVETRAN", "SVC_TABLEAU"),
    DATABRICKS: ("7d6f1a52-0c8e-4f5b-9a51-3f0f6c1de001", "b1f9c0aa-52c4-4e0f-8a34-90ad52b7c002"),
}
_AGENTS = {
    SNOWFLAKE: ("Snowflake Web App", "JDBC 3.24.2", "PythonConnector 4.8.1", "Tableau 2026.1"),
    DATABRICKS: ("Databricks SQL Editor", "Databricks SQL Connector for Python", "Power BI", "Genie"),
}


Row = dict[str, Any]


class PlatformTable(NamedTuple):
    """A table on a platform, registered in the tenant or not."""

    database: str
    schema: str
    name: str
    kind: str
    columns: Sequence[str]


def draw_history(tenant: Mapping[str, pl.DataFrame], *, seed: int, at: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw the 48 hours before ``at``: statements and accesses of both platforms.

    ``tenant`` has users, data_sources and columns. The frames have the columns of ``Statements`` and ``Accesses``
    besides ``platform`` and ``arrived_at`` (UTC); the same seed, tenant and moment give the same rows.
    """
    drawn = [row for platform in (SNOWFLAKE, DATABRICKS) for row in _Platform(platform, tenant, seed).draw_rows(at)]
    return _build_frame([row for row, _ in drawn], Statements), _build_frame(
        [row for _, rows in drawn for row in rows], Accesses
    )


def _build_frame(rows: list[Row], schema: type[dy.Schema]) -> pl.DataFrame:
    extra = pl.Schema({"platform": pl.String(), "arrived_at": pl.Datetime("us", "UTC")})
    return pl.DataFrame(rows, schema=pl.Schema([*schema.create_empty().schema.items(), *extra.items()]))


class _Platform:
    """Draws the statements of one platform."""

    def __init__(self, platform: Platform, tenant: Mapping[str, pl.DataFrame], seed: int) -> None:
        self._platform = platform
        self._rng = random.Random(f"{seed}/query history/{platform.name}")  # noqa: S311 - demo data, not secrets
        self._people = self._rng.sample(names := _list_user_names(tenant["users"], platform), len(names))
        self._strangers = [*_STRANGERS, *_list_other_names(tenant["users"], platform)]
        self._tables = [*_list_registered(tenant, platform), *_list_unregistered(platform)]

    def draw_rows(self, at: datetime) -> Iterator[tuple[Row, list[Row]]]:
        """Yield each statement with its accesses, in order of end; some come twice."""
        end = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        for hour in range(-HOURS, 0):
            opens = end + timedelta(hours=hour)
            share = _RHYTHM[opens.hour] / (sum(_RHYTHM) / 24) * (1 if opens.weekday() < _SATURDAY else 0.2)
            for _ in range(round(STATEMENTS_PER_HOUR * share)):
                ended = opens + timedelta(seconds=self._rng.uniform(0, 3_599))
                if ended <= at:
                    yield from self._draw_statement(ended)

    def _draw_statement(self, ended: datetime) -> Iterator[tuple[Row, list[Row]]]:
        tables = self._rng.sample(self._tables, self._rng.choice((1, 1, 1, 2, 2, 3)))
        outcome = self._rng.choices(("SUCCESS", "FAILURE", "UNAUTHORIZED"), (93, 4, 3))[0]
        cached = outcome == "SUCCESS" and self._draw_chance(0.08)
        named = outcome == "SUCCESS" and not (cached and self._draw_chance(0.5))
        state = "KNOWN" if named else "CACHED" if cached else "NOT_APPLICABLE"
        row = self._draw_row(ended, tables, outcome, state) | {
            "rows_produced": 0 if cached else self._rng.randint(1, 50_000)
        }
        arrived = max(row["arrived_at"], ended + timedelta(seconds=self._rng.triangular(300, 10_800, 900)))
        accesses = [self._draw_access(row, table, arrived) for table in tables] if named else []
        yield row, accesses
        if self._draw_chance(0.01):
            yield dict(row), []

    def _draw_row(self, ended: datetime, tables: Sequence[PlatformTable], outcome: str, state: str) -> Row:
        elapsed = min(self._rng.expovariate(1 / 8), 3_000)
        late = self._rng.uniform(3_600, 10_800) if self._draw_chance(0.03) else self._rng.uniform(60, 1_800)
        return {
            "platform": self._platform.name,
            "arrived_at": ended + timedelta(seconds=late),
            "query_id": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "session_id": str(self._rng.getrandbits(55)),
            "started_at": ended - timedelta(seconds=elapsed),
            "ended_at": ended,
            "duration_ms": round(elapsed * 1_000),
            "status": outcome,
            "statement_type": "SELECT",
            "access_state": state,
            "user_agent": self._rng.choice(_AGENTS[self._platform]),
            **self._draw_text(tables),
            **self._draw_principal(),
            **self._draw_error(outcome, tables[0]),
            **self._draw_compute(),
        }

    def _draw_text(self, tables: Sequence[PlatformTable]) -> Row:
        if self._platform is DATABRICKS and self._draw_chance(0.02):
            return {"text_state": "REDACTED"}
        return {"text": _write_select(tables), "text_state": "WHOLE"}

    def _draw_principal(self) -> Row:
        if self._draw_chance(0.15):
            return {"user_name": self._rng.choice(_SERVICES[self._platform]), "user_type": "SERVICE"}
        if self._draw_chance(0.05):
            return {"user_name": self._rng.choice(self._strangers), "user_type": "PERSON"}
        return {"user_name": self._people[int(len(self._people) * self._rng.random() ** 3)], "user_type": "PERSON"}

    def _draw_error(self, outcome: str, table: PlatformTable) -> Row:
        if outcome == "UNAUTHORIZED":
            message = f"Insufficient privileges to operate on table '{table.name}'"
            return {"error_code": "3001", "error_message": message}
        if outcome == "FAILURE":
            return {"error_code": "904", "error_message": "invalid identifier 'CUSTMER_ID'"}
        return {}

    def _draw_compute(self) -> Row:
        number = self._rng.randint(1, 4)
        if self._platform is SNOWFLAKE:
            return {
                "role_name": self._rng.choice(("ANALYST", "ENGINEER", "REPORTER")),
                "cluster_number": 1,
                "warehouse_id": str(number),
                "warehouse_name": f"WH_{number}",
            }
        return {
            "workspace_id": "3841033049363283",
            "account_id": "52e863bc-ea7f-46a9-8e17-6aed7541832d",
            "service": "WAREHOUSE",
            "warehouse_id": f"559483c6eac0359{number}",
        }

    def _draw_access(self, row: Row, table: PlatformTable, arrived_at: datetime) -> Row:
        count = self._rng.randint(1, max(1, len(table.columns)))
        return {
            "platform": row["platform"],
            "arrived_at": arrived_at,
            "query_id": row["query_id"],
            "object_name": _format_name(table),
            "database": table.database,
            "schema": table.schema,
            "name": table.name,
            "object_type": table.kind,
            "accessed_columns": sorted(self._rng.sample(list(table.columns), min(count, len(table.columns)))),
            "inferred": False,
        }

    def _draw_chance(self, probability: float) -> bool:
        return self._rng.random() < probability


_SATURDAY = 5


def _write_select(tables: Sequence[PlatformTable]) -> str:
    return f"SELECT * FROM {' JOIN '.join(map(_format_name, tables))}"  # noqa: S608 - a made-up text that nobody runs


def _format_name(table: PlatformTable) -> str:
    return f"{table.database}.{table.schema}.{table.name}"


def _list_user_names(users: pl.DataFrame, platform: Platform) -> list[str]:
    """List the names by which people of the tenant use the platform: as mapped, else their e-mail."""
    people = users.filter(~pl.col("system_generated"))
    return people.select(pl.coalesce(platform.mapped_name, "email")).drop_nulls().to_series().to_list()


def _list_other_names(users: pl.DataFrame, platform: Platform) -> list[str]:
    """List the account name, initial and surname, of a person of the tenant to whom nothing maps it yet."""
    address = pl.col("email").str.replace(r"^(.)[^@]*\.([^@.]+)@", "${1}${2}@")
    name = address.str.extract("^([^@]+)@").str.to_uppercase() if platform is SNOWFLAKE else address
    free = pl.col(platform.mapped_name).is_null() & ~address.is_in(pl.col("email").implode())
    return users.filter(~pl.col("system_generated"), free).sort("profile_id").select(name).to_series().tail(1).to_list()


def _list_registered(tenant: Mapping[str, pl.DataFrame], platform: Platform) -> Iterator[PlatformTable]:
    own = tenant["data_sources"].filter(pl.col("technology").str.to_uppercase() == platform.name)
    own = own.drop_nulls(["database", "schema", "table"])
    names = tenant["columns"].group_by("data_source_id").agg(names="name")
    for row in own.join(names, on="data_source_id", how="left").sort("data_source_id").iter_rows(named=True):
        yield PlatformTable(
            row["database"], row["schema"], row["table"], row["type"] or "TABLE", sorted(row["names"] or ())
        )


def _list_unregistered(platform: Platform) -> Iterator[PlatformTable]:
    names = ("TMP_EXPORT", "SCRATCH_2026", "COPY_OF_CUSTOMERS", "TEST_JOIN")
    for name in names if platform is SNOWFLAKE else map(str.lower, names):
        yield PlatformTable("SANDBOX" if name.isupper() else "sandbox", "PUBLIC", name, "TABLE", ("ID", "VALUE"))
