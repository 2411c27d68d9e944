"""Reading and writing intact tenant dumps: which key becomes which column, and which forms a dump may have."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.tenant import dump
from immuta_assets.tenant.collections import COLLECTIONS
from immuta_assets.tenant.dump.lines import SUFFIXES, Suffix

TIME = "2026-03-01T12:30:00.123456+02:00"
MOMENT = datetime(2026, 3, 1, 10, 30, 0, 123456, tzinfo=UTC)
TENANT = {"tenantId": "acme", "url": "https://acme.example/", "dumpedAt": TIME}
APPLIED_TAG = {"name": "PII.SSN", "source": "curated", "context": "manual", "description": "Number", "addedOn": TIME}
TAG = {"name": "PII.SSN", "source": "curated", "context": "manual", "description": "Number", "added_on": MOMENT}
BARE_TAG = {"name": "PII", "source": None, "context": None, "description": None, "added_on": None}

FULL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tenant": (TENANT, {"tenant_id": "acme", "url": "https://acme.example", "dumped_at": MOMENT}),
    "iams": (
        {"id": "okta", "displayname": "Okta", "type": "saml"},
        {"iam_id": "okta", "display_name": "Okta", "type": "saml"},
    ),
    "users": (
        {
            "iamid": "okta",
            "userid": "jane",
            "globalUserId": "g-1",
            "profile": {
                "id": 1,
                "name": "Jane",
                "email": "jane@acme.example",
                "externalUserIds": {"snowflakeUser": "JANE", "databricksUser": "jane@dbx", "trinoUser": "jane.t"},
            },
            "permissions": ["GOVERNANCE", "AUDIT"],
            "authorizations": {"Department": ["HR", "Sales"], "Level": []},
            "disabled": True,
            "systemGenerated": True,
            "lastLogin": TIME,
            "createdAt": TIME,
            "updatedAt": TIME,
        },
        {
            "profile_id": 1,
            "global_user_id": "g-1",
            "iam_id": "okta",
            "user_id": "jane",
            "name": "Jane",
            "email": "jane@acme.example",
            "snowflake_user": "JANE",
            "databricks_user": "jane@dbx",
            "trino_user": "jane.t",
            "permissions": ["GOVERNANCE", "AUDIT"],
            "attributes": [{"name": "Department", "values": ["HR", "Sales"]}, {"name": "Level", "values": []}],
            "disabled": True,
            "system_generated": True,
            "last_login": MOMENT,
            "created_at": MOMENT,
            "updated_at": MOMENT,
        },
    ),
    "groups": (
        {
            "id": 7,
            "iamid": "okta",
            "name": "Staff",
            "gid": "s",
            "email": "s@acme.example",
            "description": "All",
            "authorizations": {"Office": ["Oslo"]},
        },
        {
            "group_id": 7,
            "iam_id": "okta",
            "name": "Staff",
            "gid": "s",
            "email": "s@acme.example",
            "description": "All",
            "attributes": [{"name": "Office", "values": ["Oslo"]}],
        },
    ),
    "group_members": ({"group": 7, "profile": {"id": 1}}, {"group_id": 7, "profile_id": 1}),
    "data_sources": (
        {
            "id": 10,
            "name": "Orders",
            "description": "All orders",
            "deleted": True,
            "blobHandlerType": "Snowflake",
            "createdAt": TIME,
            "status": "passed",
            "connectionString": "acme.snowflakecomputing.com:443/SALES",
            "hostname": "acme.snowflakecomputing.com",
            "database": "SALES",
            "remoteSchema": "PUBLIC",
            "remoteTable": "ORDERS",
            "dataSourceType": "VIEW",
            "tags": [APPLIED_TAG],
            "globalPolicies": [{"id": 3}, {"id": 2}],
            "domainId": "d-1",
            "createdBy": 1,
        },
        {
            "data_source_id": 10,
            "name": "Orders",
            "description": "All orders",
            "deleted": True,
            "technology": "Snowflake",
            "created_at": MOMENT,
            "health": "passed",
            "connection_string": "acme.snowflakecomputing.com:443/SALES",
            "hostname": "acme.snowflakecomputing.com",
            "database": "SALES",
            "schema": "PUBLIC",
            "table": "ORDERS",
            "type": "VIEW",
            "tags": [TAG],
            "policy_ids": [3, 2],
            "domain_id": "d-1",
            "created_by": 1,
        },
    ),
    "columns": (
        {
            "dataSource": 10,
            "metadata": [
                {
                    "name": "ssn",
                    "id": "c-1",
                    "description": "Number",
                    "dataType": "text",
                    "remoteType": "VARCHAR(11)",
                    "tags": [APPLIED_TAG],
                }
            ],
        },
        {
            "data_source_id": 10,
            "name": "ssn",
            "column_id": "c-1",
            "description": "Number",
            "data_type": "text",
            "remote_type": "VARCHAR(11)",
            "tags": [TAG],
        },
    ),
    "data_source_members": (
        {
            "dataSource": 10,
            "profile": 1,
            "state": "expert",
            "policy": True,
            "approved": False,
            "accessGrant": "WRITE",
            "expiration": TIME,
            "createdAt": TIME,
        },
        {
            "data_source_id": 10,
            "profile_id": 1,
            "group_id": None,
            "state": "expert",
            "by_policy": True,
            "approved": False,
            "scope": "WRITE",
            "expires_at": MOMENT,
            "created_at": MOMENT,
        },
    ),
    "policies": (
        {
            "id": 3,
            "name": "Staff only",
            "type": "subscription",
            "policyKey": "staff",
            "actions": [{"type": "subscription", "accessType": "GRANT", "exceptions": {"b": [1, None], "a": "Ü"}}],
            "circumstances": [{"type": "tags", "tag": {"name": "PII"}}],
            "staged": True,
            "deleted": True,
            "systemGenerated": True,
            "template": True,
            "ownerRestrictions": {"users": [{"iamid": "okta", "username": "jane"}], "groups": ["Staff"]},
            "createdBy": 1,
            "createdByName": "Jane",
            "createdAt": TIME,
        },
        {
            "policy_id": 3,
            "name": "Staff only",
            "type": "subscription",
            "policy_key": "staff",
            "actions": '[{"accessType":"GRANT","exceptions":{"a":"Ü","b":[1,null]},"type":"subscription"}]',
            "circumstances": '[{"tag":{"name":"PII"},"type":"tags"}]',
            "owner_restrictions": '{"groups":["Staff"],"users":[{"iamid":"okta","username":"jane"}]}',
            "staged": True,
            "deleted": True,
            "system_generated": True,
            "template": True,
            "created_by": 1,
            "created_by_name": "Jane",
            "created_at": MOMENT,
        },
    ),
    "tags": (
        {"name": "PII", "id": 5, "description": "Personal", "source": "curated", "deleted": True},
        {"name": "PII", "tag_id": "5", "description": "Personal", "source": "curated", "deleted": True},
    ),
    "domains": (
        {
            "id": "d-1",
            "name": "Sales",
            "description": "Selling",
            "createdBy": 1,
            "dataSources": [{"dataSourceId": 10}],
            "permissions": [
                {"profileId": 1, "permission": "Manage Policies"},
                {"groupId": 7, "permission": "Audit Activity"},
            ],
        },
        {
            "domain_id": "d-1",
            "name": "Sales",
            "description": "Selling",
            "created_by": 1,
            "data_source_ids": [10],
            "permissions": [
                {"profile_id": 1, "group_id": None, "permission": "Manage Policies"},
                {"profile_id": None, "group_id": 7, "permission": "Audit Activity"},
            ],
        },
    ),
    "projects": (
        {
            "id": 4,
            "name": "Churn",
            "projectKey": "churn",
            "status": "active",
            "description": "Who leaves",
            "deleted": True,
            "createdBy": 1,
            "createdAt": TIME,
            "subscriptionType": "manual",
            "purposes": [{"id": 6, "name": "Research"}],
            "members": [{"group": 7, "state": "owner", "createdAt": TIME, "subscriptionType": "manual"}],
            "dataSources": [{"dataSourceId": 10, "addedBy": 1, "addedOn": TIME, "comment": "Needed"}],
        },
        {
            "project_id": 4,
            "name": "Churn",
            "project_key": "churn",
            "status": "active",
            "description": "Who leaves",
            "deleted": True,
            "created_by": 1,
            "created_at": MOMENT,
            "subscription_type": "manual",
            "purpose_ids": [6],
            "members": [
                {
                    "profile_id": None,
                    "group_id": 7,
                    "state": "owner",
                    "subscription_type": "manual",
                    "created_at": MOMENT,
                }
            ],
            "data_sources": [{"data_source_id": 10, "added_by": 1, "added_on": MOMENT, "comment": "Needed"}],
        },
    ),
    "purposes": (
        {
            "id": 6,
            "name": "Research",
            "acknowledgement": "I will",
            "description": "To learn",
            "addedByProfile": 1,
            "deleted": True,
        },
        {
            "purpose_id": 6,
            "name": "Research",
            "acknowledgement": "I will",
            "description": "To learn",
            "added_by": 1,
            "deleted": True,
        },
    ),
    "access_requests": (
        {
            "id": "r-1",
            "requestingUser": {"globalUserId": "g-1"},
            "user": {"globalUserId": "g-2"},
            "status": "Approved",
            "form": {"id": "f-1", "responses": {"why": "Ünïcode", "and": {"z": 1, "a": None}}},
            "metadata": {"anything": 1},
            "expiration": TIME,
            "createdAt": TIME,
            "updatedAt": TIME,
            "dataProduct": {"id": "p-1"},
        },
        {
            "request_id": "r-1",
            "requestor_global_user_id": "g-1",
            "global_user_id": "g-2",
            "target_id": "p-1",
            "target_type": "DATA_PRODUCT",
            "status": "APPROVED",
            "form_id": "f-1",
            "responses": '{"and":{"a":null,"z":1},"why":"Ünïcode"}',
            "expires_at": MOMENT,
            "created_at": MOMENT,
            "updated_at": MOMENT,
        },
    ),
    "approval_records": (
        {
            "id": "a-1",
            "dataAccessRequestId": "r-1",
            "approvers": [{"type": "USER", "id": 1, "displayName": "Jane"}],
            "actionBy": {"globalUserId": "g-1"},
            "reviewerSource": "OWNER",
            "status": "denied",
            "reason": "No",
            "updatedAt": TIME,
        },
        {
            "approval_id": "a-1",
            "request_id": "r-1",
            "approvers": '[{"displayName":"Jane","id":1,"type":"USER"}]',
            "reviewer_global_user_id": "g-1",
            "reviewer_source": "OWNER",
            "status": "DENIED",
            "reason": "No",
            "updated_at": MOMENT,
        },
    ),
    "access_agreements": (
        {"id": 9, "dataAccessRequestId": "r-1", "name": "Terms"},
        {"agreement_id": "9", "request_id": "r-1", "name": "Terms"},
    ),
    "data_products": (
        {
            "id": "p-1",
            "name": "Orders",
            "domain": {"id": "d-1"},
            "description": "All orders",
            "createdBy": {"globalUserId": "g-1"},
            "smes": [{"globalUserId": "g-2"}],
            "suspended": True,
            "assets": [{"dataSourceId": 10}],
        },
        {
            "data_product_id": "p-1",
            "name": "Orders",
            "domain_id": "d-1",
            "description": "All orders",
            "creator_global_user_id": "g-1",
            "sme_global_user_ids": ["g-2"],
            "suspended": True,
            "data_source_ids": ["10"],
        },
    ),
}

# Only the required keys, and the columns that are not null then.
MINIMAL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "iams": ({"id": "okta"}, {"iam_id": "okta"}),
    "users": (
        {"iamid": "okta", "userid": "jane", "globalUserId": "g-1", "profile": {"id": 1}},
        {
            "profile_id": 1,
            "global_user_id": "g-1",
            "iam_id": "okta",
            "user_id": "jane",
            "permissions": [],
            "attributes": [],
            "disabled": False,
            "system_generated": False,
        },
    ),
    "groups": (
        {"id": 7, "iamid": "okta", "name": "Staff"},
        {"group_id": 7, "iam_id": "okta", "name": "Staff", "attributes": []},
    ),
    "data_sources": (
        {"id": 10, "name": "Orders", "blobHandlerType": "Snowflake", "createdAt": TIME},
        {
            "data_source_id": 10,
            "name": "Orders",
            "deleted": False,
            "technology": "Snowflake",
            "created_at": MOMENT,
            "tags": [],
            "policy_ids": [],
        },
    ),
    "data_source_members": (
        {"dataSource": 10, "profile": 1, "state": "owner"},
        {
            "data_source_id": 10,
            "profile_id": 1,
            "state": "owner",
            "by_policy": False,
            "approved": True,
            "scope": "READ",
        },
    ),
    "policies": (
        {"id": 3, "name": "Staff only", "type": "subscription", "actions": [], "createdAt": TIME},
        {
            "policy_id": 3,
            "name": "Staff only",
            "type": "subscription",
            "actions": "[]",
            "staged": False,
            "deleted": False,
            "system_generated": False,
            "created_at": MOMENT,
        },
    ),
    "tags": ({"name": "PII"}, {"name": "PII", "deleted": False}),
    "domains": (
        {"id": "d-1", "name": "Sales"},
        {"domain_id": "d-1", "name": "Sales", "data_source_ids": [], "permissions": []},
    ),
    "projects": (
        {"id": 4, "name": "Churn"},
        {
            "project_id": 4,
            "name": "Churn",
            "deleted": False,
            "purpose_ids": [],
            "members": [],
            "data_sources": [],
        },
    ),
    "purposes": ({"id": 6, "name": "Research"}, {"purpose_id": 6, "name": "Research", "deleted": False}),
    "access_requests": (
        {
            "id": "r-1",
            "requestingUser": {"globalUserId": "g-1"},
            "user": {"globalUserId": "g-2"},
            "status": "pending",
            "createdAt": TIME,
            "dataProduct": {"id": "p-1"},
        },
        {
            "request_id": "r-1",
            "requestor_global_user_id": "g-1",
            "global_user_id": "g-2",
            "target_id": "p-1",
            "target_type": "DATA_PRODUCT",
            "status": "PENDING",
            "created_at": MOMENT,
        },
    ),
    "approval_records": (
        {"id": "a-1", "dataAccessRequestId": "r-1", "status": "BLOCKED"},
        {"approval_id": "a-1", "request_id": "r-1", "approvers": "[]", "status": "BLOCKED"},
    ),
    "data_products": (
        {"id": "p-1", "name": "Orders"},
        {
            "data_product_id": "p-1",
            "name": "Orders",
            "sme_global_user_ids": [],
            "suspended": False,
            "data_source_ids": [],
        },
    ),
}


def write_tenant(folder: Path) -> None:
    dump.write(folder, "tenant", [TENANT])


def rows(folder: Path, collection: str, objects: Iterable[Mapping[str, object]]) -> list[dict[str, Any]]:
    """Write the objects and return the rows that reading them gives."""
    write_tenant(folder)
    dump.write(folder, collection, objects)
    return dump.read(folder, [collection])[collection].to_dicts()


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_key_reaches_its_column(tmp_path: Path, collection: str) -> None:
    given_object, expected = FULL[collection]
    assert rows(tmp_path, collection, [given_object]) == [expected]


@pytest.mark.parametrize("collection", MINIMAL)
def test_optional_keys_may_be_absent(tmp_path: Path, collection: str) -> None:
    given_object, expected = MINIMAL[collection]
    (row,) = rows(tmp_path, collection, [given_object])
    assert {name: value for name, value in row.items() if value is not None} == expected


@pytest.mark.parametrize("collection", MINIMAL)
def test_a_null_key_counts_as_absent(tmp_path: Path, collection: str) -> None:
    given_object, _ = MINIMAL[collection]
    nulls = dict.fromkeys(FULL[collection][0].keys() - given_object.keys() - {"circumstances"})
    assert rows(tmp_path / "null", collection, [nulls | given_object]) == rows(tmp_path, collection, [given_object])


def test_circumstances_tell_absent_from_null(tmp_path: Path) -> None:
    policy, _ = MINIMAL["policies"]
    policies = [policy | {"id": 1}, policy | {"id": 2, "circumstances": None}, policy | {"id": 3, "circumstances": []}]
    assert [row["circumstances"] for row in rows(tmp_path, "policies", policies)] == [None, "null", "[]"]


def test_null_keys_of_actions_are_left_out_and_strange_exceptions_kept(tmp_path: Path) -> None:
    policy, _ = MINIMAL["policies"]
    action = {"type": None, "advanced": "x", "exceptions": {"operator": 5}, "unknown": 1}
    (row,) = rows(tmp_path, "policies", [policy | {"actions": [action]}])
    assert row["actions"] == '[{"advanced":"x","exceptions":{"operator":5}}]'


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"dataProduct": {"id": 5}}, ("5", "DATA_PRODUCT")),
        ({"dataSource": {"id": 10}}, ("10", "DATA_SOURCE")),
        ({"column": {"id": "c-1"}, "dataSource": None}, ("c-1", "COLUMN")),
    ],
)
def test_a_request_has_one_target(tmp_path: Path, target: dict[str, object], expected: tuple[str, str]) -> None:
    request = {key: value for key, value in MINIMAL["access_requests"][0].items() if key != "dataProduct"}
    (row,) = rows(tmp_path, "access_requests", [request | target])
    assert (row["target_id"], row["target_type"]) == expected


def test_a_column_without_id_gets_one_from_tenant_data_source_and_name(tmp_path: Path) -> None:
    columns = [{"name": "a b/ü", "dataType": "text"}, {"name": "c", "dataType": "text", "id": 12}]
    ids = [row["column_id"] for row in rows(tmp_path, "columns", [{"dataSource": 10, "metadata": columns}])]
    assert ids == [str(uuid5(NAMESPACE_URL, "https://acme.example/dataSource/10/column/a b/ü")), "12"]


def test_a_data_source_without_columns_has_no_rows(tmp_path: Path) -> None:
    assert rows(tmp_path, "columns", [{"dataSource": 1}, {"dataSource": 2, "metadata": []}]) == []


def test_repeated_memberships_count_once(tmp_path: Path) -> None:
    member = {"group": 7, "profile": {"id": 1}}
    assert len(rows(tmp_path, "group_members", [member, {"group": 7, "profile": {"id": 2}}, member])) == 2


def test_repeated_member_entries_count_once_and_different_ones_stay(tmp_path: Path) -> None:
    owner = {"dataSource": 10, "profile": 1, "state": "owner"}
    entries = [owner, owner | {"state": "expert"}, owner | {"accessGrant": "READ"}]
    assert [row["state"] for row in rows(tmp_path, "data_source_members", entries)] == ["owner", "expert"]


def test_the_first_of_repeated_tags_wins(tmp_path: Path) -> None:
    source, _ = MINIMAL["data_sources"]
    tags = [{"name": "PII"}, APPLIED_TAG, {"name": "PII", "source": "later"}]
    (row,) = rows(tmp_path, "data_sources", [source | {"tags": tags}])
    assert row["tags"] == [BARE_TAG, TAG]


def test_repeated_items_of_domains_projects_and_products_count_once(tmp_path: Path) -> None:
    domain = FULL["domains"][0]
    twice = domain | {"dataSources": domain["dataSources"] * 2, "permissions": domain["permissions"] * 2}
    assert rows(tmp_path, "domains", [twice]) == [FULL["domains"][1]]
    project = FULL["projects"][0]
    twice = project | {key: project[key] * 2 for key in ("purposes", "members", "dataSources")}
    assert rows(tmp_path, "projects", [twice]) == [FULL["projects"][1]]
    product = FULL["data_products"][0]
    twice = product | {key: product[key] * 2 for key in ("smes", "assets")}
    assert rows(tmp_path, "data_products", [twice]) == [FULL["data_products"][1]]


def test_unknown_keys_and_unknown_files_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "notes.ndjson").write_text("not JSON")
    (tmp_path / "more").mkdir()
    assert rows(tmp_path, "iams", [{"id": "okta", "oauth": {"deep": [1, 2.5, None]}}])[0]["iam_id"] == "okta"


def test_a_dump_of_the_tenant_alone_has_every_collection(tmp_path: Path) -> None:
    write_tenant(tmp_path)
    frames = dump.read(tmp_path)
    assert list(frames) == list(COLLECTIONS)
    assert [name for name, frame in frames.items() if frame.height] == ["tenant"]
    assert all(COLLECTIONS[name].is_valid(frame) for name, frame in frames.items())


def test_tenant_json_may_span_lines_and_be_indented(tmp_path: Path) -> None:
    (tmp_path / "tenant.json").write_text(json.dumps(TENANT, indent=2) + "\n\n")
    assert dump.read(tmp_path, ["tenant"])["tenant"].to_dicts() == [FULL["tenant"][1]]


@pytest.mark.parametrize("text", ['{"id":"a"}\n{"id":"b"}', '{"id":"a"}\r\n{"id":"b"}\r\n'])
def test_the_last_line_feed_is_optional_and_carriage_returns_are_fine(tmp_path: Path, text: str) -> None:
    write_tenant(tmp_path)
    (tmp_path / "iams.ndjson").write_bytes(text.encode())
    assert dump.read(tmp_path, ["iams"])["iams"]["iam_id"].to_list() == ["a", "b"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_whatever_the_compression(tmp_path: Path, suffix: Suffix) -> None:
    write_tenant(tmp_path)
    count = dump.write(tmp_path, "iams", ({"id": f"iam {number}"} for number in range(2_500)), suffix)
    assert count == 2_500
    assert (tmp_path / f"iams.ndjson{suffix}").exists()
    assert dump.read(tmp_path, ["iams"])["iams"]["iam_id"].to_list() == [f"iam {number}" for number in range(2_500)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_objects_give_equal_bytes(tmp_path: Path, suffix: Suffix) -> None:
    for folder in ("a", "b"):
        dump.write(tmp_path / folder, "iams", [{"id": "é", "type": None}], suffix)
    name = f"iams.ndjson{suffix}"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_archives_of_several_parts_are_read_whole(tmp_path: Path) -> None:
    write_tenant(tmp_path)
    (tmp_path / "iams.ndjson.gz").write_bytes(gzip.compress(b'{"id":"a"}\n') + gzip.compress(b'{"id":"b"}\n'))
    parts = [zstandard.compress(line) for line in (b'{"name":"a"}\n{"na', b'me":"b"}\n')]
    (tmp_path / "tags.ndjson.zst").write_bytes(b"".join(parts))
    frames = dump.read(tmp_path, ["iams", "tags"])
    assert frames["iams"]["iam_id"].to_list() == ["a", "b"]
    assert frames["tags"]["name"].to_list() == ["a", "b"]


def test_writing_replaces_the_collection_whatever_its_compression_was(tmp_path: Path) -> None:
    write_tenant(tmp_path)
    for suffix in SUFFIXES:
        dump.write(tmp_path, "iams", [{"id": f"with {suffix}"}], suffix)
    assert dump.read(tmp_path, ["iams"])["iams"]["iam_id"].to_list() == ["with .zst"]


def test_a_failed_write_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    write_tenant(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        dump.write(tmp_path, "iams", [{"id": "a"}, {"id": object()}])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_progress_is_logged_with_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rows(tmp_path, "tags", ({"name": str(number)} for number in range(100_001)))
    assert caplog.messages == ["tags.ndjson: 100,000 lines read so far", "tags: 100,001 rows"]


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["", "'", '"', "\\", "a\nb", "\u2028", "a.b", "@x", "null", "ñ𝄞", "\x00", "[...]", " - at `$.x`"]),
)
IDS = st.integers(-(2**63), 2**63 - 1)
ZONES = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=ZONES)
SCALARS = st.none() | st.booleans() | TEXTS | IDS | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


APPLIED_TAGS = st.lists(
    st.fixed_dictionaries({"name": TEXTS, "source": optional(TEXTS), "addedOn": optional(TIMES)}),
    unique_by=lambda tag: tag["name"],
    max_size=4,
)


def tags_in_frame(tags: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [BARE_TAG | {"name": tag["name"], "source": tag["source"], "added_on": tag["addedOn"]} for tag in tags or []]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "iamid": TEXTS,
                "userid": TEXTS,
                "globalUserId": TEXTS,
                "profile": st.fixed_dictionaries({"id": IDS, "name": optional(TEXTS)}),
                "permissions": optional(st.lists(TEXTS)),
                "authorizations": optional(st.dictionaries(TEXTS, st.lists(TEXTS, unique=True))),
                "lastLogin": optional(TIMES),
            }
        ),
        unique_by=(lambda user: user["profile"]["id"], lambda user: user["globalUserId"], lambda user: user["userid"]),
        max_size=5,
    )
)
def test_any_user_reaches_the_frame_unchanged(users: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        read = rows(Path(folder), "users", users)
    assert [(row["profile_id"], row["global_user_id"], row["iam_id"], row["user_id"]) for row in read] == [
        (user["profile"]["id"], user["globalUserId"], user["iamid"], user["userid"]) for user in users
    ]
    assert [(row["name"], row["last_login"]) for row in read] == [(u["profile"]["name"], u["lastLogin"]) for u in users]
    assert [row["permissions"] for row in read] == [user["permissions"] or [] for user in users]
    assert [{held["name"]: held["values"] for held in row["attributes"]} for row in read] == [
        user["authorizations"] or {} for user in users
    ]


COLUMN = st.fixed_dictionaries(
    {"name": TEXTS, "dataType": TEXTS, "id": TEXTS | IDS, "remoteType": optional(TEXTS), "tags": optional(APPLIED_TAGS)}
)


@given(
    st.dictionaries(IDS, optional(st.lists(COLUMN, unique_by=lambda column: column["name"], max_size=4)), max_size=4)
)
def test_any_column_reaches_the_frame_unchanged(sources: dict[int, list[dict[str, Any]] | None]) -> None:
    with TemporaryDirectory() as folder:
        lines = ({"dataSource": source, "metadata": columns} for source, columns in sources.items())
        read = rows(Path(folder), "columns", lines)
    assert read == [
        {
            "data_source_id": source,
            "name": column["name"],
            "column_id": str(column["id"]),
            "description": None,
            "data_type": column["dataType"],
            "remote_type": column["remoteType"],
            "tags": tags_in_frame(column["tags"]),
        }
        for source, columns in sources.items()
        for column in columns or []
    ]


@given(JSON)
def test_any_json_is_kept_as_text(value: object) -> None:
    request = MINIMAL["access_requests"][0] | {"form": {"responses": {"answer": value}}}
    policy = MINIMAL["policies"][0] | {"circumstances": [{"x": value}], "actions": [{"exceptions": {"x": value}}]}
    with TemporaryDirectory() as folder:
        (read_request,) = rows(Path(folder), "access_requests", [request])
        (read_policy,) = rows(Path(folder), "policies", [policy])
    assert json.loads(read_request["responses"]) == {"answer": value}
    assert json.loads(read_policy["circumstances"]) == [{"x": value}]
    assert json.loads(read_policy["actions"]) == [{"exceptions": {"x": value}}]
