"""The steps that all tables of the access summary share: naive UTC, creators, the columns of the contract.

Add a step here only when tables of two families need it.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from immuta_assets.tenant.info import TenantInfo

SYSTEM = "SYSTEM"
"""The owner or creator in the export where no user is one."""


def finish_table(
    rows: pl.LazyFrame, schema: type[dy.Schema], tenant: TenantInfo, by: list[str] | None = None
) -> pl.LazyFrame:
    """Give ``rows`` their export date, the columns of ``schema`` in its order, and the row order ``by``, or theirs."""
    dated = rows.with_columns(export_date=pl.lit(tenant.export_date, pl.Datetime("us")))
    complete = dated.select(schema.column_names())
    return complete.sort(by) if by else complete


def drop_zone(column: str) -> pl.Expr:
    """Drop the zone of a UTC timestamp, as the export holds it."""
    return pl.col(column).dt.replace_time_zone(None)


def add_creator(rows: pl.LazyFrame, users: pl.LazyFrame) -> pl.LazyFrame:
    """Add ``creator_name`` (null where unknown) and ``creator_global_user_id`` of the profile id ``created_by``.

    The latter falls back to the profile id as text, then to SYSTEM.
    """
    creators = users.select(created_by="profile_id", creator_name="name", creator_global_user_id="global_user_id")
    profile = pl.col("created_by").cast(pl.String)
    return rows.join(creators, on="created_by", how="left").with_columns(
        pl.coalesce("creator_global_user_id", profile, pl.lit(SYSTEM)).alias("creator_global_user_id")
    )


def join_members(groups: pl.LazyFrame, group_members: pl.LazyFrame) -> pl.LazyFrame:
    """Return the members of known groups: all columns of ``groups`` and ``profile_id``, which may be unknown."""
    return group_members.join(groups, on="group_id")
