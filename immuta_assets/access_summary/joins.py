"""The joins between the tables of the export, and the ids that find no partner in them.

The joins come from the pages "Latest access summary export schema reference guide (prpr2)" (Possible joins) and "Access
summary export" (use cases). Add a join as a line of ``JOINS``. References within the tenant itself belong to
``tenant.references``.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from immuta_assets.access_summary.tables import SYSTEM

_SAMPLE_SIZE = 10


@dataclass(frozen=True)
class Join:
    """A documented join: each key on the left, where not null, should be found on the right.

    The tables are export names; a key expression gives any number of ids per table.
    """

    name: str
    left: str
    left_key: pl.Expr
    right: str
    right_key: pl.Expr


@dataclass(frozen=True)
class UnmatchedIds:
    """How many different ids find no partner, and the first ten of them as text."""

    count: int
    sample: list[str]


def _select_target_ids(target_type: str) -> pl.Expr:
    return pl.when(pl.col("target_type") == target_type).then("target_id")


_USER = pl.col("global_user_id")
_DATA_SOURCE = pl.col("data_source_id")

JOINS: tuple[Join, ...] = (
    Join("policy_outcomes_to_users", "policy-outcomes", _USER, "user-metadata", _USER),
    Join(
        "policy_outcomes_to_policies",
        "policy-outcomes",
        pl.col("policy_ids").explode(),
        "policy-metadata",
        pl.col("policy_id"),
    ),
    Join(
        "tags_to_data_sources",
        "tag-metadata",
        _select_target_ids("DATA_SOURCE"),
        "datasource-metadata",
        _DATA_SOURCE,
    ),
    Join("tags_to_columns", "tag-metadata", _select_target_ids("COLUMN"), "column-metadata", pl.col("column_id")),
    Join("domains_to_data_sources", "domain-metadata", _DATA_SOURCE, "datasource-metadata", _DATA_SOURCE),
    Join(
        "policies_to_owners",
        "policy-metadata",
        pl.col("owner_global_user_id").replace(SYSTEM, None),
        "user-metadata",
        _USER,
    ),
    Join(
        "assets_to_data_products",
        "data-product-assets",
        pl.col("data_product_id"),
        "data-products",
        pl.col("data_product_id"),
    ),
    Join("requests_to_recipients", "access-requests", _USER, "user-metadata", _USER),
    Join("requests_to_requestors", "access-requests", pl.col("global_requestor_id"), "user-metadata", _USER),
)
"""Every join that the guides tell readers of the export to make."""


def find_unmatched(join: Join, left: pl.LazyFrame, right: pl.LazyFrame) -> UnmatchedIds:
    """Find the ids of ``left`` without a partner in ``right``; only distinct ids are ever held in memory.

    Ids compare as text: the layout holds those of data sources as numbers here and as text there.
    """
    lost = _list_ids(left, join.left_key).join(_list_ids(right, join.right_key), on="id", how="anti")
    ids = lost.collect(engine="streaming")["id"].sort()
    return UnmatchedIds(len(ids), ids.head(_SAMPLE_SIZE).to_list())


def _list_ids(frame: pl.LazyFrame, key: pl.Expr) -> pl.LazyFrame:
    return frame.select(id=key).unique().select(pl.col("id").cast(pl.String)).drop_nulls()
