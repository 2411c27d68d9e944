"""A version after the newest, for tests: all there is to write is this module and a line in the registry."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from immuta_assets.frames.contract import MeaningChange
from immuta_assets.layouts import prpr2
from immuta_assets.layouts.versions import Layout
from immuta_assets.tenant.info import TenantInfo


class RequestDuas(dy.Schema):
    """A data use agreement signed with an access request."""

    request_id = prpr2.RequestDuas.request_id
    dua_id = prpr2.RequestDuas.dua_id
    title = dy.String(nullable=True, description="Title of the data use agreement.")
    export_date = prpr2.RequestDuas.export_date


class GroupMetadata(dy.Schema):
    """A group of an identity manager: a table of which the version before knows nothing."""

    group_id = dy.Int64(primary_key=True, description="Id of the group.")
    name = dy.String(description="Name of the group.")
    export_date = prpr2.RequestDuas.export_date


class DataProductAssets(dy.Schema):
    """A data source within a data product."""

    data_product_id = prpr2.DataProductAssets.data_product_id
    data_source_id = dy.Int64(primary_key=True, description="Id of a data source in the data product.")
    export_date = prpr2.DataProductAssets.export_date


def _request_duas(request_duas: pl.LazyFrame) -> pl.LazyFrame:
    return request_duas.rename({"name": "title"})


def _group_metadata(groups: pl.LazyFrame, tenant: pl.LazyFrame) -> pl.LazyFrame:
    named = groups.select(
        "group_id", "name", export_date=pl.lit(TenantInfo.read(tenant).export_date, pl.Datetime("us"))
    )
    return named.sort("group_id")


def _data_product_assets(data_product_assets: pl.LazyFrame) -> pl.LazyFrame:
    return data_product_assets.with_columns(pl.col("data_source_id").cast(pl.Int64))


TABLES: dict[str, type[dy.Schema]] = {
    "request-duas": RequestDuas,
    "data-product-assets": DataProductAssets,
    "group-metadata": GroupMetadata,
}

LAYOUT = Layout(
    "prpr3",
    TABLES,
    {"request-duas": _request_duas, "data-product-assets": _data_product_assets, "group-metadata": _group_metadata},
    (
        *prpr2.MEANING_CHANGES,
        MeaningChange(
            "request-duas",
            "name",
            before="The name of the agreement.",
            now="title stands in its place.",
            remedy="Read title, and expect nulls.",
        ),
    ),
    {("request-duas", "title"): "name"},
)
