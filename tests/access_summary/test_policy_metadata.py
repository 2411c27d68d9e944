"""policy-metadata, value by value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from immuta_assets.access_summary.policies import build_policy_metadata
from immuta_assets.tenant.info import TenantInfo

Collection = Callable[..., pl.LazyFrame]
Rows = Callable[..., list[Any]]


def policy(policy_id: int = 1, *, rule: dict[str, Any] | None = None, **row: Any) -> dict[str, Any]:
    action = {"type": "subscription", "subscriptionType": "automatic"} | (rule or {})
    return {"policy_id": policy_id, "type": "subscription", "actions": json.dumps([action]), **row}


def test_a_policy_is_laid_out_as_it_was_understood(tenant: TenantInfo, collection: Collection, rows: Rows) -> None:
    rule = {"subscriptionType": "advanced", "advanced": "@isInGroups('Sales')", "accessGrant": "WRITE"}
    policies = collection("policies", policy(7, rule=rule, name="Sales may write", created_by_name="Ada"))
    table = build_policy_metadata(tenant, policies, collection("users"))
    expected = [
        ("who", "Sales"),
        ("object", "*"),
        ("access_type", "GRANT"),
        ("policy", "@isInGroups('Sales')"),
        ("scope", "WRITE"),
        ("policy_id", 7),
        ("policy_name", "Sales may write"),
        ("creation_date", datetime(2026, 3, 1, 5, 30)),
        ("owner", "Ada"),
        ("owner_global_user_id", "SYSTEM"),
        ("link", "https://acme.example/policies/global/7"),
        ("source", "GLOBAL"),
        ("export_date", datetime(2026, 3, 1, 5, 30)),
    ]
    columns, values = zip(*expected, strict=True)
    assert rows("policy-metadata", table, *columns) == [values]


def test_invalid_policies_are_listed_and_staged_ones_are_not(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    invalid = {"subscriptionType": "advanced", "advanced": "@isInGroups("}
    policies = collection("policies", policy(2, rule=invalid), policy(1), policy(3, staged=True))
    table = build_policy_metadata(tenant, policies, collection("users"))
    assert rows("policy-metadata", table, "policy_id", "who", "policy") == [
        (1, "*", "TRUE"),
        (2, "nobody (invalid)", "@isInGroups("),
    ]


def test_a_policy_of_the_product_itself_has_the_source_system(
    tenant: TenantInfo, collection: Collection, rows: Rows
) -> None:
    policies = collection("policies", policy(system_generated=True))
    assert rows("policy-metadata", build_policy_metadata(tenant, policies, collection("users")), "source") == ["SYSTEM"]


@pytest.mark.parametrize(
    ("creator", "owner", "owner_id"),
    [
        ({"created_by": 5, "created_by_name": "Given"}, "Given", "uuid-5"),
        ({"created_by": 5}, "Profile", "uuid-5"),
        ({"created_by": 6}, "SYSTEM", "6"),
        ({"created_by": 6, "created_by_name": "Gone"}, "Gone", "6"),
        ({}, "SYSTEM", "SYSTEM"),
    ],
)
def test_the_owner_falls_back_step_by_step(
    tenant: TenantInfo, collection: Collection, rows: Rows, creator: dict[str, Any], owner: str, owner_id: str
) -> None:
    users = collection("users", {"profile_id": 5, "global_user_id": "uuid-5", "name": "Profile"})
    table = build_policy_metadata(tenant, collection("policies", policy(**creator)), users)
    assert rows("policy-metadata", table, "owner", "owner_global_user_id") == [(owner, owner_id)]


def test_a_tenant_without_policies_has_an_empty_table(tenant: TenantInfo, collection: Collection, rows: Rows) -> None:
    table = build_policy_metadata(tenant, collection("policies"), collection("users"))
    assert rows("policy-metadata", table, "policy_id") == []
