"""user-metadata, fact by fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from immuta_assets.access_summary.people import build_user_metadata
from immuta_assets.tenant.info import TenantInfo

Collection = Callable[..., pl.LazyFrame]
FACT = ("group_name", "attribute_key", "attribute_value", "source", "association")
NO_FACT = (None, None, None, "USER", "Direct")


def attributes(**values: list[str]) -> list[dict[str, Any]]:
    return [{"name": name, "values": found} for name, found in values.items()]


@pytest.fixture
def facts(tenant: TenantInfo, collection: Collection, rows: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Columns of user-metadata, from the rows of the collections given."""

    def table(*columns: str, **given: list[dict[str, Any]]) -> list[Any]:
        names = ("users", "iams", "groups", "group_members")
        collections = {name: collection(name, *given.get(name, [])) for name in names}
        return rows("user-metadata", build_user_metadata(tenant, **collections), *(columns or FACT))

    return table


def test_a_user_without_any_fact_has_one_row_of_nulls(facts: Callable[..., list[Any]]) -> None:
    assert facts(users=[{}]) == [NO_FACT]


def test_each_kind_of_fact_is_a_row_and_names_its_way(facts: Callable[..., list[Any]]) -> None:
    found = facts(
        users=[{"profile_id": 1, "attributes": attributes(Region=["EU", "US"])}],
        groups=[{"group_id": 9, "name": "Sales", "attributes": attributes(Region=["EU"], Level=["2"])}],
        group_members=[{"group_id": 9, "profile_id": 1}],
    )
    assert found == [
        (None, "Region", "EU", "USER", "Direct"),
        (None, "Region", "US", "USER", "Direct"),
        ("Sales", None, None, "GROUP", "Direct"),
        ("Sales", "Level", "2", "GROUP", "Inherited"),
        ("Sales", "Region", "EU", "GROUP", "Inherited"),
    ]


def test_repeated_facts_count_once(facts: Callable[..., list[Any]]) -> None:
    found = facts(
        users=[{"profile_id": 1, "attributes": attributes(Region=["EU", "EU"])}],
        groups=[{"group_id": 8, "iam_id": "a", "name": "Sales"}, {"group_id": 9, "iam_id": "b", "name": "Sales"}],
        group_members=[{"group_id": 8, "profile_id": 1}, {"group_id": 9, "profile_id": 1}],
    )
    assert found == [(None, "Region", "EU", "USER", "Direct"), ("Sales", None, None, "GROUP", "Direct")]


def test_an_attribute_without_values_is_no_fact(facts: Callable[..., list[Any]]) -> None:
    assert facts(users=[{"attributes": attributes(Region=[])}]) == [NO_FACT]


def test_memberships_of_unknown_groups_and_users_are_left_out(facts: Callable[..., list[Any]]) -> None:
    members = [{"group_id": 404, "profile_id": 1}, {"group_id": 9, "profile_id": 404}]
    assert facts(users=[{}], groups=[{"group_id": 9}], group_members=members) == [NO_FACT]


def test_the_identity_source_is_the_name_people_know(facts: Callable[..., list[Any]]) -> None:
    found = facts(
        "user_id",
        "identity_source",
        users=[
            {"profile_id": i, "global_user_id": f"uuid-{i}", "iam_id": iam, "user_id": f"user-{i}"}
            for i, iam in enumerate(["okta", "ldap", "unknown"])
        ],
        iams=[{"iam_id": "okta", "display_name": "Okta EU"}, {"iam_id": "ldap"}],
    )
    assert found == [("user-0", "Okta EU"), ("user-1", "ldap"), ("user-2", "unknown")]


def test_disabled_and_system_users_are_listed_with_their_permissions(facts: Callable[..., list[Any]]) -> None:
    found = facts(
        "global_user_id",
        "email",
        "global_permissions",
        users=[
            {"profile_id": 2, "global_user_id": "uuid-2", "disabled": True, "email": "b@acme.example"},
            {
                "profile_id": 1,
                "global_user_id": "uuid-1",
                "system_generated": True,
                "permissions": ["GOVERNANCE", "AUDIT"],
            },
        ],
    )
    assert found == [("uuid-1", None, ["GOVERNANCE", "AUDIT"]), ("uuid-2", "b@acme.example", [])]
