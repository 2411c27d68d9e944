"""The tables ``datasource-metadata``, ``column-metadata`` and ``tag-metadata``: what policies target."""

from __future__ import annotations

import polars as pl

from immuta_assets.access_summary.tables import drop_zone, finish_table
from immuta_assets.layouts import prpr2
from immuta_assets.tenant.info import TenantInfo

# Column ids may repeat in a dump, so the values have to break ties.
_TAG_ORDER = ["target_type", "target_id", "tag_name", "as_of", "source", "context", "tag_description"]


def build_datasource_metadata(tenant: TenantInfo, data_sources: pl.LazyFrame) -> pl.LazyFrame:
    """Build one row per data source, disabled ones included; columns of ``prpr2.DatasourceMetadata``."""
    rows = data_sources.select(
        "data_source_id",
        "technology",
        data_source_name="name",
        data_source_description="description",
        is_enabled=~pl.col("deleted"),
        connection="connection_string",
        data_source_type=pl.col("type").fill_null("TABLE"),
        data_source_created_at=drop_zone("created_at"),
        data_source_health=pl.col("health").fill_null("unknown"),
    )
    return finish_table(rows, prpr2.DatasourceMetadata, tenant, by=["data_source_id"])


def build_column_metadata(tenant: TenantInfo, columns: pl.LazyFrame) -> pl.LazyFrame:
    """Build one row per column, those of unknown data sources included; columns of ``prpr2.ColumnMetadata``."""
    rows = columns.select(
        "column_id",
        "data_source_id",
        column_name="name",
        column_description="description",
        column_data_type=pl.coalesce("remote_type", "data_type"),
    )
    return finish_table(rows, prpr2.ColumnMetadata, tenant, by=["data_source_id", "column_name"])


def build_tag_metadata(
    tenant: TenantInfo, data_sources: pl.LazyFrame, columns: pl.LazyFrame, tags: pl.LazyFrame
) -> pl.LazyFrame:
    """Build one row per tag on a data source or a column; columns of ``prpr2.TagMetadata``.

    ``as_of`` falls back to the creation of the data source; a column has none, so there it is the moment of the dump.
    """
    on_data_sources = data_sources.select(
        "tags",
        "created_at",
        target_id=pl.col("data_source_id").cast(pl.String),
        target_type=pl.lit("DATA_SOURCE"),
    )
    on_columns = columns.select(
        "tags",
        created_at=pl.lit(tenant.dumped_at, pl.Datetime("us", "UTC")),
        target_id="column_id",
        target_type=pl.lit("COLUMN"),
    )
    applied = pl.concat([_unfold_tags(on_data_sources), _unfold_tags(on_columns)])
    known = tags.select(tag_name="name", known_description="description")
    rows = applied.join(known, on="tag_name", how="left").with_columns(
        tag_description=pl.coalesce("tag_description", "known_description"),
    )
    return finish_table(rows, prpr2.TagMetadata, tenant, by=_TAG_ORDER)


def _unfold_tags(targets: pl.LazyFrame) -> pl.LazyFrame:
    """Unfold ``tags`` of each target, defaults filled in; ``created_at`` stands in for a missing moment."""
    tag = pl.col("tags").struct
    return (
        targets.explode("tags")
        .drop_nulls("tags")
        .select(
            "target_id",
            "target_type",
            tag_name=tag.field("name"),
            tag_description=tag.field("description"),
            source=tag.field("source").fill_null("curated"),
            context=tag.field("context").fill_null("manual"),
            as_of=pl.coalesce(tag.field("added_on"), "created_at").dt.replace_time_zone(None),
        )
    )
