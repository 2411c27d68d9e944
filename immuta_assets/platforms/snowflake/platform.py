"""Snowflake: how it names things, and how its events look.

Identifiers are compared exactly, as stored. A user's mapped name holds the name as stored, else as written in SQL. The
keys are those of the page "Audit".
"""

from __future__ import annotations

from functools import partial

import dataframely as dy
import polars as pl

from immuta_assets.platforms.platform import ContextKey, Platform, UamKeys, UserKey, unquote_name


def _store_identifier(name: pl.Expr) -> pl.Expr:
    """Return what Snowflake stores for an identifier as written in SQL: upper-cased unless in double quotes."""
    quoted = name.str.extract(r'(?s)^"(.*)"$').str.replace_all('""', '"', literal=True)
    return pl.coalesce(quoted, name.str.to_uppercase())


SNOWFLAKE = Platform(
    name="SNOWFLAKE",
    fold_name=partial(unquote_name, quote='"'),
    mapped_name="snowflake_user",
    user_keys=(
        UserKey(pl.col("user_name"), pl.col("snowflake_user")),
        UserKey(pl.col("user_name"), _store_identifier(pl.col("snowflake_user"))),
    ),
    context_type="SnowflakeContext",
    context={
        "clientIp": ContextKey(dy.String(nullable=True), pl.col("client_ip")),
        "snowflakeUsername": ContextKey(dy.String(nullable=True), pl.col("user_name")),
        "roleName": ContextKey(dy.String(nullable=True), pl.col("role_name")),
        "warehouseName": ContextKey(dy.String(nullable=True), pl.col("warehouse_name")),
        "clusterNumber": ContextKey(dy.Int64(nullable=True), pl.col("cluster_number")),
    },
    keys=UamKeys(
        event="action actor sessionId actionStatus actionStatusReason eventTimestamp id userAgent tenantId targetType "
        "targets relatedResources auditPayload receivedTimestamp",
        actor="type name id identityProvider impersonatedBy",
        payload="type queryId query startTime endTime duration errorCode technologyContext objectsAccessed "
        "securityProfile",
        context="type host clientIp snowflakeUsername rowsProduced roleName warehouseId warehouseName clusterNumber",
    ),
    tags_objects=True,
    denies_inference=True,
    redaction_hint="on Snowflake see ENABLE_UNREDACTED_QUERY_SYNTAX_ERROR",
)
