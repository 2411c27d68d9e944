"""domain-metadata: data sources crossed with privileged users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from immuta_assets.access_summary.domains import build_domain_metadata
from immuta_assets.tenant.info import TenantInfo

Collection = Callable[..., pl.LazyFrame]
PAIR = ("data_source_id", "privileged_user", "permissions")
USERS = [{"profile_id": i, "global_user_id": f"uuid-{i}"} for i in (1, 2)]


def permission(name: str, *, profile_id: int | None = None, group_id: int | None = None) -> dict[str, Any]:
    return {"profile_id": profile_id, "group_id": group_id, "permission": name}


@pytest.fixture
def domain(tenant: TenantInfo, collection: Collection, rows: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Columns of domain-metadata, for one domain of the values given."""

    def table(values: dict[str, Any], *columns: str, data_sources: list[dict[str, Any]] | None = None) -> list[Any]:
        frame = build_domain_metadata(
            tenant,
            collection("domains", {"domain_id": "sales"} | values),
            collection("data_sources", *(data_sources or [])),
            collection("users", *USERS),
            collection("groups", {"group_id": 9}),
            collection(
                "group_members",
                *({"group_id": 9, "profile_id": profile_id} for profile_id in (1, 2, 404)),
                {"group_id": 404, "profile_id": 1},
            ),
        )
        return rows("domain-metadata", frame, *(columns or PAIR))

    return table


def test_every_data_source_meets_every_privileged_user(domain: Callable[..., list[Any]]) -> None:
    permissions = [permission("Manage Policies", profile_id=2), permission("Audit", profile_id=1)]
    assert domain({"data_source_ids": [20, 10], "permissions": permissions}) == [
        (10, "uuid-1", ["Audit"]),
        (10, "uuid-2", ["Manage Policies"]),
        (20, "uuid-1", ["Audit"]),
        (20, "uuid-2", ["Manage Policies"]),
    ]


def test_a_data_source_may_be_listed_by_the_domain_or_name_it_or_both(domain: Callable[..., list[Any]]) -> None:
    naming_it = [{"data_source_id": i, "domain_id": "sales"} for i in (2, 3)]
    other = {"data_source_id": 4, "domain_id": "hr"}
    found = domain({"data_source_ids": [1, 2, 2]}, "data_source_id", data_sources=[*naming_it, other])
    assert found == [1, 2, 3]


def test_a_group_permission_stands_for_its_members_and_permissions_merge_per_user(
    domain: Callable[..., list[Any]],
) -> None:
    permissions = [
        permission("Manage Policies", profile_id=1),
        permission("Audit", group_id=9),
        permission("Audit", profile_id=1),
    ]
    assert domain({"data_source_ids": [1], "permissions": permissions}) == [
        (1, "uuid-1", ["Audit", "Manage Policies"]),
        (1, "uuid-2", ["Audit"]),
    ]


def test_unknown_users_and_groups_hold_no_permissions(domain: Callable[..., list[Any]]) -> None:
    permissions = [permission("Audit", profile_id=404), permission("Audit", group_id=404)]
    assert domain({"data_source_ids": [1], "permissions": permissions}) == [(1, None, [])]


def test_an_empty_domain_is_not_lost(domain: Callable[..., list[Any]]) -> None:
    assert domain({}) == [(None, None, [])]


def test_a_domain_without_data_sources_still_shows_who_is_privileged(domain: Callable[..., list[Any]]) -> None:
    assert domain({"permissions": [permission("Audit", profile_id=2)]}) == [(None, "uuid-2", ["Audit"])]


@pytest.mark.parametrize(("created_by", "creator"), [(2, "uuid-2"), (404, "404"), (None, "SYSTEM")])
def test_the_creator_falls_back_step_by_step(
    domain: Callable[..., list[Any]], created_by: int | None, creator: str
) -> None:
    columns = ("id", "name", "description", "creator_global_user_id")
    assert domain({"name": "Sales", "created_by": created_by}, *columns) == [("sales", "Sales", None, creator)]
