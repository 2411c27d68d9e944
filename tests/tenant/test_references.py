"""References that lead nowhere are counted and sampled, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest

from immuta_assets.tenant import dump
from immuta_assets.tenant.references import DanglingReferences, find_dangling

TIME = "2026-03-01T12:30:00Z"
TENANT = {"tenantId": "acme", "url": "https://acme.example", "dumpedAt": TIME}
# Everything that can be referred to, and nothing that dangles.
INTACT: dict[str, dict[str, object]] = {
    "users": {"iamid": "okta", "userid": "jane", "globalUserId": "g-1", "profile": {"id": 1}},
    "groups": {"id": 7, "iamid": "okta", "name": "Staff"},
    "group_members": {"group": 7, "profile": {"id": 1}},
    "data_sources": {
        "id": 10,
        "name": "Orders",
        "blobHandlerType": "Snowflake",
        "createdAt": TIME,
        "globalPolicies": [{"id": 3}],
        "domainId": "d-1",
        "createdBy": 1,
    },
    "columns": {"dataSource": 10, "metadata": [{"name": "ssn", "dataType": "text", "id": "c-1"}]},
    "data_source_members": {"dataSource": 10, "group": 7, "state": "owner"},
    "policies": {"id": 3, "name": "p", "type": "subscription", "actions": [], "createdAt": TIME, "createdBy": 1},
    "domains": {
        "id": "d-1",
        "name": "Sales",
        "createdBy": 1,
        "dataSources": [{"dataSourceId": 10}],
        "permissions": [{"profileId": 1, "permission": "x"}, {"groupId": 7, "permission": "x"}],
    },
    "projects": {
        "id": 4,
        "name": "Churn",
        "createdBy": 1,
        "purposes": [{"id": 6}],
        "members": [{"profile": 1}, {"group": 7}],
        "dataSources": [{"dataSourceId": 10, "addedBy": 1}],
    },
    "purposes": {"id": 6, "name": "Research", "addedByProfile": 1},
    "access_requests": {
        "id": "r-1",
        "requestingUser": {"globalUserId": "g-1"},
        "user": {"globalUserId": "g-1"},
        "status": "PENDING",
        "createdAt": TIME,
        "column": {"id": "c-1"},
    },
    "approval_records": {
        "id": "a-1",
        "dataAccessRequestId": "r-1",
        "status": "PENDING",
        "actionBy": {"globalUserId": "g-1"},
    },
    "access_agreements": {"id": "t-1", "dataAccessRequestId": "r-1", "name": "Terms"},
    "data_products": {
        "id": "p-1",
        "name": "Orders",
        "domain": {"id": "d-1"},
        "createdBy": {"globalUserId": "g-1"},
        "smes": [{"globalUserId": "g-1"}],
        "assets": [{"dataSourceId": 10}],
    },
}


def tenant(folder: Path, **more: Sequence[Mapping[str, object]]) -> dict[str, pl.LazyFrame]:
    """Read the intact dump with some more objects."""
    dump.write(folder, "tenant", [TENANT])
    for collection, intact in INTACT.items():
        dump.write(folder, collection, [intact, *more.get(collection, [])])
    return {name: frame.lazy() for name, frame in dump.read(folder).items()}


def test_nothing_dangles_in_an_intact_dump(tmp_path: Path) -> None:
    assert find_dangling(tenant(tmp_path)) == []


def test_absent_references_do_not_dangle(tmp_path: Path) -> None:
    bare = {key: value for key, value in INTACT["data_sources"].items() if key not in {"domainId", "createdBy"}}
    assert find_dangling(tenant(tmp_path, data_sources=[bare | {"id": 11, "globalPolicies": None}])) == []


@pytest.mark.parametrize(
    ("collection", "changes", "reference", "missing"),
    [
        ("group_members", {"group": 8}, "group_id", "8"),
        ("group_members", {"profile": {"id": 2}}, "profile_id", "2"),
        ("data_sources", {"globalPolicies": [{"id": 3}, {"id": 9}]}, "policy_ids", "9"),
        ("data_sources", {"domainId": "d-2"}, "domain_id", "d-2"),
        ("data_sources", {"createdBy": 2}, "created_by", "2"),
        ("columns", {"dataSource": 12}, "data_source_id", "12"),
        ("data_source_members", {"dataSource": 12}, "data_source_id", "12"),
        ("data_source_members", {"group": None, "profile": 2}, "profile_id", "2"),
        ("data_source_members", {"group": 8}, "group_id", "8"),
        ("policies", {"createdBy": 2}, "created_by", "2"),
        ("domains", {"createdBy": 2}, "created_by", "2"),
        ("domains", {"dataSources": [{"dataSourceId": 12}]}, "data_source_ids", "12"),
        ("domains", {"permissions": [{"profileId": 2, "permission": "x"}]}, "permissions.profile_id", "2"),
        ("domains", {"permissions": [{"groupId": 8, "permission": "x"}]}, "permissions.group_id", "8"),
        ("projects", {"createdBy": 2}, "created_by", "2"),
        ("projects", {"purposes": [{"id": 5}]}, "purpose_ids", "5"),
        ("projects", {"members": [{"profile": 2}]}, "members.profile_id", "2"),
        ("projects", {"members": [{"group": 8}]}, "members.group_id", "8"),
        ("projects", {"dataSources": [{"dataSourceId": 12}]}, "data_sources.data_source_id", "12"),
        ("projects", {"dataSources": [{"dataSourceId": 10, "addedBy": 2}]}, "data_sources.added_by", "2"),
        ("purposes", {"addedByProfile": 2}, "added_by", "2"),
        ("access_requests", {"requestingUser": {"globalUserId": "g-2"}}, "requestor_global_user_id", "g-2"),
        ("access_requests", {"user": {"globalUserId": "g-2"}}, "global_user_id", "g-2"),
        ("access_requests", {"column": None, "dataProduct": {"id": "10"}}, "target_id (DATA_PRODUCT)", "10"),
        ("access_requests", {"column": None, "dataSource": {"id": 12}}, "target_id (DATA_SOURCE)", "12"),
        ("access_requests", {"column": {"id": "10"}}, "target_id (COLUMN)", "10"),
        ("approval_records", {"dataAccessRequestId": "r-2"}, "request_id", "r-2"),
        ("approval_records", {"actionBy": {"globalUserId": "g-2"}}, "reviewer_global_user_id", "g-2"),
        ("access_agreements", {"dataAccessRequestId": "r-2"}, "request_id", "r-2"),
        ("data_products", {"domain": {"id": "d-2"}}, "domain_id", "d-2"),
        ("data_products", {"createdBy": {"globalUserId": "g-2"}}, "creator_global_user_id", "g-2"),
        ("data_products", {"smes": [{"globalUserId": "g-2"}]}, "sme_global_user_ids", "g-2"),
        ("data_products", {"assets": [{"dataSourceId": 12}]}, "data_source_ids", "12"),
    ],
)
def test_each_kind_of_reference_is_followed(
    tmp_path: Path, collection: str, changes: dict[str, object], reference: str, missing: str
) -> None:
    intact = INTACT[collection]
    second = intact | ({"id": 99} if "id" in intact else {}) | changes
    found = find_dangling(tenant(tmp_path, **{collection: [second]}))
    assert found == [DanglingReferences(collection, reference, 1, [missing])]


def test_every_reference_counts_and_the_first_ten_missing_ids_are_sampled(tmp_path: Path) -> None:
    entries = [{"dataSource": 100 - number % 12, "profile": 1, "state": "owner"} for number in range(24)]
    different = [entry | {"policy": position < 12} for position, entry in enumerate(entries)]
    assert find_dangling(tenant(tmp_path, data_source_members=different)) == [
        DanglingReferences("data_source_members", "data_source_id", 24, [str(number) for number in range(100, 90, -1)])
    ]
