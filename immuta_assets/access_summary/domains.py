"""The table ``domain-metadata``: which data sources a domain holds, and who has permissions there."""

from __future__ import annotations

import polars as pl

from immuta_assets.access_summary.tables import add_creator, finish_table, join_members
from immuta_assets.layouts import prpr2
from immuta_assets.tenant.info import TenantInfo


def build_domain_metadata(
    tenant: TenantInfo,
    domains: pl.LazyFrame,
    data_sources: pl.LazyFrame,
    users: pl.LazyFrame,
    groups: pl.LazyFrame,
    group_members: pl.LazyFrame,
) -> pl.LazyFrame:
    """Pair each data source of a domain with each user who has permissions there; columns of ``prpr2.DomainMetadata``.

    A domain without data sources, or without such users, keeps its rows with nulls (and no permissions) in their place.
    """
    holders = _list_permissions(domains, join_members(groups, group_members))
    created = add_creator(domains.select("domain_id", "name", "description", "created_by"), users)
    # The parts are sorted, not the product: it may have millions of rows.
    rows = (
        created.sort("domain_id")
        .join(_list_data_sources(domains, data_sources), on="domain_id", how="left", maintain_order="left_right")
        .join(_list_privileged_users(holders, users), on="domain_id", how="left", maintain_order="left_right")
        .with_columns(pl.col("permissions").fill_null([]))
        .rename({"domain_id": "id"})
    )
    return finish_table(rows, prpr2.DomainMetadata, tenant)


def _list_data_sources(domains: pl.LazyFrame, data_sources: pl.LazyFrame) -> pl.LazyFrame:
    """Return domain_id and data_source_id, from either side, each pair once, in order of data source."""
    listed = domains.select("domain_id", data_source_id="data_source_ids").explode("data_source_id")
    naming_it = data_sources.select("domain_id", "data_source_id")
    return pl.concat([listed, naming_it]).drop_nulls().unique().sort("data_source_id")


def _list_permissions(domains: pl.LazyFrame, members: pl.LazyFrame) -> pl.LazyFrame:
    """Return domain_id, profile_id (may be unknown), permission; a group's permission is given to its members."""
    granted = domains.select("domain_id", "permissions").explode("permissions").drop_nulls().unnest("permissions")
    to_users = granted.drop_nulls("profile_id").drop("group_id")
    to_groups = granted.drop("profile_id").join(members.select("group_id", "profile_id"), on="group_id")
    columns = ["domain_id", "profile_id", "permission"]
    return pl.concat([to_users.select(columns), to_groups.select(columns)])


def _list_privileged_users(holders: pl.LazyFrame, users: pl.LazyFrame) -> pl.LazyFrame:
    """Return domain_id, privileged_user, permissions (sorted, each once), in order of user."""
    known = holders.join(users.select("profile_id", privileged_user="global_user_id"), on="profile_id")
    merged = known.group_by("domain_id", "privileged_user").agg(permissions=pl.col("permission").unique().sort())
    return merged.sort("privileged_user")
