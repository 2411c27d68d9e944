"""References between the collections of a tenant to rows that do not exist: counted and sampled, never fatal.

Add an entry to ``_REFERENCES`` for every key of a collection that names a row of another one. What makes a dump
unreadable belongs to ``dump``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

_SAMPLED = 10


@dataclass(frozen=True)
class DanglingReferences:
    """References of one kind to rows that do not exist.

    ``reference`` is the column of ``collection``, with the field where it holds structs; ``count`` is the number of
    references, ``sample`` holds the first ten different ids that no row has.
    """

    collection: str
    reference: str
    count: int
    sample: list[str]


class _Target(NamedTuple):
    collection: str
    key: str


class _Reference(NamedTuple):
    collection: str
    name: str
    ids: pl.Expr
    target: _Target


def find_dangling(tenant: Mapping[str, pl.LazyFrame]) -> list[DanglingReferences]:
    """Return the kinds of references that dangle; ``tenant`` holds all collections."""
    results = pl.collect_all([_count_and_sample(tenant, reference) for reference in _REFERENCES])
    return [
        DanglingReferences(reference.collection, reference.name, *result.row(0))
        for reference, result in zip(_REFERENCES, results, strict=True)
        if result.item(0, "count")
    ]


def _count_and_sample(tenant: Mapping[str, pl.LazyFrame], reference: _Reference) -> pl.LazyFrame:
    named = tenant[reference.collection].select(id=reference.ids).drop_nulls()
    known = tenant[reference.target.collection].select(id=reference.target.key)
    first = pl.col("id").unique(maintain_order=True).head(_SAMPLED).cast(pl.String)
    return named.join(known, on="id", how="anti", maintain_order="left").select(count=pl.len(), sample=first.implode())


def _explode_items(column: str, field: str | None = None) -> pl.Expr:
    items = pl.col(column).explode(empty_as_null=False, keep_nulls=False)
    return items.struct.field(field) if field else items


def _select_requested(target_type: str) -> pl.Expr:
    return pl.col("target_id").filter(pl.col("target_type") == target_type)


_USER = _Target("users", "profile_id")
_GLOBAL_USER = _Target("users", "global_user_id")
_GROUP = _Target("groups", "group_id")
_DATA_SOURCE = _Target("data_sources", "data_source_id")
_COLUMN = _Target("columns", "column_id")
_POLICY = _Target("policies", "policy_id")
_DOMAIN = _Target("domains", "domain_id")
_PURPOSE = _Target("purposes", "purpose_id")
_REQUEST = _Target("access_requests", "request_id")
_DATA_PRODUCT = _Target("data_products", "data_product_id")
_REFERENCES = [
    _Reference("group_members", "group_id", pl.col("group_id"), _GROUP),
    _Reference("group_members", "profile_id", pl.col("profile_id"), _USER),
    _Reference("data_sources", "policy_ids", _explode_items("policy_ids"), _POLICY),
    _Reference("data_sources", "domain_id", pl.col("domain_id"), _DOMAIN),
    _Reference("data_sources", "created_by", pl.col("created_by"), _USER),
    _Reference("columns", "data_source_id", pl.col("data_source_id"), _DATA_SOURCE),
    _Reference("data_source_members", "data_source_id", pl.col("data_source_id"), _DATA_SOURCE),
    _Reference("data_source_members", "profile_id", pl.col("profile_id"), _USER),
    _Reference("data_source_members", "group_id", pl.col("group_id"), _GROUP),
    _Reference("policies", "created_by", pl.col("created_by"), _USER),
    _Reference("domains", "created_by", pl.col("created_by"), _USER),
    _Reference("domains", "data_source_ids", _explode_items("data_source_ids"), _DATA_SOURCE),
    _Reference("domains", "permissions.profile_id", _explode_items("permissions", "profile_id"), _USER),
    _Reference("domains", "permissions.group_id", _explode_items("permissions", "group_id"), _GROUP),
    _Reference("projects", "created_by", pl.col("created_by"), _USER),
    _Reference("projects", "purpose_ids", _explode_items("purpose_ids"), _PURPOSE),
    _Reference("projects", "members.profile_id", _explode_items("members", "profile_id"), _USER),
    _Reference("projects", "members.group_id", _explode_items("members", "group_id"), _GROUP),
    _Reference(
        "projects", "data_sources.data_source_id", _explode_items("data_sources", "data_source_id"), _DATA_SOURCE
    ),
    _Reference("projects", "data_sources.added_by", _explode_items("data_sources", "added_by"), _USER),
    _Reference("purposes", "added_by", pl.col("added_by"), _USER),
    _Reference("access_requests", "requestor_global_user_id", pl.col("requestor_global_user_id"), _GLOBAL_USER),
    _Reference("access_requests", "global_user_id", pl.col("global_user_id"), _GLOBAL_USER),
    _Reference("access_requests", "target_id (DATA_PRODUCT)", _select_requested("DATA_PRODUCT"), _DATA_PRODUCT),
    _Reference(
        "access_requests", "target_id (DATA_SOURCE)", _select_requested("DATA_SOURCE").cast(pl.Int64), _DATA_SOURCE
    ),
    _Reference("access_requests", "target_id (COLUMN)", _select_requested("COLUMN"), _COLUMN),
    _Reference("approval_records", "request_id", pl.col("request_id"), _REQUEST),
    _Reference("approval_records", "reviewer_global_user_id", pl.col("reviewer_global_user_id"), _GLOBAL_USER),
    _Reference("access_agreements", "request_id", pl.col("request_id"), _REQUEST),
    _Reference("data_products", "domain_id", pl.col("domain_id"), _DOMAIN),
    _Reference("data_products", "creator_global_user_id", pl.col("creator_global_user_id"), _GLOBAL_USER),
    _Reference("data_products", "sme_global_user_ids", _explode_items("sme_global_user_ids"), _GLOBAL_USER),
    _Reference("data_products", "data_source_ids", _explode_items("data_source_ids").cast(pl.Int64), _DATA_SOURCE),
]
