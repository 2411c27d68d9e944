"""The doctor tries what the settings name, leaves nothing behind, and says what is missing and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.s3_server import S3Server
from fakes.webhook import SECRET, Webhook
from pydantic import SecretStr

from immuta_assets.health.doctor import (
    PROBE,
    Diagnosis,
    diagnose_connection,
    diagnose_connections,
    diagnose_destination,
    diagnose_notifications,
    diagnose_store,
    diagnose_tenant,
)
from immuta_assets.object_store import Store, StoreOptions, open_store
from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.connections import load
from immuta_assets.platforms.hour import HistoryError
from immuta_assets.settings import load as load_settings
from immuta_assets.tenant import dump

NOW = datetime(2026, 5, 4, 10, 17, tzinfo=UTC)
ONE = "connections:\n  - {name: here, kind: embedded, platform: snowflake, path: history.duckdb}\n"


def test_a_destination_that_works_is_tried_in_full_and_left_as_it_was(store: Store) -> None:
    store.put_bytes("published", b"stays")
    findings = list(diagnose_destination(store.uri, lambda _: store))
    assert findings == [Diagnosis(f"{store.uri}: {step}", ok=True) for step in ("list", "write", "read back", "delete")]
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
        listed, written = diagnose_destination(f"s3://{bucket}", lambda address: open_store(address, impatient))
    assert listed.ok
    assert not written.ok
    assert "s3:PutObject" in written.missing
    assert variables["AWS_SECRET_ACCESS_KEY"] not in written.missing


def test_an_address_that_is_none_is_a_finding_and_not_shown() -> None:
    (finding,) = diagnose_destination("ftp://user:secret@host/?key=secret", open_store)
    assert (finding.ok, finding.what) == (False, "an address of no allowed form: open")
    assert "secret" not in str(finding)


def test_a_folder_that_cannot_be_written_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    listed, written = diagnose_destination(str(tmp_path / "file"), open_store)
    assert not written.ok
    assert "a file stands where a folder should be" in written.missing
    assert listed.what.endswith(": list")


Diagnose = Callable[..., Iterator[Diagnosis]]


@pytest.mark.parametrize(
    ("diagnose", "variable"),
    [(diagnose_destination, "IMMUTA_ASSETS_DESTINATION"), (diagnose_store, "IMMUTA_ASSETS_STORE")],
)
def test_a_local_folder_that_is_missing_is_said_and_not_created(
    diagnose: Diagnose, variable: str, tmp_path: Path
) -> None:
    mistyped = tmp_path / "pub lished" / "export"
    found = list(diagnose(str(mistyped), open_store))
    assert found == [
        Diagnosis(
            f"{mistyped}: open",
            ok=False,
            missing=f"The folder {mistyped} does not exist. Correct {variable}, or make it: mkdir -p '{mistyped}'",
        )
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_store_is_tried_like_a_destination_and_left_as_it_was(tmp_path: Path) -> None:
    found = list(diagnose_store(str(tmp_path), open_store))
    steps = ("list", "write", "read back", "delete")
    assert found[:4] == [Diagnosis(f"{tmp_path}: {step}", ok=True) for step in steps]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["nope", "empty"])
def test_a_tenant_without_a_dump_is_said_with_the_setting(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = diagnose_tenant(load_settings(tenant=str(tmp_path / folder)), NOW)
    assert not found.ok
    assert str(tmp_path / folder) in found.missing
    assert "IMMUTA_ASSETS_TENANT" in found.missing
    assert not (tmp_path / "nope").exists()


@pytest.mark.parametrize(("day", "ok"), [("2026-05-04", True), ("2026-05-03", True), ("2026-05-02", False)])
def test_of_a_tenant_with_a_dump_a_day_the_newest_that_is_due_is_read(day: str, *, ok: bool, tmp_path: Path) -> None:
    info = {"tenantId": "acme", "url": "https://acme.example", "dumpedAt": "2026-05-03T06:00:00Z"}
    dump.write(tmp_path / day, "tenant", [info])
    early = NOW.replace(hour=6)  # the export day has opened, its deadline has not passed
    assert diagnose_tenant(load_settings(tenant=str(tmp_path / "{export_day}")), early).ok is ok


def embedded(folder: Path) -> Connection:
    (folder / "connections.yaml").write_text(ONE, "utf-8")
    (found,) = load(folder / "connections.yaml", {})
    return found


def test_a_connection_is_asked_for_the_last_hour_that_has_closed(tmp_path: Path) -> None:
    asked = []
    found = diagnose_connection(embedded(tmp_path), lambda *arguments: asked.append(arguments[1:]), NOW)
    assert found == Diagnosis("connection here: count the last hour", ok=True)
    assert asked == [(NOW.replace(hour=9, minute=0), NOW.replace(minute=0), NOW)]


def test_a_missing_grant_is_said_as_the_reader_says_it(tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        message = "Grant GOVERNANCE_VIEWER to the role."
        raise HistoryError(message)

    found = diagnose_connection(embedded(tmp_path), refuse, NOW)
    assert (found.ok, found.missing) == (False, "Grant GOVERNANCE_VIEWER to the role.")


def test_every_problem_of_the_connections_is_a_diagnosis(tmp_path: Path) -> None:
    path = tmp_path / "connections.yaml"
    path.write_text(ONE + "  - {name: here, kind: embedded, platform: oracle, path: x}\n  - {name: B}\n", "utf-8")
    found = list(diagnose_connections(load_settings(connections=path), lambda *_: None, NOW))
    assert len(found) == 2
    assert not any(each.ok for each in found)


def test_a_file_of_connections_that_the_settings_name_must_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (found,) = diagnose_connections(load_settings(connections=tmp_path / "nope.yaml"), lambda *_: None, NOW)
    assert "nope.yaml cannot be read" in found.missing
    assert list(diagnose_connections(load_settings(), lambda *_: None, NOW)) == []


def test_an_address_that_no_message_reaches_is_named_by_its_place(hook: Webhook) -> None:
    addresses = [SecretStr(hook.address), SecretStr(f"json://{SECRET}@127.0.0.1:9")]
    assert list(diagnose_notifications(addresses, send=False)) == []
    assert hook.received == []
    arrived, lost = diagnose_notifications(addresses, send=True)
    assert arrived == Diagnosis("notifications: send to address 1", ok=True)
    assert hook.titles == ["Test of immuta-assets"]
    assert (lost.what, lost.ok) == ("notifications: send to address 2", False)
    assert "address 2 of IMMUTA_ASSETS_NOTIFY" in lost.missing
    assert SECRET not in str(lost)


def test_an_address_of_no_known_form_is_said_without_sending() -> None:
    (found,) = diagnose_notifications([SecretStr(f"slak://{SECRET}")], send=False)
    assert "Address 1 of 1 in IMMUTA_ASSETS_NOTIFY" in found.missing
    assert SECRET not in str(found)


def test_a_test_message_needs_an_address() -> None:
    (found,) = diagnose_notifications([], send=True)
    assert not found.ok


def test_the_probe_is_named_like_the_log_of_the_export() -> None:
    assert PROBE == ".immuta.export.log"
