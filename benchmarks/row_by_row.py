"""The straightforward way to query events: a dictionary per event, one after the other, written as JSON lines.

What Python's own tools give, ``uuid.uuid5`` and dictionaries, and the fastest JSON encoder, ``orjson``. It follows the
same rules for ids, actors, objects and tags, but keeps no revisions and no content hashes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from benchmarks.platform_rows import make_origin
from benchmarks.tenants import load
from immuta_assets.audit.queries.events import NAMESPACE, TEXT_LIMIT

Row = dict[str, Any]
_UNKNOWN = {"type": "unknown", "name": "unknown", "id": "unknown", "impersonatedBy": None}
_SECURITY_PROFILE = {"sensitivity": {"score": "INDETERMINATE"}}


def write_lines(tenant: Path, hour: Path, path: Path) -> None:
    """Write the events of an hour of Snowflake rows."""
    world = _World(load(tenant))
    with path.open("wb") as file:
        for statement, accesses in _read(hour):
            for event in world.events(statement, accesses):
                file.write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))


def _read(hour: Path) -> Iterator[tuple[Row, list[Row]]]:
    """Yield each statement with its accesses."""
    accesses: dict[str, list[Row]] = {}
    for row in pl.read_parquet(hour / "accesses.parquet").iter_rows(named=True):
        accesses.setdefault(row["query_id"], []).append(row)
    for row in pl.read_parquet(hour / "statements.parquet").iter_rows(named=True):
        yield row, accesses.get(row["query_id"], [])


class _World:
    """The tenant in dictionaries."""

    def __init__(self, tenant: Mapping[str, pl.DataFrame]) -> None:
        self._origin = make_origin(tenant)
        people = tenant["users"].filter(~pl.col("system_generated"))
        self._users = {user["snowflake_user"]: user for user in people.iter_rows(named=True)}
        self._tag_ids = dict(tenant["tags"].select("name", "tag_id").iter_rows())
        self._sources = {
            (source["database"], source["schema"], source["table"]): source
            for source in tenant["data_sources"]
            .sort("deleted", "data_source_id", descending=True)
            .iter_rows(named=True)
            if source["technology"] == "Snowflake" and source["hostname"] == self._origin.host
        }
        self._columns = {
            (column["data_source_id"], column["name"]): self._tags(column["tags"])
            for column in tenant["columns"].iter_rows(named=True)
        }

    def _tags(self, tags: list[Row]) -> list[Row]:
        return [
            {
                "type": "TAG",
                "id": self._tag_ids.get(tag["name"]),
                "name": tag["name"],
                "source": tag["source"] or "curated",
                "context": tag["context"] or "manual",
                "deleted": False,
                "transient": False,
            }
            for tag in tags
        ]

    def events(self, statement: Row, accesses: list[Row]) -> Iterator[Row]:
        """Yield an event per object, or one."""
        if not accesses:
            yield self._event(statement, None, [statement["query_id"]])
        for number, accessed in enumerate(sorted(accesses, key=itemgetter("object_name"))):
            names = [statement["query_id"], accessed["object_name"]] if number else [statement["query_id"]]
            yield self._event(statement, accessed, names)

    def _event(self, statement: Row, accessed: Row | None, names: list[str]) -> Row:
        path = [*self._origin.path, *names]
        return {
            "action": "QUERY",
            "actor": self._actor(statement["user_name"]),
            "sessionId": statement["session_id"],
            "actionStatus": statement["status"],
            "actionStatusReason": statement["error_message"],
            "eventTimestamp": _time(statement["started_at"]),
            "id": str(uuid.uuid5(NAMESPACE, "\0".join(path))),
            "userAgent": statement["user_agent"],
            "tenantId": self._origin.tenant_id,
            "targetType": "DATASOURCE",
            "targets": [self._target(accessed)] if accessed else [],
            "relatedResources": [],
            "auditPayload": self._payload(statement, accessed),
            "receivedTimestamp": _time(statement["ended_at"]),
        }

    def _actor(self, user_name: str) -> Row:
        user = self._users.get(user_name)
        if user is None:
            return _UNKNOWN
        return {
            "type": "USER_ACTOR",
            "name": user["name"] or user["user_id"],
            "id": user["user_id"],
            "identityProvider": user["iam_id"],
            "impersonatedBy": None,
        }

    def _source(self, accessed: Row) -> Row | None:
        return self._sources.get((accessed["database"], accessed["schema"], accessed["name"]))

    def _target(self, accessed: Row) -> Row:
        source = self._source(accessed)
        if source is None:
            return {"type": "DATASOURCE", "name": accessed["object_name"], "technology": "SNOWFLAKE"}
        identity = {"id": str(source["data_source_id"]), "name": source["name"]}
        return {"type": "DATASOURCE", **identity, "technology": "SNOWFLAKE"}

    def _payload(self, statement: Row, accessed: Row | None) -> Row:
        return {
            "type": "QueryAuditPayload",
            "queryId": statement["query_id"],
            "query": statement["text"][:TEXT_LIMIT],
            "startTime": _time(statement["started_at"]),
            "endTime": _time(statement["ended_at"]),
            "duration": statement["duration_ms"] / 1_000,
            "errorCode": statement["error_code"],
            "technologyContext": {
                "type": "SnowflakeContext",
                "host": self._origin.host,
                "clientIp": statement["client_ip"],
                "snowflakeUsername": statement["user_name"],
                "rowsProduced": statement["rows_produced"],
                "roleName": statement["role_name"],
                "warehouseId": statement["warehouse_id"],
                "warehouseName": statement["warehouse_name"],
                "clusterNumber": statement["cluster_number"],
            },
            "objectsAccessed": [self._object(accessed)] if accessed else [],
            "securityProfile": _SECURITY_PROFILE,
        }

    def _object(self, accessed: Row) -> Row:
        source = self._source(accessed)
        source_id = source["data_source_id"] if source else None
        return {
            "name": accessed["object_name"],
            **({"datasourceId": str(source_id)} if source else {}),
            "databaseName": accessed["database"],
            "schemaName": accessed["schema"],
            "type": accessed["object_type"],
            "columns": [self._column(source_id, name, accessed) for name in accessed["accessed_columns"]],
            "tags": self._tags(source["tags"]) if source else [],
            "securityProfile": _SECURITY_PROFILE,
        }

    def _column(self, source_id: int | None, name: str, accessed: Row) -> Row:
        return {
            "name": name,
            "tags": self._columns.get((source_id, name), []),
            "securityProfile": _SECURITY_PROFILE,
            "inferred": accessed["inferred"],
        }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
