"""Audit events of query history: one per statement and object, in the words of the Universal Audit Model.

Columns that the page "Audit" knows carry its names; those in snake case are this project's own, for joins and for
keeping track of revisions. Add a column when an event says something new. How a platform's events look as JSON belongs
to ``uam``, what they say of objects to ``objects``, who a platform user is to ``identities``, what becomes of events
when an hour is read again to ``revisions``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

import dataframely as dy
import polars as pl

from immuta_assets.audit.identities.resolution import IdentifiedStatements
from immuta_assets.audit.queries import objects
from immuta_assets.frames import digests
from immuta_assets.platforms.history import ACCESS_STATES, STATUSES
from immuta_assets.platforms.origin import Origin
from immuta_assets.platforms.registry import PLATFORMS

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "query-events.immuta-assets")
"""Namespace of the ids of query events."""

TEXT_LIMIT = 2048
"""Characters of a statement's text that an event shows."""

_UNKNOWN = "unknown"
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
    **{key: each.column for platform in PLATFORMS.values() for key, each in platform.context.items()},
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
_TARGETS = dy.List(objects.TARGET).dtype


class QueryEvents(dy.Schema):
    """Query events of one hour and connection, sorted by statement and object; an event once made is never lost."""

    id = dy.String(primary_key=True, description="Id of the event; it stays the same when the event is revised.")
    action = dy.String(description="What was done: always QUERY.")
    actor = dy.Struct(
        _ACTOR,
        description="Immuta user who ran the statement; type is USER_ACTOR, or type, id and name are unknown where "
        "nobody is identified.",
    )
    session_id = dy.String(
        nullable=True, alias="sessionId", description="Id of the session on the platform; null where it does not say."
    )
    action_status = dy.Enum(
        STATUSES, alias="actionStatus", description="Outcome: SUCCESS, FAILURE, or UNAUTHORIZED if access was denied."
    )
    action_status_reason = dy.String(
        nullable=True, alias="actionStatusReason", description="Error message of the platform; null on success."
    )
    event_timestamp = dy.Datetime(time_zone="UTC", alias="eventTimestamp", description="Start of the statement (UTC).")
    received_timestamp = dy.Datetime(
        time_zone="UTC",
        alias="receivedTimestamp",
        description="Moment of the run that made the event first (UTC); revisions keep it.",
    )
    user_agent = dy.String(
        nullable=True, alias="userAgent", description="Client application, as it names itself; null where it does not."
    )
    tenant_id = dy.String(alias="tenantId", description="Id of the Immuta tenant.")
    target_type = dy.String(alias="targetType", description="Kind of the targets: always DATASOURCE.")
    targets = dy.List(
        objects.TARGET,
        description="The data source accessed, without id if the object is not registered; empty where no object is "
        "known.",
    )
    related_resources = dy.List(
        objects.TARGET, alias="relatedResources", description="Further resources concerned: always empty."
    )
    audit_payload = dy.Struct(
        _PAYLOAD,
        alias="auditPayload",
        description="The statement: its text cut at 2048 characters, times (UTC), duration in seconds, what the "
        "platform says of it, and the object accessed.",
    )
    query_id = dy.String(description="Id of the statement on the platform.")
    object_name = dy.String(
        nullable=True, description="Full name of the object on the platform; null where none is known."
    )
    global_user_id = dy.String(nullable=True, description="UUID of the Immuta user; null where nobody is identified.")
    text = dy.String(
        nullable=True,
        description="Text of the statement, as far as the platform gives it; null where it is withheld or empty.",
    )
    access_state = dy.Enum(
        ACCESS_STATES,
        description="What is known of the statement's objects: KNOWN, PENDING (may still arrive), CACHED (served from "
        "a cache, no origin found), NOT_APPLICABLE (cannot touch data) or NONE (none ever arrived).",
    )
    content_hash = dy.String(
        description="Digest of what is said of the statement, followed by that of the object if there is one."
    )
    changed_at = dy.Datetime(
        time_zone="UTC",
        description="Moment (UTC) of the run that made the newest revision: the first one, a change, a withdrawal.",
    )
    revision = dy.Int64(
        min=1, description="1, and one more whenever the content changed, or was withdrawn or restored."
    )
    withdrawn = dy.Bool(
        description="Whether the event no longer holds, because the hour, read again, does not give it."
    )


def make_events(
    statements: pl.LazyFrame, accesses: pl.LazyFrame, catalog: objects.ObjectCatalog, origin: Origin
) -> pl.LazyFrame:
    """Return what the events of statements and ``Accesses`` say, sorted: ``QueryEvents`` but for ``revisions.KEPT``.

    The statements are ``identities.IdentifiedStatements``. A statement gives an event per object, or one without
    targets.
    """
    known = objects.number_objects(accesses)
    described = objects.describe_objects(known, catalog).with_columns(
        object_hash=digests.compute_digest([], pl.struct("targets", "objectsAccessed"))
    )
    return (
        _make_ids(statements, known, origin)
        .join(statements.select(**_describe_statement(origin)), on="query_id", maintain_order="left")
        .join(described, on="object_index", how="left", maintain_order="left", nulls_equal=True)
        .with_columns(**_describe_event(origin))
    )


def _make_ids(statements: pl.LazyFrame, known: pl.LazyFrame, origin: Origin) -> pl.LazyFrame:
    """Return ``query_id``, ``object_name``, ``object_index`` and ``id`` of every event, in the order of the events.

    The first object by name has the id of the event without targets, so that an event made before the objects were
    known lives on as that of the first.
    """
    accessed = known.select("query_id", "object_name", "object_index").explode("query_id")
    pairs = statements.select("query_id").join(accessed, on="query_id", how="left").sort("query_id", "object_name")
    further = pl.col("query_id") == pl.col("query_id").shift(1)
    name = pl.when(further).then(pl.format("{}\0{}", "query_id", "object_name")).otherwise("query_id")
    return pairs.with_columns(id=digests.compute_uuid5(NAMESPACE, origin.path, name))


def _describe_statement(origin: Origin) -> dict[str, pl.Expr]:
    """Columns that are the same for all objects of a statement; ``auditPayload`` lacks the objects."""
    said = {
        "actor": _make_actor(),
        "sessionId": pl.col("session_id"),
        "actionStatus": pl.col("status"),
        "actionStatusReason": _keep_unless_success("error_message"),
        "eventTimestamp": pl.col("started_at"),
        "userAgent": pl.col("user_agent"),
        "auditPayload": _make_struct(_make_payload(origin)),
    }
    kept = {name: pl.col(name) for name in ("query_id", "global_user_id", "text", "access_state")}
    return (
        said
        | kept
        | {"statement_hash": digests.compute_digest(origin.path, _collect_facts(said.values(), _find_host(origin)))}
    )


def _collect_facts(said: Iterable[pl.Expr], host: pl.Expr) -> pl.Expr:
    """Everything of the statement that is said in some way, texts whole and times as microseconds since 1970."""
    columns = IdentifiedStatements.columns()
    names = sorted({name for each in said for name in each.meta.root_names()})
    times = {name for name in names if isinstance(columns[name], dy.Datetime)}
    return pl.struct([pl.col(name).dt.epoch("us") if name in times else name for name in names], host=host)


def _describe_event(origin: Origin) -> dict[str, pl.Expr]:
    """Columns that speak of the object, and those that are the same for all events."""
    return {
        "action": pl.lit("QUERY"),
        "tenantId": pl.lit(origin.tenant_id),
        "targetType": pl.lit("DATASOURCE"),
        "relatedResources": pl.lit([], _TARGETS),
        "auditPayload": pl.col("auditPayload").struct.with_fields(objectsAccessed="objectsAccessed"),
        "content_hash": pl.concat_str("statement_hash", "object_hash"),
    }


def _make_struct(fields: Mapping[str, pl.Expr]) -> pl.Expr:
    return pl.struct([value.alias(name) for name, value in fields.items()])


def _keep_unless_success(column: str) -> pl.Expr:
    return pl.when(pl.col("status") != "SUCCESS").then(column)


def _make_actor() -> pl.Expr:
    registered = pl.col("profile_id").is_not_null()
    return pl.struct(
        type=pl.when(registered).then(pl.lit("USER_ACTOR")).otherwise(pl.lit(_UNKNOWN)),
        id=pl.when(registered).then("user_id").otherwise(pl.lit(_UNKNOWN)),
        name=pl.when(registered).then(pl.coalesce("name", "user_id")).otherwise(pl.lit(_UNKNOWN)),
        identityProvider=pl.when(registered).then("iam_id"),
        profileId=pl.col("profile_id").cast(pl.String),
        impersonatedBy=pl.lit(None, pl.String),
    )


def _make_payload(origin: Origin) -> dict[str, pl.Expr]:
    """The payload without the objects."""
    return {
        "type": pl.lit("QueryAuditPayload"),
        "queryId": pl.col("query_id"),
        "query": pl.col("text").str.slice(0, TEXT_LIMIT),
        "startTime": pl.col("started_at"),
        "endTime": pl.col("ended_at"),
        "duration": pl.col("duration_ms") / 1000,
        "errorCode": _keep_unless_success("error_code"),
        "technologyContext": _make_context(origin),
        "securityProfile": objects.make_security_profile(),
        "version": pl.lit(1, pl.Int64),
    }


def _make_context(origin: Origin) -> pl.Expr:
    """Facts of the platform; a fact that it does not have is null."""
    shared = {
        "type": pl.lit(origin.platform.context_type),
        "host": _find_host(origin),
        "rowsProduced": pl.col("rows_produced"),
        "warehouseId": pl.col("warehouse_id"),
    }
    absent = {key: pl.lit(None, column.dtype) for key, column in _CONTEXT.items()}
    return _make_struct(absent | shared | {key: each.value for key, each in origin.platform.context.items()})


def _find_host(origin: Origin) -> pl.Expr:
    if not origin.workspace_hosts:
        return pl.lit(origin.host)
    return pl.col("workspace_id").replace_strict(
        dict(origin.workspace_hosts), default=origin.host, return_dtype=pl.String
    )
