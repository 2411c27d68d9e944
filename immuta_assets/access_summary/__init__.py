"""The tables of the access summary: collections of a tenant in, frames that follow layout prpr2 out.

One module per family of tables. Every function is pure: the first parameter is the tenant's ``TenantInfo``, the others
are named after the collections it reads, so the dependencies of a table are its signature. ``policy-outcomes`` is not
here: it is computed by ``immuta_assets.outcomes.evaluation``. What the columns are is settled in ``layouts``.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from immuta_assets.access_summary import catalog, domains, people, policies, products, requests

TABLES: dict[str, Callable[..., pl.LazyFrame]] = {
    "policy-metadata": policies.build_policy_metadata,
    "datasource-metadata": catalog.build_datasource_metadata,
    "column-metadata": catalog.build_column_metadata,
    "user-metadata": people.build_user_metadata,
    "tag-metadata": catalog.build_tag_metadata,
    "domain-metadata": domains.build_domain_metadata,
    "access-requests": requests.build_access_requests,
    "request-determinations": requests.build_request_determinations,
    "request-duas": requests.build_request_duas,
    "data-products": products.build_data_products,
    "data-product-assets": products.build_data_product_assets,
}
"""How each table is computed, by export name."""
