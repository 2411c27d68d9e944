"""Layout prpr1, the older one: five tables, and how each follows from the tables of prpr2.

Three tables are the same in both versions. The guide of prpr1 is only partly obtainable; what it said of
``policy-outcomes`` and ``tag-metadata`` is decided in docs/policy_semantics.md ("prpr1"). Nothing new is added here.
"""

from __future__ import annotations

from collections.abc import Callable

import dataframely as dy
import polars as pl

from immuta_assets.layouts import prpr2


class TagMetadataPrpr1(dy.Schema):
    """A tag on a data source or on one of its columns."""

    tag_name = prpr2.TagMetadata.tag_name
    tag_description = prpr2.TagMetadata.tag_description
    data_source_id = dy.Int64(description="Numeric id of the data source that carries the tag, or whose column does.")
    target_type = prpr2.TagMetadata.target_type
    source = prpr2.TagMetadata.source
    context = prpr2.TagMetadata.context
    as_of = prpr2.TagMetadata.as_of
    export_date = prpr2.TagMetadata.export_date


class PolicyOutcomesPrpr1(dy.Schema):
    """One way in which a user has read access to a data source: by policy or by hand.

    Unique by user, data source and source.
    """

    # No key is declared, for the same reason as in prpr2.
    global_user_id = prpr2.PolicyOutcomes.global_user_id
    data_source_id = prpr2.PolicyOutcomes.data_source_id
    policy_ids = prpr2.PolicyOutcomes.policy_ids
    merged_policy = prpr2.PolicyOutcomes.merged_policy
    is_owner = prpr2.PolicyOutcomes.is_owner
    source = prpr2.PolicyOutcomes.source
    export_date = prpr2.PolicyOutcomes.export_date


TABLES: dict[str, type[dy.Schema]] = {
    "policy-metadata": prpr2.PolicyMetadata,
    "user-metadata": prpr2.UserMetadata,
    "domain-metadata": prpr2.DomainMetadata,
    "policy-outcomes": PolicyOutcomesPrpr1,
    "tag-metadata": TagMetadataPrpr1,
}
"""The five schemas by export name."""


def _derive_policy_metadata(policy_metadata: pl.LazyFrame) -> pl.LazyFrame:
    return policy_metadata


def _derive_user_metadata(user_metadata: pl.LazyFrame) -> pl.LazyFrame:
    return user_metadata


def _derive_domain_metadata(domain_metadata: pl.LazyFrame) -> pl.LazyFrame:
    return domain_metadata


def _derive_policy_outcomes(policy_outcomes: pl.LazyFrame) -> pl.LazyFrame:
    return policy_outcomes.filter(pl.col("scope") == "READ").select(PolicyOutcomesPrpr1.column_names())


def _derive_tag_metadata(tag_metadata: pl.LazyFrame, column_metadata: pl.LazyFrame) -> pl.LazyFrame:
    # Nothing promises that a dump's column ids are unique; a tag must not multiply over the columns that share one.
    owners = column_metadata.group_by(target_id="column_id").agg(pl.col("data_source_id").min())
    of_columns = tag_metadata.filter(pl.col("target_type") == "COLUMN").join(owners, on="target_id")
    of_data_sources = tag_metadata.filter(pl.col("target_type") == "DATA_SOURCE").with_columns(
        data_source_id=pl.col("target_id").cast(pl.Int64)
    )
    tags = pl.concat([of_data_sources, of_columns], how="diagonal")
    # Columns of one data source may carry the same tag, so nothing less than the whole row gives it a place.
    return tags.select(TagMetadataPrpr1.column_names()).sort("data_source_id", "target_type", pl.all())


DOWNGRADES: dict[str, Callable[..., pl.LazyFrame]] = {
    "policy-metadata": _derive_policy_metadata,
    "user-metadata": _derive_user_metadata,
    "domain-metadata": _derive_domain_metadata,
    "policy-outcomes": _derive_policy_outcomes,
    "tag-metadata": _derive_tag_metadata,
}
"""How to derive each table; a function's parameters name the prpr2 tables it reads (dashes as underscores)."""
