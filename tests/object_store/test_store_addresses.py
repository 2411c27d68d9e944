from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from immuta_assets.object_store import Address, StoreError, open_store, parse


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        ("published", Address("published", "file", "published")),
        ("/data/published", Address("/data/published", "file", "/data/published")),
        ("file:///data/my%20files", Address("/data/my files", "file", "/data/my files")),
        ("s3://bucket.eu", Address("s3://bucket.eu", "s3", "", "bucket.eu")),
        ("published/", Address("published", "file", "published")),
        ("s3://bucket/a/b/", Address("s3://bucket/a/b", "s3", "a/b", "bucket")),
        ("s3://eu-prod@bucket/a", Address("s3://eu-prod@bucket/a", "s3", "a", "bucket", "eu-prod")),
        ("gs://my_bucket/a", Address("gs://my_bucket/a", "gs", "a", "my_bucket")),
        ("az://container/a", Address("az://container/a", "az", "a", "container")),
        (
            "abfss://audit@account1.dfs.core.windows.net/a/b",
            Address("abfss://audit@account1.dfs.core.windows.net/a/b", "abfss", "a/b", "audit", "account1"),
        ),
    ],
)
def test_every_allowed_address_is_taken_apart(address: str, destination: Address) -> None:
    assert parse(address) == destination


@pytest.mark.parametrize(
    "address",
    [
        "",
        "~/published",
        "s4://bucket/a",
        "s3:bucket/a",
        "s3://",
        "s3://UPPER/a",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket//a",
        "s3://bucket//",
        "s3://bucket/a//",
        "s3://<bucket>/a",
        "abfss://files@<account>.dfs.core.windows.net",
        "/data\n",
        "s3://bucket/a\nb",
        "s3://bucket/a?versionId=1",
        "file://host/a",
        "abfss://container/a",
        "abfss://audit@account1.example.com/a",
        "https://account1.blob.core.windows.net/audit",
    ],
)
def test_another_address_is_refused_in_one_sentence_with_what_is_allowed(address: str) -> None:
    with pytest.raises(
        StoreError, match=r"^'.*' is no address of a store; allowed is the path of a local folder, .*\.$"
    ):
        parse(address)


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIAKEY:hidden-secret@bucket/a",
        "https://account1.blob.core.windows.net/audit?sig=hidden-secret",
        "abfss://account1:hidden-secret@dfs.core.windows.net/a",
        f"https://{'x' * 60}/hidden-secret",
    ],
)
def test_a_refused_address_does_not_show_what_may_be_a_secret(address: str) -> None:
    with pytest.raises(StoreError) as refused:
        parse(address)
    assert "hidden-secret" not in str(refused.value)


def test_a_folder_is_where_its_address_says(tmp_path: Path) -> None:
    for address in (str(tmp_path / "my files"), f"file://{tmp_path}/my%20files"):
        store = open_store(address)
        store.put_bytes("a/x", b"one")
        assert store.uri == str(tmp_path / "my files")
        assert (tmp_path / "my files" / "a" / "x").read_bytes() == b"one"


def test_a_container_without_an_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match=re.escape("Cannot open az://audit/a: it names no account, set AZURE_STORAGE")):
        open_store("az://audit/a")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account1")
    assert repr(open_store("az://audit/a")) == "CloudStore(az://audit/a)"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("s3://eu-prod@bucket/a", "s3://bucket/a"),
        ("s3://bucket/a", "s3://bucket/a"),
        ("abfss://audit@account1.dfs.core.windows.net/a", "abfss://audit@account1.dfs.core.windows.net/a"),
        ("/data/a@b", "/data/a@b"),
    ],
)
def test_others_get_an_address_without_the_profile(address: str, public: str) -> None:
    assert parse(address).public_uri == public


@pytest.mark.parametrize("address", ["s3://<bucket>/<prefix>", "abfss://<container>@<account>.dfs.core.windows.net/a"])
def test_blanks_stand_for_names_only_where_they_are_asked_for(address: str) -> None:
    assert parse(address, blanks=True).uri == address
    with pytest.raises(StoreError):
        parse(address)


def test_reading_an_address_loads_no_client_of_a_cloud() -> None:
    program = (
        "import sys, immuta_assets.object_store.addresses as addresses; addresses.parse('s3://bucket/a'); "
        "sys.exit(bool({'obstore', 'boto3', 'polars'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
