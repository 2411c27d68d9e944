"""Databricks: how it names things, and how the events of Unity Catalog look.

Identifiers and user names are compared whatever their case. The keys are those of the page "Audit".
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from immuta_assets.platforms.platform import ContextKey, Platform, UamKeys, UserKey, unquote_name


def _fold_name(name: pl.Expr) -> pl.Expr:
    return unquote_name(name, "`").str.to_lowercase()


DATABRICKS = Platform(
    name="DATABRICKS",
    fold_name=_fold_name,
    mapped_name="databricks_user",
    user_keys=(UserKey(pl.col("user_name").str.to_lowercase(), pl.col("databricks_user").str.to_lowercase()),),
    context_type="DatabricksContext",
    context={
        "clusterId": ContextKey(dy.String(nullable=True), pl.col("cluster_id")),
        "workspaceId": ContextKey(dy.String(nullable=True), pl.col("workspace_id")),
        "service": ContextKey(dy.String(nullable=True), pl.col("service")),
        "queryLanguage": ContextKey(dy.String(nullable=True), pl.lit("sql")),
        "notebookId": ContextKey(dy.String(nullable=True), pl.col("notebook_id")),
        "account": ContextKey(
            dy.Struct({"id": dy.String(nullable=True), "username": dy.String(nullable=True)}, nullable=True),
            pl.struct(id="account_id", username="user_name"),
        ),
    },
    keys=UamKeys(
        event="action actor sessionId actionStatus actionStatusReason eventTimestamp id tenantId targetType targets "
        "relatedResources auditPayload receivedTimestamp",
        actor="type id name identityProvider profileId",
        payload="type queryId query startTime endTime duration technologyContext objectsAccessed securityProfile "
        "version",
        context="type clusterId workspaceId service queryLanguage warehouseId notebookId account host rowsProduced",
    ),
    tags_objects=False,
    denies_inference=False,
    redaction_hint="on Databricks add the principal to the account group databricks_pii_access",
)
