from __future__ import annotations

import re
from pathlib import Path

import pytest

from immuta_assets.object_store import Destination, StoreError, open_store, parse


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        ("published", Destination("published", "file", "published")),
        ("/data/published", Destination("/data/published", "file", "/data/published")),
        ("file:///data/my%20files", Destination("/data/my files", "file", "/data/my files")),
        ("s3://bucket.eu", Destination("s3://bucket.eu", "s3", "", "bucket.eu")),
        ("s3://bucket/a/b/", Destination("s3://bucket/a/b", "s3", "a/b", "bucket")),
        ("s3://eu-prod@bucket/a", Destination("s3://eu-prod@bucket/a", "s3", "a", "bucket", "eu-prod")),
        ("gs://my_bucket/a", Destination("gs://my_bucket/a", "gs", "a", "my_bucket")),
        ("az://container/a", Destination("az://container/a", "az", "a", "container")),
        (
            "abfss://audit@account1.dfs.core.windows.net/a/b",
            Destination("abfss://audit@account1.dfs.core.windows.net/a/b", "abfss", "a/b", "audit", "account1"),
        ),
    ],
)
def test_every_allowed_address_is_taken_apart(address: str, destination: Destination) -> None:
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
        "s3://bucket/a\nb",
        "s3://bucket/a?versionId=1",
        "file://host/a",
        "abfss://container/a",
        "abfss://audit@account1.example.com/a",
        "https://account1.blob.core.windows.net/audit",
    ],
)
def test_another_address_is_refused_in_one_sentence_with_what_is_allowed(address: str) -> None:
    with pytest.raises(StoreError, match=r"^The destination is '.*'; allowed is the path of a local folder, .*\.$"):
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
