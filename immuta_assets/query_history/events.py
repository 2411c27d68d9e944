"""Audit events of query history: one per statement and object, in the words of the Universal Audit Model.

Columns that the page "Audit" knows carry its names; those in snake case are this project's own, for joins and for
keeping track of revisions. Add a column when an event says something new. How a platform's events look as JSON belongs
to ``uam``, what they say of objects to ``objects``, who a platform user is to ``identities``.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import dataframely as dy
import polars as pl

from immuta_assets.query_history import objects
from immuta_assets.query_history.history import ACCESS_STATES, STATUSES, Platform

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "query-events.immuta-assets")
"""Namespace of the ids of query events."""

TEXT_LIMIT = 2048
"""Characters of a statement's text that an event shows."""

_TIME = pl.Datetime("us", "UTC")
_UNKNOWN = "unknown"
# The variant digit of a UUID has its two upper bits fixed.
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}

_ACTOR: dict[str, dy.Column] = {
    "type": dy.String(),
    "id": dy.String(),
    "name": dy.String(),
    "identityProvider": dy.String(nullable=True),
    "profileId": dy.String(nullable=True),
    "impersonatedBy": dy.String(nullable=True),
}
_CONTEXT: dict[str, dy.Column] = {
    "type": dy.String(),
    "host": dy.String(),
    "rowsProduced": dy.Int64(nullable=True),
    "warehouseId": dy.String(nullable=True),
    "clientIp": dy.String(nullable=True),
    "snowflakeUsername": dy.String(nullable=True),
    "roleName": dy.String(nullable=True),
    "warehouseName": dy.String(nullable=True),
    "clusterNumber": dy.Int64(nullable=True),
    "clusterId": dy.String(nullable=True),
    "workspaceId": dy.String(nullable=True),
    "service": dy.String(nullable=True),
    "queryLanguage": dy.String(nullable=True),
    "notebookId": dy.String(nullable=True),
    "account": dy.Struct({"id": dy.String(nullable=True), "username": dy.String(nullable=True)}, nullable=True),
}
_PAYLOAD: dict[str, dy.Column] = {
    "type": dy.String(),
    "queryId": dy.String(),
    "query": dy.String(nullable=True),
    "startTime": dy.Datetime(time_zone="UTC"),
    "endTime": dy.Datetime(time_zone="UTC"),
    "duration": dy.Float64(nullable=True),
    "errorCode": dy.String(nullable=True),
    "technologyContext": dy.Struct(_CONTEXT),
    "securityProfile": objects.SECURITY_PROFILE,
    "version": dy.Int64(),
    "objectsAccessed": dy.List(objects.OBJECT),
}
_OF_OBJECT = {"targets": dy.List(objects.TARGET).dtype, "objectsAccessed": dy.List(objects.OBJECT).dtype}


class QueryEvents(dy.Schema):
    """Query events of one hour and connection, sorted by statement and object."""

    id = dy.String(primary_key=True, description="Id of the event; stays the same when it is revised.")
    action = dy.String(description="Always QUERY.")
    actor = dy.Struct(
        _ACTOR, description="Immuta user who ran the statement; type, id and name unknown if there is none."
    )
    session_id = dy.String(nullable=True, alias="sessionId", description="Session on the platform.")
    action_status = dy.Enum(STATUSES, alias="actionStatus", description="Outcome.")
    action_status_reason = dy.String(nullable=True, alias="actionStatusReason", description="Error; null on success.")
    event_timestamp = dy.Datetime(time_zone="UTC", alias="eventTimestamp", description="Start of the statement.")
    received_timestamp = dy.Datetime(
        time_zone="UTC", alias="receivedTimestamp", description="When the event was first made; revisions keep it."
    )
    user_agent = dy.String(nullable=True, alias="userAgent", description="Client application.")
    tenant_id = dy.String(alias="tenantId", description="The tenant.")
    target_type = dy.String(alias="targetType", description="Always DATASOURCE.")
    targets = dy.List(objects.TARGET, description="Data source accessed, without id if not registered; or empty.")
    related_resources = dy.List(objects.TARGET, alias="relatedResources", description="Always empty.")
    audit_payload = dy.Struct(
        _PAYLOAD, alias="auditPayload", description="The statement; duration in seconds, text cut at 2048 characters."
    )
    query_id = dy.String(description="The statement.")
    object_name = dy.String(nullable=True, description="The object; null if none is known.")
    global_user_id = dy.String(nullable=True, description="UUID of the Immuta user.")
    text = dy.String(nullable=True, description="Text of the statement, as far as the platform gives it.")
    access_state = dy.Enum(ACCESS_STATES, description="What is known of the statement's objects.")
    content_hash = dy.String(description="SHA-256 of the digests of statement and object, as they are said.")
    revision = dy.Int64(description="1, and one more whenever the content changed.")


class Origin(NamedTuple):
    """Where events come from: the tenant, and the platform's account and host."""

    tenant_id: str
    platform: Platform
    account: str
    host: str


def events(
    statements: pl.LazyFrame,
    accesses: pl.LazyFrame,
    data_sources: pl.LazyFrame,
    columns: pl.LazyFrame,
    tags: pl.LazyFrame,
    *,
    origin: Origin,
    received_at: datetime,
) -> pl.LazyFrame:
    """Return the events (``QueryEvents``) of statements and ``Accesses``, all in their first revision.

    The statements are ``identities.IdentifiedStatements``; ``data_sources``, ``columns`` and ``tags`` are collections
    of the tenant. A statement gives an event per object, or one without targets.
    """
    known = objects.distinct(accesses)
    here = objects.on_platform(data_sources, origin.platform, origin.host)
    described = objects.described(known, here, columns, tags, origin.platform)
    rows = (
        _keys(statements, known, origin)
        .join(_hashed(statements, "statement_hash", _said(origin)), on="query_id", how="left", maintain_order="left")
        .join(
            _hashed(described, "object_hash", {name: pl.col(name) for name in _OF_OBJECT}),
            on="object_index",
            how="left",
            maintain_order="left",
        )
    )
    return rows.select(**_columns(origin, received_at)).select(QueryEvents.column_names())


def revised(new: pl.LazyFrame, previous: pl.LazyFrame) -> pl.LazyFrame:
    """Return ``new`` with the revision and ``receivedTimestamp`` that follow from the ``previous`` events of the hour.

    An unchanged event keeps both, a changed one has the next revision and keeps the time of its first. Rows and their
    order are those of ``new``.
    """
    before = previous.select(
        "id", before_hash="content_hash", before_revision="revision", before_received="receivedTimestamp"
    )
    changed = pl.col("content_hash") != pl.col("before_hash")
    return (
        new.join(before, on="id", how="left", maintain_order="left")
        .with_columns(
            receivedTimestamp=pl.coalesce("before_received", "receivedTimestamp"),
            revision=pl.coalesce(pl.col("before_revision") + changed.cast(pl.Int64), "revision"),
        )
        .select(QueryEvents.column_names())
    )


def _keys(statements: pl.LazyFrame, known: pl.LazyFrame, origin: Origin) -> pl.LazyFrame:
    """Return ``query_id``, ``object_name``, ``object_index`` and ``id`` of every event, in the order of the events.

    The first object by name has the id of the event without targets, so that an event made before the objects were
    known lives on as that of the first.
    """
    accessed = known.select("query_id", "object_name", "object_index").explode("query_id")
    pairs = statements.select("query_id").join(accessed, on="query_id", how="left").sort("query_id", "object_name")
    further = pl.col("query_id") == pl.col("query_id").shift(1)
    name = pl.when(further).then(pl.format("{}\0{}", "query_id", "object_name")).otherwise("query_id")
    return pairs.with_columns(id=name.map_batches(_named(origin), pl.String, is_elementwise=True))


def _named(origin: Origin) -> Callable[[pl.Series], pl.Series]:
    """Return the UUIDs (version 5) of names below the origin.

    The same as ``uuid.uuid5(NAMESPACE, …)`` of tenant, platform, account and name joined by NUL, several times faster:
    what all names share is hashed once.
    """
    shared = "".join(f"{part}\0" for part in (origin.tenant_id, origin.platform, origin.account))
    start = hashlib.sha1(NAMESPACE.bytes + shared.encode(), usedforsecurity=False)

    def one(name: str) -> str:
        sha1 = start.copy()
        sha1.update(name.encode())
        digits = sha1.hexdigest()
        variant = _VARIANT[digits[16]]
        return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"

    return lambda names: pl.Series(map(one, names), dtype=pl.String)


def _struct(fields: Mapping[str, pl.Expr]) -> pl.Expr:
    return pl.struct([value.alias(name) for name, value in fields.items()])


def _hashed(rows: pl.LazyFrame, name: str, said: Mapping[str, pl.Expr]) -> pl.LazyFrame:
    """Add the SHA-256 of what is ``said``, as JSON, as column ``name``."""
    return rows.with_columns(_sha256(_struct(said).struct.json_encode()).alias(name))


def _sha256(text: pl.Expr) -> pl.Expr:
    def digests(texts: pl.Series) -> pl.Series:
        return pl.Series((hashlib.sha256(text.encode()).hexdigest() for text in texts), dtype=pl.String)

    return text.map_batches(digests, pl.String, is_elementwise=True)


def _columns(origin: Origin, received_at: datetime) -> dict[str, pl.Expr]:
    """Every column of an event, but for those that a join has made."""
    said = _said(origin)
    none = {name: pl.lit([], dtype) for name, dtype in _OF_OBJECT.items()}
    accessed = pl.col("objectsAccessed").fill_null(none["objectsAccessed"])
    hashes = pl.concat_str("statement_hash", "object_hash", ignore_nulls=True)
    return said | {
        **{name: pl.col(name) for name in ("id", "query_id", "object_name", "global_user_id", "text", "access_state")},
        "action": pl.lit("QUERY"),
        "receivedTimestamp": pl.lit(received_at.astimezone(UTC), _TIME),
        "targetType": pl.lit("DATASOURCE"),
        "targets": pl.col("targets").fill_null(none["targets"]),
        "relatedResources": none["targets"],
        "auditPayload": _struct(_payload(origin) | {"objectsAccessed": accessed}),
        "content_hash": _sha256(hashes),
        "revision": pl.lit(1, pl.Int64),
    }


def _said(origin: Origin) -> dict[str, pl.Expr]:
    """What an event says of the statement, whatever the object."""
    return {
        "actor": _actor(),
        "sessionId": pl.col("session_id"),
        "actionStatus": pl.col("status"),
        "actionStatusReason": pl.when(pl.col("status") != "SUCCESS").then("error_message"),
        "eventTimestamp": pl.col("started_at"),
        "userAgent": pl.col("user_agent"),
        "tenantId": pl.lit(origin.tenant_id),
        "auditPayload": _struct(_payload(origin)),
    }


def _actor() -> pl.Expr:
    registered = pl.col("profile_id").is_not_null()
    return pl.struct(
        type=pl.when(registered).then(pl.lit("USER_ACTOR")).otherwise(pl.lit(_UNKNOWN)),
        id=pl.when(registered).then("user_id").otherwise(pl.lit(_UNKNOWN)),
        name=pl.when(registered).then(pl.coalesce("name", "user_id")).otherwise(pl.lit(_UNKNOWN)),
        identityProvider=pl.when(registered).then("iam_id"),
        profileId=pl.col("profile_id").cast(pl.String),
        impersonatedBy=pl.lit(None, pl.String),
    )


def _payload(origin: Origin) -> dict[str, pl.Expr]:
    """The payload without the objects."""
    return {
        "type": pl.lit("QueryAuditPayload"),
        "queryId": pl.col("query_id"),
        "query": pl.col("text").str.slice(0, TEXT_LIMIT),
        "startTime": pl.col("started_at"),
        "endTime": pl.col("ended_at"),
        "duration": pl.col("duration_ms") / 1000,
        "errorCode": pl.when(pl.col("status") != "SUCCESS").then("error_code"),
        "technologyContext": _context(origin),
        "securityProfile": objects.security_profile(),
        "version": pl.lit(1, pl.Int64),
    }


def _context(origin: Origin) -> pl.Expr:
    """Facts of the platform; a fact that it does not have is null."""
    special = _snowflake() if origin.platform is Platform.SNOWFLAKE else _databricks()
    shared = {
        "host": pl.lit(origin.host),
        "rowsProduced": pl.col("rows_produced"),
        "warehouseId": pl.col("warehouse_id"),
    }
    absent = {key: pl.lit(None, column.dtype) for key, column in _CONTEXT.items()}
    return _struct(absent | shared | special)


def _snowflake() -> dict[str, pl.Expr]:
    return {
        "type": pl.lit("SnowflakeContext"),
        "clientIp": pl.col("client_ip"),
        "snowflakeUsername": pl.col("user_name"),
        "roleName": pl.col("role_name"),
        "warehouseName": pl.col("warehouse_name"),
        "clusterNumber": pl.col("cluster_number"),
    }


def _databricks() -> dict[str, pl.Expr]:
    return {
        "type": pl.lit("DatabricksContext"),
        "clusterId": pl.col("cluster_id"),
        "workspaceId": pl.col("workspace_id"),
        "service": pl.col("service"),
        "queryLanguage": pl.lit("sql"),
        "notebookId": pl.col("notebook_id"),
        "account": pl.struct(id="account_id", username="user_name"),
    }
