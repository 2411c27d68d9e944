"""The doctor tries a destination out, leaves nothing there, and says which permission is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.s3_server import S3Server

from immuta_assets.health.doctor import PROBE, Finding, destination
from immuta_assets.object_store import Store, StoreOptions, open_store


def test_a_destination_that_works_is_tried_in_full_and_left_as_it_was(store: Store) -> None:
    store.put_bytes("published", b"stays")
    findings = list(destination(store.uri, lambda _: store))
    assert findings == [Finding(f"{store.uri}: {step}", ok=True) for step in ("list", "write", "read back", "delete")]
    assert [each.key for each in store.list()] == ["published"]


def test_a_missing_permission_is_named_as_the_policy_names_it(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, impatient: StoreOptions
) -> None:
    bucket = s3.bucket()
    only_reading = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::*"]},
        ],
    }
    _, variables = s3.user(only_reading)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with s3.enforcing():
        listed, written = destination(f"s3://{bucket}", lambda address: open_store(address, impatient))
    assert listed.ok
    assert not written.ok
    assert "s3:PutObject" in written.missing
    assert variables["AWS_SECRET_ACCESS_KEY"] not in written.missing


def test_an_address_that_is_none_is_a_finding_and_not_shown() -> None:
    (finding,) = destination("ftp://user:secret@host/?key=secret", open_store)
    assert (finding.ok, finding.what) == (False, "an address of no allowed form: open")
    assert "secret" not in str(finding)


def test_a_folder_that_cannot_be_written_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    listed, written = destination(str(tmp_path / "file"), open_store)
    assert not written.ok
    assert "a file stands where a folder should be" in written.missing
    assert listed.what.endswith(": list")


def test_the_probe_is_named_like_the_log_of_the_export() -> None:
    assert PROBE == ".immuta.export.log"
