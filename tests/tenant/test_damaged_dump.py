"""Damaged tenant dumps: each ends in one sentence that names file, line, key and value, and what was expected."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest
import zstandard

from immuta_assets.tenant import dump
from immuta_assets.tenant.dump import DumpError

TENANT = '{"tenantId":"acme","url":"https://acme.example","dumpedAt":"2026-03-01T12:30:00Z"}'
USER = '{"iamid":"okta","userid":"%s","globalUserId":"%s","profile":{"id":%s}}'
MEMBER: dict[str, object] = {"dataSource": 1, "profile": 2, "state": "owner"}
POLICY: dict[str, object] = {
    "id": 3,
    "name": "p",
    "type": "subscription",
    "actions": [],
    "createdAt": "2026-03-01T12:30:00Z",
}
REQUEST: dict[str, object] = {
    "id": "r",
    "requestingUser": {"globalUserId": "g"},
    "user": {"globalUserId": "g"},
    "status": "PENDING",
    "createdAt": "2026-03-01T12:30:00Z",
    "dataProduct": {"id": "p"},
}


def complaint(folder: Path, files: Mapping[str, str | bytes]) -> str:
    """Write the files beside an intact tenant.json; return why reading them fails."""
    for name, content in ({"tenant.json": TENANT} | dict(files)).items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DumpError) as caught:
        dump.read(folder)
    return str(caught.value)


def with_keys(base: Mapping[str, object], **keys: object) -> str:
    return json.dumps({**base, **keys}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"iamid":"okta","user', "the JSON is not valid: input data was truncated."),
        ('{"iamid":5,"user', "the JSON is not valid: input data was truncated."),
        ('{"iamid":"okta"} {}', "the JSON is not valid: trailing characters (byte 18)."),
        ("", "nothing there, but an object is expected."),
        ("  \r", "nothing there, but an object is expected."),
        ("[1, 2]", "the content is [1,2], but an object is expected."),
        ('"users"', 'the content is "users", but an object is expected.'),
        (USER % ("a", "b", '"7"'), 'profile.id is "7", but an integer of 64 bits is expected.'),
        (USER % ("a", "b", "1.5"), "profile.id is 1.5, but an integer of 64 bits is expected."),
        (USER % ("a", "b", "true"), "profile.id is true, but an integer of 64 bits is expected."),
        (USER % ("a", "b", "null"), "profile.id is null, but an integer of 64 bits is expected."),
        (USER % ("a", "b", 2**63), "profile.id is 9223372036854775808, but an integer of 64 bits is expected."),
        (USER % ("a", "b", -(2**63) - 1), "profile.id is -9223372036854775809, but an integer of 64 bits is expected."),
        ('{"iamid":"o","userid":"u","profile":{"id":1}}', "the required key globalUserId is missing."),
        (
            '{"iamid":"o","userid":"u","globalUserId":"g","profile":{"name":"Jane"}}',
            "the required key profile.id is missing.",
        ),
        ('{"iamid":null}', "iamid is null, but a text is expected."),
        ('{"disabled":1}', "disabled is 1, but true or false is expected."),
        ('{"disabled":"false"}', 'disabled is "false", but true or false is expected.'),
        (
            '{"createdAt":"2026-03-01T12:30:00"}',
            'createdAt is "2026-03-01T12:30:00", but an ISO-8601 timestamp with offset is expected.',
        ),
        ('{"createdAt":"2026-03-01"}', 'createdAt is "2026-03-01", but an ISO-8601 timestamp with offset is expected.'),
        ('{"createdAt":"yesterday"}', 'createdAt is "yesterday", but an ISO-8601 timestamp with offset is expected.'),
        ('{"createdAt":1740000000}', "createdAt is 1740000000, but an ISO-8601 timestamp with offset is expected."),
        (f'{{"permissions":{2**70}}}', f"permissions is {2**70}, but a list is expected."),
        ('{"permissions":"AUDIT"}', 'permissions is "AUDIT", but a list is expected.'),
        ('{"permissions":["AUDIT",null]}', "permissions[1] is null, but a text is expected."),
        ('{"authorizations":["a"]}', 'authorizations is ["a"], but an object is expected.'),
        ('{"authorizations":{"A":["x"],"B":["y",3]}}', "authorizations.B[1] is 3, but a text is expected."),
        ('{"authorizations":{"A":["x"],"B":"y"}}', 'authorizations.B is "y", but a list is expected.'),
        ('{"profile":5,"profile":{"id":1}}', "profile is of type int, but an object is expected."),
        ('{"profile":{"id":"x"},"profile":5}', "profile.id is of type str, but an integer of 64 bits is expected."),
        ('{"userid":' + "[" * 5_000 + "]" * 5_000 + "}", "the JSON is nested too deeply."),
        (
            json.dumps({"name": 1, "iamid": {"note": "x" * 100}}),
            'iamid is {"note":"' + "x" * 50 + "…, but a text is expected.",
        ),
    ],
)
def test_a_bad_line_names_file_line_key_and_value(tmp_path: Path, line: str, problem: str) -> None:
    text = f"{USER % ('u1', 'g1', 1)}\n{line}\n{USER % ('u2', 'g2', 2)}\n"
    assert complaint(tmp_path, {"users.ndjson": text}) == f"users.ndjson line 2: {problem}"


@pytest.mark.parametrize(
    ("collection", "line", "problem"),
    [
        (
            "data_source_members",
            with_keys(MEMBER, state="Owner"),
            'state is "Owner", but one of owner, expert, subscribed, ingest, pending is expected.',
        ),
        (
            "data_source_members",
            with_keys(MEMBER, accessGrant="read"),
            'accessGrant is "read", but one of READ, WRITE is expected.',
        ),
        (
            "data_source_members",
            with_keys(MEMBER, group=7),
            "the object names profile and group, but exactly one of profile, group is expected.",
        ),
        (
            "data_source_members",
            with_keys(MEMBER, profile=None),
            "the object names none, but exactly one of profile, group is expected.",
        ),
        (
            "domains",
            '{"id":1,"name":"d","permissions":[{"permission":"x","groupId":1},{"permission":"y"}]}',
            "permissions[1] names none, but exactly one of profileId, groupId is expected.",
        ),
        (
            "projects",
            '{"id":1,"name":"p","members":[{"profile":1,"group":2}]}',
            "members[0] names profile and group, but exactly one of profile, group is expected.",
        ),
        (
            "policies",
            with_keys(POLICY, actions=[{}, {"accessType": "ALLOW"}]),
            'actions[1].accessType is "ALLOW", but one of GRANT, GUARDRAIL is expected.',
        ),
        (
            "policies",
            with_keys(POLICY, actions=[{"accessGrant": "ALL"}]),
            'actions[0].accessGrant is "ALL", but one of READ, WRITE is expected.',
        ),
        (
            "policies",
            with_keys(POLICY, actions=[{"automaticSubscription": "yes"}]),
            'actions[0].automaticSubscription is "yes", but true or false is expected.',
        ),
        (
            "policies",
            with_keys(POLICY, actions=[{"exceptions": []}]),
            "actions[0].exceptions is [], but an object is expected.",
        ),
        ("policies", with_keys(POLICY, actions=None), "actions is null, but a list is expected."),
        (
            "policies",
            with_keys(POLICY, circumstances={"type": "tags"}),
            'circumstances is {"type":"tags"}, but a list is expected.',
        ),
        (
            "policies",
            with_keys(POLICY, circumstances=[{}, "all"]),
            'circumstances[1] is "all", but an object is expected.',
        ),
        (
            "policies",
            with_keys(POLICY, ownerRestrictions={"users": [{"iamid": "okta"}]}),
            "the required key ownerRestrictions.users[0].username is missing.",
        ),
        (
            "policies",
            with_keys(POLICY, ownerRestrictions={"groups": [3]}),
            "ownerRestrictions.groups[0] is 3, but a text is expected.",
        ),
        (
            "access_requests",
            with_keys(REQUEST, dataSource={"id": 5}),
            (
                "the object names dataProduct and dataSource, "
                "but exactly one of dataProduct, dataSource, column is expected."
            ),
        ),
        (
            "access_requests",
            with_keys(REQUEST, dataProduct=None),
            "the object names none, but exactly one of dataProduct, dataSource, column is expected.",
        ),
        (
            "access_requests",
            with_keys(REQUEST, status="Done - at `$.id`"),
            (
                'status is "Done - at `$.id`", '
                "but one of PENDING, APPROVED, DENIED, REVOKED, CANCELED, EXPIRED is expected."
            ),
        ),
        (
            "access_requests",
            with_keys(REQUEST, id=1.5),
            "id is 1.5, but a text or an integer of 64 bits is expected.",
        ),
        (
            "access_requests",
            with_keys(REQUEST, user={}),
            "the required key user.globalUserId is missing.",
        ),
        (
            "approval_records",
            '{"id":1,"dataAccessRequestId":2,"status":"open"}',
            'status is "open", but one of PENDING, BLOCKED, APPROVED, DENIED, CANCELED, REVOKED, EXPIRED is expected.',
        ),
        (
            "columns",
            '{"dataSource":1,"metadata":[{"name":"a","dataType":"t"},{"name":"b"}]}',
            "the required key metadata[1].dataType is missing.",
        ),
        (
            "columns",
            '{"dataSource":1,"metadata":[{"name":"a","dataType":"t"},{"name":"a","dataType":"t"}]}',
            'metadata[1].name is "a" like another column of this data source.',
        ),
        (
            "data_sources",
            '{"tags":[{"name":"PII","addedOn":"2026-03-01T12:30"}]}',
            'tags[0].addedOn is "2026-03-01T12:30", but an ISO-8601 timestamp with offset is expected.',
        ),
    ],
)
def test_a_line_that_breaks_a_rule_of_its_collection(tmp_path: Path, collection: str, line: str, problem: str) -> None:
    assert complaint(tmp_path, {f"{collection}.ndjson": line}) == f"{collection}.ndjson line 1: {problem}"


UNIQUE_IDS: list[tuple[str, Mapping[str, object], str]] = [
    ("groups", {"iamid": "okta", "name": "g"}, "1"),
    ("data_sources", {"name": "d", "blobHandlerType": "x", "createdAt": POLICY["createdAt"]}, "1"),
    ("policies", POLICY, "1"),
    ("projects", {"name": "p"}, "1"),
    ("purposes", {"name": "p"}, "1"),
    ("access_requests", REQUEST, '"1"'),
    ("approval_records", {"dataAccessRequestId": "r", "status": "PENDING"}, '"1"'),
    ("data_products", {"name": "p"}, '"1"'),
]


@pytest.mark.parametrize(
    ("collection", "lines", "both"),
    [
        ("users", [USER % ("a", "g1", 1), USER % ("b", "g2", 2), USER % ("c", "g3", 1)], "profile.id 1"),
        ("users", [USER % ("a", "g1", 1), USER % ("b", "g2", 2), USER % ("c", "g1", 3)], 'globalUserId "g1"'),
        (
            "users",
            [USER % ("a", "g1", 1), USER % ("b", "g2", 2), USER % ("a", "g3", 3)],
            'iamid "okta" and userid "a"',
        ),
        ("iams", ['{"id":"a"}', '{"id":"b"}', '{"id":"a"}'], 'id "a"'),
        ("tags", ['{"name":"A"}', '{"name":"a"}', '{"name":"A"}'], 'name "A"'),
        ("columns", ['{"dataSource":1}', '{"dataSource":2}', '{"dataSource":1}'], "dataSource 1"),
        ("domains", ['{"id":1,"name":"x"}', '{"id":2,"name":"x"}', '{"id":"1","name":"y"}'], 'id "1"'),
        *[
            (collection, [with_keys(record, id=number) for number in (1, 2, 1)], f"id {shown}")
            for collection, record, shown in UNIQUE_IDS
        ],
    ],
)
def test_a_value_that_must_be_unique_and_is_not_names_both_lines(
    tmp_path: Path, collection: str, lines: list[str], both: str
) -> None:
    assert (
        complaint(tmp_path, {f"{collection}.ndjson": "\n".join(lines)})
        == f"{collection}.ndjson: lines 1 and 3 both have {both}."
    )


def test_a_duplicate_far_away_names_both_lines(tmp_path: Path) -> None:
    lines = [f'{{"name":"{number}"}}' for number in range(2_500)]
    assert complaint(tmp_path, {"tags.ndjson": "\n".join([*lines, '{"name":"7"}'])}) == (
        'tags.ndjson: lines 8 and 2501 both have name "7".'
    )


@pytest.mark.parametrize("line", [b'{"id":"\xff"}', b'{"id":"okta","oauth":"\xff"}'])
def test_text_that_is_not_utf8_is_found_even_in_unknown_keys(tmp_path: Path, line: bytes) -> None:
    message = complaint(tmp_path, {"iams.ndjson": b'{"id":"a"}\n' + line})
    assert message == f"iams.ndjson line 2: the text is not valid UTF-8 (byte {line.index(0xFF) + 1})."


@pytest.mark.parametrize("name", ["iams.ndjson", "tenant.json"])
def test_a_byte_order_mark_is_named(tmp_path: Path, name: str) -> None:
    message = complaint(tmp_path, {name: b'\xef\xbb\xbf{"id":"a"}\n'})
    assert message == f"{name}: the file starts with a byte order mark; save it as UTF-8 without one."


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_truncated_archives_are_found(tmp_path: Path, suffix: str) -> None:
    lines = b"".join(f'{{"name":"{number * 7919}"}}\n'.encode() for number in range(20_000))
    whole = COMPRESSED[suffix](lines)
    for length in (0, len(whole) // 2, len(whole) - 1):
        message = complaint(tmp_path, {f"tags.ndjson{suffix}": whole[:length]})
        assert message == f"tags.ndjson{suffix}: the compressed file is truncated."


@pytest.mark.parametrize("name", ["tags.ndjson.gz", "tags.ndjson.zst"])
def test_damaged_archives_are_found(tmp_path: Path, name: str) -> None:
    dump.write(tmp_path, "tags", [{"name": "a"}], ".gz" if name.endswith("gz") else ".zst")
    whole = (tmp_path / name).read_bytes()
    for content in (b"plain text", whole[:-8] + bytes(byte ^ 1 for byte in whole[-8:])):
        assert complaint(tmp_path, {name: content}) == f"{name}: the compressed file is damaged."


def test_a_bad_line_in_an_archive_names_the_archive(tmp_path: Path) -> None:
    message = complaint(tmp_path, {"iams.ndjson.gz": gzip.compress(b'{"id":1}')})
    assert message == "iams.ndjson.gz line 1: id is 1, but a text is expected."


def test_a_collection_present_twice_names_both_files(tmp_path: Path) -> None:
    message = complaint(tmp_path, {"iams.ndjson": "", "iams.ndjson.gz": gzip.compress(b"")})
    assert message == ("The collection iams is present more than once (iams.ndjson and iams.ndjson.gz); keep one file.")


def test_a_folder_in_place_of_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "iams.ndjson").mkdir()
    assert complaint(tmp_path, {}) == "iams.ndjson: the file cannot be read (Is a directory)."


def test_a_link_that_leads_nowhere_is_no_absent_collection(tmp_path: Path) -> None:
    (tmp_path / "iams.ndjson").symlink_to(tmp_path / "gone")
    assert complaint(tmp_path, {}) == "iams.ndjson: the file cannot be read (No such file or directory)."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_read_permission_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "iams.ndjson").touch(mode=0)
    assert complaint(tmp_path, {}) == "iams.ndjson: the file cannot be read (Permission denied)."


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "nothing there, but an object is expected."),
        ("{", "the JSON is not valid: input data was truncated."),
        (TENANT + TENANT, "the JSON is not valid: trailing characters (byte 83)."),
        (TENANT.replace('"acme"', "1"), "tenantId is 1, but a text is expected."),
        ('{"tenantId":"acme","url":"x"}', "the required key dumpedAt is missing."),
        (
            TENANT.replace("00Z", "00"),
            'dumpedAt is "2026-03-01T12:30:00", but an ISO-8601 timestamp with offset is expected.',
        ),
        (
            TENANT.replace("2026-03-01T12:30:00Z", "0001-01-01T00:00:00+01:00"),
            "dumpedAt is outside the years 1 to 9999 in UTC.",
        ),
    ],
)
def test_a_damaged_tenant_json_names_the_key(tmp_path: Path, content: str, problem: str) -> None:
    assert complaint(tmp_path, {"tenant.json": content}) == f"tenant.json: {problem}"


def test_the_tenant_is_needed_whichever_collection_is_read(tmp_path: Path) -> None:
    dump.write(tmp_path, "iams", [{"id": "okta"}])
    with pytest.raises(DumpError) as caught:
        dump.read(tmp_path, ["iams"])
    assert str(caught.value) == f"The tenant dump {tmp_path} has no tenant.json."


def test_an_empty_folder_is_no_dump(tmp_path: Path) -> None:
    with pytest.raises(DumpError) as caught:
        dump.read(tmp_path)
    assert str(caught.value) == f"The tenant dump {tmp_path} is empty and has no tenant.json."


@pytest.mark.parametrize(("name", "reason"), [("gone", "No such file or directory"), ("file", "Not a directory")])
def test_a_folder_that_is_none_is_no_dump(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DumpError) as caught:
        dump.read(tmp_path / name)
    assert str(caught.value) == f"There is no readable tenant dump at {tmp_path / name} ({reason})."


def test_only_the_collections_asked_for_are_read(tmp_path: Path) -> None:
    (tmp_path / "tenant.json").write_text(TENANT)
    (tmp_path / "iams.ndjson").write_text("not JSON")
    assert isinstance(dump.read(tmp_path, ["users"])["users"], pl.DataFrame)
