"""The tables ``access-requests``, ``request-determinations`` and ``request-duas`` of the Request app."""

from __future__ import annotations

import polars as pl

from immuta_assets.access_summary.tables import drop_zone, finish_table
from immuta_assets.layouts import prpr2
from immuta_assets.tenant.info import TenantInfo


def build_access_requests(
    tenant: TenantInfo, access_requests: pl.LazyFrame, approval_records: pl.LazyFrame
) -> pl.LazyFrame:
    """Build one row per request; columns of ``prpr2.AccessRequests``.

    A pending request has no final determination date; the guide, which requires one, cannot be followed there.
    """
    latest = approval_records.group_by("request_id").agg(latest_record=pl.col("updated_at").max())
    decided = pl.coalesce("latest_record", "updated_at").dt.replace_time_zone(None)
    rows = access_requests.join(latest, on="request_id", how="left").select(
        "request_id",
        "global_user_id",
        "target_id",
        "target_type",
        global_requestor_id="requestor_global_user_id",
        request_date=drop_zone("created_at"),
        request_responses=pl.col("responses").fill_null("{}"),
        request_form_id=pl.col("form_id").fill_null(""),
        final_determination_date=pl.when(pl.col("status") != "PENDING").then(decided),
        determination="status",
        expiration_date=drop_zone("expires_at"),
    )
    return finish_table(rows, prpr2.AccessRequestMetadata, tenant, by=["request_id"])


def build_request_determinations(tenant: TenantInfo, approval_records: pl.LazyFrame) -> pl.LazyFrame:
    """Build one row per approval record; columns of ``prpr2.RequestDeterminations``.

    A record that waits for another one (BLOCKED) is still pending.
    """
    waiting = pl.col("status").is_in(["PENDING", "BLOCKED"])
    rows = approval_records.select(
        "approval_id",
        "request_id",
        "reviewer_source",
        global_reviewer_id="reviewer_global_user_id",
        reviewer_determination=pl.when(waiting).then(pl.lit("PENDING")).otherwise(pl.col("status").cast(pl.String)),
        determination_date=pl.when(~waiting).then(drop_zone("updated_at")),
        justification="reason",
        status=pl.when(waiting).then(pl.lit("WAITING")).otherwise(pl.lit("COMPLETED")),
        pending_reviewers=pl.when(waiting).then("approvers").otherwise(pl.lit("[]")),
    )
    return finish_table(rows, prpr2.RequestDeterminations, tenant, by=["approval_id"])


def build_request_duas(tenant: TenantInfo, access_agreements: pl.LazyFrame) -> pl.LazyFrame:
    """Build one row per agreement signed with a request, each once; columns of ``prpr2.RequestDuas``."""
    rows = access_agreements.select("request_id", "name", dua_id="agreement_id").unique()
    return finish_table(rows, prpr2.RequestDuas, tenant, by=["request_id", "dua_id", "name"])
