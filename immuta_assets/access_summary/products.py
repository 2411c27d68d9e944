"""The tables ``data-products`` and ``data-product-assets`` of the Request app."""

from __future__ import annotations

import polars as pl

from immuta_assets.access_summary.tables import SYSTEM, finish_table
from immuta_assets.layouts import prpr2
from immuta_assets.tenant.info import TenantInfo


def build_data_products(tenant: TenantInfo, data_products: pl.LazyFrame) -> pl.LazyFrame:
    """Build one row per data product, suspended ones included; columns of ``prpr2.DataProducts``."""
    rows = data_products.select(
        "data_product_id",
        data_product_name="name",
        data_product_domain=pl.col("domain_id").fill_null(""),
        data_product_description="description",
        data_product_creator=pl.col("creator_global_user_id").fill_null(SYSTEM),
        data_product_smes=pl.col("sme_global_user_ids").fill_null([]),
        data_product_suspended="suspended",
    )
    return finish_table(rows, prpr2.DataProductMetadata, tenant, by=["data_product_id"])


def build_data_product_assets(tenant: TenantInfo, data_products: pl.LazyFrame) -> pl.LazyFrame:
    """Build one row per data source of a data product, each once; columns of ``prpr2.DataProductAssets``."""
    assets = data_products.select("data_product_id", data_source_id="data_source_ids").explode("data_source_id")
    return finish_table(
        assets.drop_nulls().unique(), prpr2.DataProductAssets, tenant, by=["data_product_id", "data_source_id"]
    )
