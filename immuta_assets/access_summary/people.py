"""The table ``user-metadata``: what is known about each user, one fact a row.

Who may see what belongs to ``policy-outcomes``, which ``immuta_assets.outcomes`` computes.
"""

from __future__ import annotations

import polars as pl

from immuta_assets.access_summary.tables import finish_table, join_members
from immuta_assets.layouts import prpr2
from immuta_assets.tenant.info import TenantInfo


def build_user_metadata(
    tenant: TenantInfo, users: pl.LazyFrame, iams: pl.LazyFrame, groups: pl.LazyFrame, group_members: pl.LazyFrame
) -> pl.LazyFrame:
    """Build one row per membership, direct and inherited attribute value of every user, disabled or not.

    A user without any has one row; facts that repeat count once. Columns of ``prpr2.UserMetadata``.
    """
    identities = iams.select("iam_id", identity_source="display_name")
    rows = (
        users.join(identities, on="iam_id", how="left")
        .join(_list_facts(users, join_members(groups, group_members)), on="profile_id", how="left")
        .with_columns(
            pl.coalesce("identity_source", "iam_id").alias("identity_source"),
            pl.col("source").fill_null("USER"),
            pl.col("association").fill_null("Direct"),
            global_permissions="permissions",
        )
    )
    fact = ["group_name", "attribute_key", "attribute_value", "source", "association"]
    return finish_table(rows, prpr2.UserMetadata, tenant, by=["global_user_id", *fact])


def _list_facts(users: pl.LazyFrame, members: pl.LazyFrame) -> pl.LazyFrame:
    """Return profile_id, group_name, attribute_key, attribute_value, source, association, each fact once."""
    in_groups = members.select("profile_id", "attributes", group_name="name")
    direct, group = {"association": pl.lit("Direct")}, {"source": pl.lit("GROUP")}
    facts = [
        in_groups.drop("attributes").with_columns(**group, **direct),
        _unfold_attributes(users.select("profile_id", "attributes")).with_columns(**direct, source=pl.lit("USER")),
        _unfold_attributes(in_groups).with_columns(**group, association=pl.lit("Inherited")),
    ]
    return pl.concat(facts, how="diagonal").unique()


def _unfold_attributes(holders: pl.LazyFrame) -> pl.LazyFrame:
    """Unfold ``attributes`` into ``attribute_key`` and ``attribute_value``, one row per value."""
    attribute = pl.col("attributes").struct
    return (
        holders.explode("attributes")
        .select(
            pl.exclude("attributes"),
            attribute_key=attribute.field("name"),
            attribute_value=attribute.field("values"),
        )
        .explode("attribute_value")
        .drop_nulls("attribute_value")
    )
