"""The table ``policy-metadata``: subscription policies as their authors and auditors read them.

How a policy is understood belongs to the package ``policies``; this module only lays the result out.
"""

from __future__ import annotations

import polars as pl

from immuta_assets.access_summary.tables import SYSTEM, add_creator, drop_zone, finish_table
from immuta_assets.layouts import prpr2
from immuta_assets.policies.rules import parse_policies
from immuta_assets.tenant.info import TenantInfo

_POLICY = {
    "who": pl.String(),
    "object": pl.String(),
    "access_type": pl.String(),
    "text": pl.String(),
    "scope": pl.String(),
    "policy_id": pl.Int64(),
    "name": pl.String(),
    "created_at": pl.Datetime("us", "UTC"),
    "created_by": pl.Int64(),
    "created_by_name": pl.String(),
    "system_generated": pl.Boolean(),
}


def build_policy_metadata(tenant: TenantInfo, policies: pl.LazyFrame, users: pl.LazyFrame) -> pl.LazyFrame:
    """Build one row per subscription policy, invalid ones included; columns of ``prpr2.PolicyMetadata``."""
    found = parse_policies(policies.collect())
    frame = pl.LazyFrame([[getattr(policy, name) for name in _POLICY] for policy in found], _POLICY, orient="row")
    rows = add_creator(frame, users).select(
        "who",
        "object",
        "access_type",
        "scope",
        "policy_id",
        policy="text",
        policy_name="name",
        creation_date=drop_zone("created_at"),
        owner=pl.coalesce("created_by_name", "creator_name", pl.lit(SYSTEM)),
        owner_global_user_id="creator_global_user_id",
        link=pl.format("{}/policies/global/{}", pl.lit(tenant.url), "policy_id"),
        source=pl.when("system_generated").then(pl.lit(SYSTEM)).otherwise(pl.lit("GLOBAL")),
    )
    return finish_table(rows, prpr2.PolicyMetadata, tenant, by=["policy_id"])
