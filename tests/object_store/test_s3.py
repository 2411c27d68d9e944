from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.proxy import Proxy, passing_on
from fakes.s3_server import ACCOUNT, S3Server

from immuta_assets.object_store import (
    AccessKey,
    AssumedRole,
    Profile,
    StoreError,
    StoreOptions,
    cloud,
    open_store,
    parse,
)

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def wire(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What goes to the server."""
    with passing_on(Proxy(s3.url)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


def test_every_object_is_encrypted_with_the_key(s3: S3Server, wire: Proxy, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(cloud.CHUNK + 1))
    bucket = s3.bucket()
    store = open_store(f"s3://{bucket}/a", StoreOptions(s3_kms_key=KEY))
    store.put_bytes("small", b"one")
    store.put_file(tmp_path / "x", "large")
    store.put_file(tmp_path / "x", "moved")
    store.move("moved", "copy")
    for name in ("small", "large", "copy"):
        head = s3.client("s3").head_object(Bucket=bucket, Key=f"a/{name}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)
    parts = [seen for seen in wire.seen if "partNumber" in seen.path]
    assert len(parts) == 2 * 2


def test_a_move_of_what_is_too_large_for_s3_passes_through(
    s3: S3Server, wire: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("immuta_assets.object_store.s3.LARGEST_COPY", 3)
    store = open_store(f"s3://{s3.bucket()}/a")
    for data in (b"one", b"four"):
        store.put_bytes("x", data)
        store.move("x", "y")
        assert store.read("y") == data
    assert len([seen for seen in wire.seen if "x-amz-copy-source" in seen.headers]) == 1


def trust(user: str, external_id: str) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{user}"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize("region", ["eu-central-1", ""])
def test_a_role_is_assumed_with_the_external_id(
    region: str, s3: S3Server, wire: Proxy, monkeypatch: pytest.MonkeyPatch, impatient: StoreOptions
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    name, key = s3.user(ALLOW_ALL)
    role = s3.role(trust(name, "agreed-upon"), ALLOW_ALL)
    for variable, value in key.items():
        monkeypatch.setenv(variable, value)
    options = replace(impatient, credentials=AssumedRole(role, "agreed-upon"))
    store = open_store(f"s3://{s3.bucket()}/a", options)
    store.put_bytes("x", b"one")
    assert store.read("x") == b"one"
    (asked,) = [seen for seen in wire.seen if b"AssumeRole" in seen.body]
    assert b"ExternalId=agreed-upon" in asked.body
    puts = [seen for seen in wire.seen if seen.method == "PUT"]
    assert key["AWS_ACCESS_KEY_ID"] not in puts[0].headers["authorization"]
    assert f"/{region or 'us-east-1'}/s3/aws4_request" in puts[0].headers["authorization"]
    assert "x-amz-security-token" in puts[0].headers
    assert "agreed-upon" not in repr(options) + repr(store)


def test_a_role_of_the_same_account_needs_no_external_id(
    s3: S3Server, wire: Proxy, monkeypatch: pytest.MonkeyPatch, impatient: StoreOptions
) -> None:
    name, key = s3.user()
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}}
    role = s3.role({"Version": "2012-10-17", "Statement": [statement | {"Action": "sts:AssumeRole"}]}, ALLOW_ALL)
    for variable, value in key.items():
        monkeypatch.setenv(variable, value)
    open_store(f"s3://{s3.bucket()}/a", replace(impatient, credentials=AssumedRole(role))).put_bytes("x", b"one")
    (asked,) = [seen for seen in wire.seen if b"AssumeRole" in seen.body]
    assert b"ExternalId" not in asked.body


def test_a_role_that_may_not_be_assumed_is_named(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, impatient: StoreOptions
) -> None:
    name, key = s3.user()
    role = s3.role(trust(name, "agreed-upon"), ALLOW_ALL)
    for variable, value in key.items():
        monkeypatch.setenv(variable, value)
    options = replace(impatient, credentials=AssumedRole(role, "agreed-upon"))
    store = open_store(f"s3://{s3.bucket()}/a", options)
    with s3.enforcing(), pytest.raises(StoreError, match=rf"allow sts:AssumeRole on {role} to the caller"):
        store.read("x")


def test_a_profile_gives_the_credentials(s3: S3Server, wire: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_PROFILE", "export")
    text = "[export]\naws_access_key_id = AKIAOFPROFILE\naws_secret_access_key = secret\n"
    Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(text, "utf-8")
    open_store(f"s3://{bucket}/a").put_bytes("x", b"one")
    assert "Credential=AKIAOFPROFILE/" in wire.seen[-1].headers["authorization"]


def test_destinations_have_profiles_of_their_own(s3: S3Server, wire: Proxy) -> None:
    bucket = s3.bucket()
    profiles = [f"[{name}]\naws_access_key_id = AKIAOF{name}\naws_secret_access_key = s\n" for name in ("eu", "us")]
    Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text("".join(profiles), "utf-8")
    stores = [open_store(f"s3://{name}@{bucket}/{name}") for name in ("eu", "us")]
    for store in stores:
        store.put_bytes("x", b"one")
    assert [store.uri for store in stores] == [f"s3://{bucket}/eu", f"s3://{bucket}/us"]
    used = [seen.headers["authorization"] for seen in wire.seen if seen.method == "PUT"]
    assert ["Credential=AKIAOFeu/" in used[0], "Credential=AKIAOFus/" in used[1]] == [True, True]


def test_each_address_has_an_access_key_of_its_own(s3: S3Server, wire: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-environment")
    bucket = s3.bucket()
    keys = [AccessKey("AKIAOFeu", "secret"), AccessKey("ASIAOFus", "secret", "temporary"), None]
    stores = [open_store(f"s3://{bucket}/{place}", StoreOptions(key)) for place, key in enumerate(keys)]
    for store in stores:
        store.put_bytes("x", b"one")
    puts = [seen.headers for seen in wire.seen if seen.method == "PUT"]
    used = [re.search("Credential=([^/]*)/", headers["authorization"])[1] for headers in puts]  # type: ignore[index]
    assert used == ["AKIAOFeu", "ASIAOFus", "AKIAOFTHETEST"]
    assert [headers.get("x-amz-security-token") for headers in puts] == [None, "temporary", "of-the-environment"]


def test_users_of_two_accounts_write_at_once(s3: S3Server, impatient: StoreOptions) -> None:
    addresses = [f"s3://{s3.bucket()}/a" for _ in "ab"]
    stores = []
    for address in addresses:
        arn = f"arn:aws:s3:::{parse(address).container}"
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
        _, key = s3.user({"Version": "2012-10-17", "Statement": [statement]})
        own = AccessKey(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"])
        stores.append((open_store(address, replace(impatient, credentials=own)), own))
    with s3.enforcing():
        for store, _ in stores:
            store.put_bytes("x", b"one")
        crossed = open_store(addresses[0], replace(impatient, credentials=stores[1][1]))
        with pytest.raises(StoreError, match=r"Cannot read .*: permission is missing"):
            crossed.read("x")


def test_a_profile_may_be_given_beside_the_address(s3: S3Server, wire: Proxy) -> None:
    text = "[eu]\naws_access_key_id = AKIAOFeu\naws_secret_access_key = s\n"
    Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(text, "utf-8")
    bucket = s3.bucket()
    open_store(f"s3://{bucket}/a", StoreOptions(Profile("eu"))).put_bytes("x", b"one")
    assert "Credential=AKIAOFeu/" in wire.seen[-1].headers["authorization"]
    with pytest.raises(StoreError, match=r"names a profile and is given other credentials, leave one of them out\.$"):
        open_store(f"s3://eu@{bucket}/a", StoreOptions(AccessKey("AKIAOFus", "s")))


def test_a_profile_may_have_a_role(
    s3: S3Server, wire: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, impatient: StoreOptions
) -> None:
    name, key = s3.user()
    role = s3.role(trust(name, "agreed-upon"), ALLOW_ALL)
    (tmp_path / "config").write_text(
        f"[profile base]\naws_access_key_id = {key['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {key['AWS_SECRET_ACCESS_KEY']}\n"
        f"[profile export]\nsource_profile = base\nrole_arn = {role}\nexternal_id = agreed-upon\nregion = eu-west-1\n",
        "utf-8",
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    store = open_store(f"s3://export@{s3.bucket()}/a", impatient)
    store.put_bytes("x", b"one")
    assert any(b"ExternalId=agreed-upon" in seen.body for seen in wire.seen)
    assert "x-amz-security-token" in wire.seen[-1].headers


def test_a_profile_that_is_not_there_is_named(s3: S3Server) -> None:
    with pytest.raises(StoreError, match=r"there are no AWS credentials, for the profile nobody, see"):
        open_store(f"s3://nobody@{s3.bucket()}/a")


def test_only_an_address_that_says_http_is_asked_without_encryption() -> None:
    allowed = {
        url: cloud.build_client_config(url)["allow_http"]
        for url in (None, "https://minio.example", "http://127.0.0.1:9000")
    }
    assert allowed == {None: False, "https://minio.example": False, "http://127.0.0.1:9000": True}
