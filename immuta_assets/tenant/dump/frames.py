"""From decoded lines to the frames of ``collections``: which key becomes which column.

Add an expression here for every new column. The records are encoded as JSON again for Polars to decode, which
builds nested columns ten times faster than Polars does from Python objects. How a line looks is declared in
``records``; files and errors belong to ``dump``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
import polars as pl
from msgspec import UNSET, inspect, structs

from immuta_assets.tenant.collections import COLLECTIONS
from immuta_assets.tenant.dump.records import (
    RECORDS,
    AccessRequest,
    ApprovalRecord,
    DataDictionary,
    Form,
    Group,
    Policy,
    Record,
    User,
)

_TAG = {"name": "name", "source": "source", "context": "context", "description": "description", "added_on": "addedOn"}


def build_raw_frame(collection: str, records: Iterable[Record], tenant_url: str) -> pl.DataFrame:
    """Return one row per record; columns and nested fields have the names of the API.

    Differs from the API in that attributes are lists of name and values, some JSON is text (``records.AS_TEXT``), and
    every column of a data source has an id.
    """
    reshape = _RESHAPE.get(collection)
    rows = (reshape(record, tenant_url) for record in records) if reshape else records
    lines = pl.Series([msgspec.json.encode(row).decode() for row in rows], dtype=pl.String)
    return lines.str.json_decode(_RAW_DTYPES[collection]).struct.unnest()


def build_collection_frame(collection: str, raw: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a raw frame as rows of the collection."""
    if collection == "columns":
        raw = raw.explode("metadata", empty_as_null=False, keep_nulls=False)
    return COLLECTIONS[collection].cast(raw.select(**_COLUMNS[collection]))


def _encode_json(value: object) -> str | None:
    return None if value is UNSET else msgspec.json.encode(value, order="sorted").decode()


def _reshape_attributes(record: User | Group, _: str) -> Record:
    attributes = [
        {"name": name, "values": list(dict.fromkeys(values))} for name, values in (record.authorizations or {}).items()
    ]
    return structs.replace(record, authorizations=attributes)


def _reshape_columns(columns: DataDictionary, tenant_url: str) -> Record:
    for column in columns.metadata or ():
        if column.id is None:
            address = f"{tenant_url}/dataSource/{columns.data_source}/column/{column.name}"
            column.id = str(uuid5(NAMESPACE_URL, address))
    return columns


def _reshape_policy(policy: Policy, _: str) -> Record:
    return structs.replace(
        policy,
        actions=_encode_json(policy.actions),
        circumstances=_encode_json(policy.circumstances),
        owner_restrictions=policy.owner_restrictions and _encode_json(policy.owner_restrictions),
    )


def _reshape_request(request: AccessRequest, _: str) -> Record:
    form = request.form or Form()
    responses = None if form.responses is None else _encode_json(form.responses)
    return structs.replace(request, form=structs.replace(form, responses=responses))


def _reshape_approval(approval: ApprovalRecord, _: str) -> Record:
    return structs.replace(approval, approvers=_encode_json(approval.approvers or []))


_RESHAPE: Mapping[str, Callable[[Any, str], Record]] = {
    "users": _reshape_attributes,
    "groups": _reshape_attributes,
    "columns": _reshape_columns,
    "policies": _reshape_policy,
    "access_requests": _reshape_request,
    "approval_records": _reshape_approval,
}


_SIMPLE_DTYPES: Mapping[type[inspect.Type], pl.DataType] = {
    inspect.StrType: pl.String(),
    inspect.IntType: pl.Int64(),
    inspect.BoolType: pl.Boolean(),
    inspect.DateTimeType: pl.Datetime("us", "UTC"),
    inspect.DictType: pl.List(pl.Struct({"name": pl.String(), "values": pl.List(pl.String())})),
}


def _map_type(kind: inspect.Type) -> pl.DataType:
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            return pl.String() if extra else _map_type(inner)
        case inspect.UnionType(types=types):
            inner, *others = [member for member in types if not isinstance(member, inspect.NoneType)]
            return pl.String() if others else _map_type(inner)
        case inspect.StructType(fields=fields):
            return pl.Struct({field.encode_name: _map_type(field.type) for field in fields})
        case inspect.ListType(item_type=item):
            return pl.List(_map_type(item))
    return _SIMPLE_DTYPES[type(kind)]


_RAW_DTYPES = {collection: _map_type(inspect.type_info(record)) for collection, record in RECORDS.items()}


def key(path: str) -> pl.Expr:
    """Return the value at a dotted path of a raw frame; null where an object on the way is null."""
    column, *fields = path.split(".")
    expression = pl.col(column)
    for field in fields:
        expression = expression.struct.field(field)
    return expression


def _flag(path: str, *, default: bool = False) -> pl.Expr:
    return key(path).fill_null(default)


def _list(path: str) -> pl.Expr:
    return key(path).fill_null([])


def _ids(path: str, field: str) -> pl.Expr:
    """List each id once, in order of appearance."""
    return _list(path).list.eval(pl.element().struct.field(field)).list.unique(maintain_order=True)


def _structs(path: str, fields: Mapping[str, str]) -> pl.Expr:
    renamed = pl.struct([pl.element().struct.field(field).alias(name) for name, field in fields.items()])
    return _list(path).list.eval(renamed)


def _tags(path: str) -> pl.Expr:
    first = pl.element().struct.field("name").is_first_distinct()
    return _structs(path, _TAG).list.eval(pl.element().filter(first))


_COLUMNS: Mapping[str, Mapping[str, pl.Expr]] = {
    "tenant": {"tenant_id": key("tenantId"), "url": key("url"), "dumped_at": key("dumpedAt")},
    "iams": {"iam_id": key("id"), "display_name": key("displayname"), "type": key("type")},
    "users": {
        "profile_id": key("profile.id"),
        "global_user_id": key("globalUserId"),
        "iam_id": key("iamid"),
        "user_id": key("userid"),
        "name": key("profile.name"),
        "email": key("profile.email"),
        "snowflake_user": key("profile.externalUserIds.snowflakeUser"),
        "databricks_user": key("profile.externalUserIds.databricksUser"),
        "trino_user": key("profile.externalUserIds.trinoUser"),
        "permissions": _list("permissions"),
        "attributes": key("authorizations"),
        "disabled": _flag("disabled"),
        "system_generated": _flag("systemGenerated"),
        "last_login": key("lastLogin"),
        "created_at": key("createdAt"),
        "updated_at": key("updatedAt"),
    },
    "groups": {
        "group_id": key("id"),
        "iam_id": key("iamid"),
        "name": key("name"),
        "gid": key("gid"),
        "email": key("email"),
        "description": key("description"),
        "attributes": key("authorizations"),
    },
    "group_members": {"group_id": key("group"), "profile_id": key("profile.id")},
    "data_sources": {
        "data_source_id": key("id"),
        "name": key("name"),
        "description": key("description"),
        "deleted": _flag("deleted"),
        "technology": key("blobHandlerType"),
        "created_at": key("createdAt"),
        "health": key("status"),
        "connection_string": key("connectionString"),
        "hostname": key("hostname"),
        "database": key("database"),
        "schema": key("remoteSchema"),
        "table": key("remoteTable"),
        "type": key("dataSourceType"),
        "tags": _tags("tags"),
        "policy_ids": _ids("globalPolicies", "id"),
        "domain_id": key("domainId"),
        "created_by": key("createdBy"),
    },
    "columns": {
        "data_source_id": key("dataSource"),
        "name": key("metadata.name"),
        "column_id": key("metadata.id"),
        "description": key("metadata.description"),
        "data_type": key("metadata.dataType"),
        "remote_type": key("metadata.remoteType"),
        "tags": _tags("metadata.tags"),
    },
    "data_source_members": {
        "data_source_id": key("dataSource"),
        "profile_id": key("profile"),
        "group_id": key("group"),
        "state": key("state"),
        "by_policy": _flag("policy"),
        "approved": _flag("approved", default=True),
        "scope": key("accessGrant").fill_null("READ"),
        "expires_at": key("expiration"),
        "created_at": key("createdAt"),
    },
    "policies": {
        "policy_id": key("id"),
        "name": key("name"),
        "type": key("type"),
        "policy_key": key("policyKey"),
        "actions": key("actions"),
        "circumstances": key("circumstances"),
        "owner_restrictions": key("ownerRestrictions"),
        "staged": _flag("staged"),
        "deleted": _flag("deleted"),
        "system_generated": _flag("systemGenerated"),
        "template": key("template"),
        "created_by": key("createdBy"),
        "created_by_name": key("createdByName"),
        "created_at": key("createdAt"),
    },
    "tags": {
        "name": key("name"),
        "tag_id": key("id"),
        "description": key("description"),
        "source": key("source"),
        "deleted": _flag("deleted"),
    },
    "domains": {
        "domain_id": key("id"),
        "name": key("name"),
        "description": key("description"),
        "created_by": key("createdBy"),
        "data_source_ids": _ids("dataSources", "dataSourceId"),
        "permissions": _structs(
            "permissions", {"profile_id": "profileId", "group_id": "groupId", "permission": "permission"}
        ).list.unique(maintain_order=True),
    },
    "projects": {
        "project_id": key("id"),
        "name": key("name"),
        "project_key": key("projectKey"),
        "status": key("status"),
        "description": key("description"),
        "deleted": _flag("deleted"),
        "created_by": key("createdBy"),
        "created_at": key("createdAt"),
        "subscription_type": key("subscriptionType"),
        "purpose_ids": _ids("purposes", "id"),
        "members": _structs(
            "members",
            {
                "profile_id": "profile",
                "group_id": "group",
                "state": "state",
                "subscription_type": "subscriptionType",
                "created_at": "createdAt",
            },
        ).list.unique(maintain_order=True),
        "data_sources": _structs(
            "dataSources",
            {"data_source_id": "dataSourceId", "added_by": "addedBy", "added_on": "addedOn", "comment": "comment"},
        ).list.unique(maintain_order=True),
    },
    "purposes": {
        "purpose_id": key("id"),
        "name": key("name"),
        "acknowledgement": key("acknowledgement"),
        "description": key("description"),
        "added_by": key("addedByProfile"),
        "deleted": _flag("deleted"),
    },
    "access_requests": {
        "request_id": key("id"),
        "requestor_global_user_id": key("requestingUser.globalUserId"),
        "global_user_id": key("user.globalUserId"),
        "target_id": pl.coalesce(key("dataProduct.id"), key("dataSource.id").cast(pl.String), key("column.id")),
        "target_type": pl.when(key("dataProduct.id").is_not_null())
        .then(pl.lit("DATA_PRODUCT"))
        .when(key("dataSource.id").is_not_null())
        .then(pl.lit("DATA_SOURCE"))
        .otherwise(pl.lit("COLUMN")),
        "status": key("status").str.to_uppercase(),
        "form_id": key("form.id"),
        "responses": key("form.responses"),
        "expires_at": key("expiration"),
        "created_at": key("createdAt"),
        "updated_at": key("updatedAt"),
    },
    "approval_records": {
        "approval_id": key("id"),
        "request_id": key("dataAccessRequestId"),
        "approvers": key("approvers"),
        "reviewer_global_user_id": key("actionBy.globalUserId"),
        "reviewer_source": key("reviewerSource"),
        "status": key("status").str.to_uppercase(),
        "reason": key("reason"),
        "updated_at": key("updatedAt"),
    },
    "access_agreements": {
        "agreement_id": key("id"),
        "request_id": key("dataAccessRequestId"),
        "name": key("name"),
    },
    "data_products": {
        "data_product_id": key("id"),
        "name": key("name"),
        "domain_id": key("domain.id"),
        "description": key("description"),
        "creator_global_user_id": key("createdBy.globalUserId"),
        "sme_global_user_ids": _ids("smes", "globalUserId"),
        "suspended": _flag("suspended"),
        "data_source_ids": _ids("assets", "dataSourceId"),
    },
}
