"""Credentials belong to an address; engines of their own get the same ones as text."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import deltalake
import polars as pl
import pytest
from fakes import azurite
from fakes.azurite import Azurite
from fakes.proxy import Proxy, passing_on
from fakes.s3_server import ACCOUNT, S3Server

from immuta_assets.object_store import (
    AccessKey,
    AccountKey,
    AssumedRole,
    ClientSecret,
    Credentials,
    Profile,
    SasToken,
    ServiceAccountFile,
    StoreError,
    StoreOptions,
    build_storage_options,
    open_store,
    parse,
)

ROWS = pl.DataFrame({"hour": [1, 2], "user": ["a", "b"]})
ADLS = azurite.address("audit", "a")


@pytest.fixture
def wire(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What goes to the server."""
    with passing_on(Proxy(s3.url)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


def read_back(address: str, options: StoreOptions | None) -> None:
    """Write a table with deltalake and read it with it and with Polars, as ``storage_options`` say."""
    uri = f"{parse(address).public_uri}/table"
    deltalake.write_deltalake(uri, ROWS.to_arrow(), storage_options=build_storage_options(address, options))
    table = deltalake.DeltaTable(uri, storage_options=build_storage_options(address, options))
    assert pl.DataFrame(table.to_pyarrow_table()).equals(ROWS)
    (file,) = [entry.key for entry in open_store(address, options).list("table") if entry.key.endswith(".parquet")]
    path = f"{parse(address).public_uri}/{file}"
    assert (
        pl.scan_parquet(path, storage_options=build_storage_options(address, options), glob=False)
        .collect()
        .equals(ROWS)
    )


def role(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> AssumedRole:
    name, key = s3.user()
    for variable, value in key.items():
        monkeypatch.setenv(variable, value)
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return AssumedRole(s3.role({"Version": "2012-10-17", "Statement": [statement]}, allow), "agreed-upon")


def test_an_engine_uses_the_variables_where_there_are_no_credentials(s3: S3Server, adls: Azurite) -> None:
    read_back(f"s3://{s3.bucket()}/a", None)
    read_back(azurite.address(adls.container(), "a"), None)


def test_an_engine_uses_an_access_key(s3: S3Server, wire: Proxy) -> None:
    read_back(f"s3://{s3.bucket()}/a", StoreOptions(AccessKey("AKIAOFTABLE", "secret")))
    assert all("Credential=AKIAOFTABLE/" in seen.headers["authorization"] for seen in wire.seen)


def test_an_engine_uses_the_keys_of_a_profile(s3: S3Server, wire: Proxy) -> None:
    text = "[eu]\naws_access_key_id = AKIAOFeu\naws_secret_access_key = s\n"
    Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(text, "utf-8")
    read_back(f"s3://eu@{s3.bucket()}/a", None)
    assert all("Credential=AKIAOFeu/" in seen.headers["authorization"] for seen in wire.seen)


def test_an_engine_uses_temporary_keys_of_a_role(s3: S3Server, wire: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    read_back(f"s3://{s3.bucket()}/a", StoreOptions(role(s3, monkeypatch)))
    assert all("x-amz-security-token" in seen.headers for seen in wire.seen if b"AssumeRole" not in seen.body)


def test_a_role_that_may_not_be_assumed_gives_no_options(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = s3.user()
    for name, value in key.items():
        monkeypatch.setenv(name, value)
    arn = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    with s3.enforcing(), pytest.raises(StoreError, match=rf"no keys are given for it, allow sts:AssumeRole on {arn}"):
        build_storage_options("s3://bucket/a", StoreOptions(AssumedRole(arn, "hidden")))


@pytest.mark.usefixtures("s3")
def test_an_engine_encrypts_with_the_key() -> None:
    options = build_storage_options("s3://bucket/a", StoreOptions(s3_kms_key="alias/audit"))
    assert options["aws_sse_kms_key_id"] == "alias/audit"


def test_an_engine_uses_a_signature_or_a_key_of_an_account(adls: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    for sign in (lambda container: SasToken(adls.sas(container, "racwdl")), lambda _: AccountKey(azurite.KEY)):
        container = adls.container()
        read_back(azurite.address(container, "a"), StoreOptions(sign(container)))


def test_a_signature_is_used_whatever_the_variables_hold(adls: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    container = adls.container()
    with passing_on(Proxy(adls.url.removesuffix(f"/{azurite.ACCOUNT}"))) as proxy:
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{proxy.url}/{azurite.ACCOUNT}")
        store = open_store(azurite.address(container, "a"), StoreOptions(SasToken(adls.sas(container, "cw"))))
        store.put_bytes("x", b"one")
    assert all("sig=" in seen.path and "authorization" not in seen.headers for seen in proxy.seen)


def test_a_file_of_a_service_account_is_used(gcs: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(os.environ["GOOGLE_SERVICE_ACCOUNT"])
    monkeypatch.delenv("GOOGLE_SERVICE_ACCOUNT")
    address, options = f"gs://{gcs.bucket()}/a", StoreOptions(ServiceAccountFile(path))
    open_store(address, options).put_bytes("x", b"one")
    assert json.loads(Path(build_storage_options(address, options)["google_service_account"]).read_text("utf-8"))


def test_a_service_principal_is_told_to_the_engine() -> None:
    assert build_storage_options(ADLS, StoreOptions(ClientSecret("tenant", "client", "secret"))) == {
        "azure_storage_account_name": azurite.ACCOUNT,
        "azure_allow_http": "false",
        "azure_tenant_id": "tenant",
        "azure_client_id": "client",
        "azure_client_secret": "secret",
    }
    open_store(ADLS, StoreOptions(ClientSecret("tenant", "client", "secret")))


def test_a_folder_needs_no_options() -> None:
    assert build_storage_options("published") == {}


@pytest.mark.parametrize(
    ("address", "credentials", "variable"),
    [
        ("s3://bucket/a", AccessKey("AKIAOFTABLE", "secret"), "AWS_SESSION_TOKEN"),
        (ADLS, SasToken("sv=1&sig=secret"), "AZURE_STORAGE_ACCOUNT_KEY"),
        (ADLS, ClientSecret("tenant", "client", "secret"), "AZURE_STORAGE_ACCOUNT_KEY"),
        ("gs://bucket/a", ServiceAccountFile(Path("account.json")), "GOOGLE_SERVICE_ACCOUNT_KEY"),
    ],
)
def test_a_variable_that_an_engine_would_mix_in_is_refused(
    address: str, credentials: Credentials, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "hidden")
    with pytest.raises(StoreError, match=rf"{variable} would be mixed with its own credentials, unset it\.$"):
        build_storage_options(address, StoreOptions(credentials))


@pytest.mark.parametrize(
    ("address", "credentials", "allowed"),
    [
        ("published", AccessKey("a", "s"), "none"),
        ("s3://bucket/a", AccountKey("k"), "AccessKey or AssumedRole or Profile"),
        (ADLS, Profile("eu"), "SasToken or AccountKey or ClientSecret"),
        ("gs://bucket/a", SasToken("s"), "ServiceAccountFile"),
    ],
)
def test_credentials_of_another_cloud_are_refused(address: str, credentials: Credentials, allowed: str) -> None:
    kind = type(credentials).__name__
    for use in (open_store, build_storage_options):
        with pytest.raises(StoreError, match=rf"^Cannot open .*: it is given {kind}, allowed is {allowed}\.$"):
            use(address, StoreOptions(credentials))


@pytest.mark.parametrize(
    "credentials",
    [
        AccessKey("id", "hidden", "hidden"),
        AssumedRole("arn", "hidden"),
        SasToken("hidden"),
        AccountKey("hidden"),
        ClientSecret("tenant", "client", "hidden"),
    ],
)
def test_no_secret_is_in_what_is_printed(credentials: Credentials) -> None:
    assert "hidden" not in repr(StoreOptions(credentials)) + str(credentials)
