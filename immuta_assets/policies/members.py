"""The member list of a data source: members, owners and members by hand (docs/policy_semantics.md, 4.4).

Only the list itself belongs here; whether a guardrail stops a member is decided in ``outcomes``.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

MANUAL_STATES = ("subscribed", "expert", "owner")
"""States in which an entry made by hand gives access."""


def list_memberships(entries: pl.DataFrame, group_members: pl.DataFrame, dumped_at: datetime) -> pl.DataFrame:
    """Return the entries that count at ``dumped_at``, a group's entry once per member of the group.

    Approved, not pending, not expired (an entry that expires at ``dumped_at`` is expired). Columns: data_source_id,
    profile_id, state, by_policy, scope; profiles and data sources may be unknown to the tenant.
    """
    counting = entries.filter(
        "approved",
        pl.col("state") != "pending",
        pl.col("expires_at").is_null() | (pl.col("expires_at") > dumped_at),
    )
    direct = counting.filter(pl.col("profile_id").is_not_null())
    through_group = (
        counting.filter(pl.col("group_id").is_not_null()).drop("profile_id").join(group_members, on="group_id")
    )
    columns = ["data_source_id", "profile_id", "state", "by_policy", "scope"]
    return pl.concat([direct.select(columns), through_group.select(columns)]).unique()


def select_owners(memberships: pl.DataFrame) -> pl.DataFrame:
    """Return the owners of data sources: data_source_id, profile_id; scope and maker of an entry do not matter."""
    return memberships.filter(pl.col("state") == "owner").select("data_source_id", "profile_id").unique()


def select_manual_members(memberships: pl.DataFrame) -> pl.DataFrame:
    """Return the members by hand: data_source_id, profile_id, scope, and ``as_owner`` (whether by an owner's entry)."""
    by_hand = memberships.filter(~pl.col("by_policy"), pl.col("state").is_in(MANUAL_STATES))
    return by_hand.group_by("data_source_id", "profile_id", "scope").agg(as_owner=(pl.col("state") == "owner").any())
