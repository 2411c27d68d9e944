"""data-products and data-product-assets, value by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from immuta_assets.access_summary.products import build_data_product_assets, build_data_products
from immuta_assets.tenant.info import TenantInfo

Collection = Callable[..., pl.LazyFrame]
Rows = Callable[..., list[Any]]


def test_a_data_product_shows_what_is_known_and_defaults_else(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    full = {
        "data_product_id": "b",
        "name": "Orders",
        "domain_id": "sales",
        "description": "All orders",
        "creator_global_user_id": "uuid-1",
        "sme_global_user_ids": ["uuid-3", "uuid-2"],
        "suspended": True,
    }
    products = collection("data_products", full, {"data_product_id": "a", "name": "Bare"})
    columns = (
        "data_product_id",
        "data_product_name",
        "data_product_domain",
        "data_product_description",
        "data_product_creator",
        "data_product_smes",
        "data_product_suspended",
    )
    assert rows("data-products", build_data_products(tenant, products), *columns) == [
        ("a", "Bare", "", None, "SYSTEM", [], False),
        ("b", "Orders", "sales", "All orders", "uuid-1", ["uuid-3", "uuid-2"], True),
    ]


def test_each_data_source_of_a_product_is_a_row_with_its_id_as_text(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    products = collection(
        "data_products",
        {"data_product_id": "b", "data_source_ids": ["10", "9", "10"]},
        {"data_product_id": "a", "data_source_ids": ["404"]},
        {"data_product_id": "empty"},
    )
    table = build_data_product_assets(tenant, products)
    assert rows("data-product-assets", table, "data_product_id", "data_source_id") == [
        ("a", "404"),
        ("b", "10"),
        ("b", "9"),
    ]
