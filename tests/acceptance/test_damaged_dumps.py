"""Damaged dumps, targets and settings: one clear sentence, exit code 2, and the published files as they were."""

from __future__ import annotations

import contextlib
import gzip
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import Result
from typer.testing import CliRunner

from immuta_assets.cli import app
from immuta_assets.settings import VARIABLES
from immuta_assets.tenant import dump

Objects = list[dict[str, Any]]
Damage = Callable[[Path], object]

PUBLISHED_AT = datetime(2026, 3, 10, 6, tzinfo=UTC)
DUMPED_AT = PUBLISHED_AT + timedelta(days=1)

TENANT: dict[str, Objects] = {
    "users": [
        {"iamid": "bim", "userid": name, "globalUserId": f"uuid-{name}", "profile": {"id": number, "name": name}}
        for number, name in enumerate(("ada", "björn"), start=1)
    ],
    "groups": [{"id": 7, "iamid": "bim", "name": "Analysts"}],
    "group_members": [{"group": 7, "profile": {"id": 1}}],
    "data_sources": [
        {"id": 11, "name": "Orders", "blobHandlerType": "Snowflake", "createdAt": "2026-01-01T00:00:00Z"},
    ],
    "columns": [{"dataSource": 11, "metadata": [{"name": "amount", "dataType": "numeric"}]}],
    "data_source_members": [{"dataSource": 11, "profile": 1, "state": "owner"}],
    "policies": [
        {
            "id": 21,
            "name": "Analysts read",
            "type": "subscription",
            "createdAt": "2026-01-01T00:00:00Z",
            "actions": [{"type": "subscription", "subscriptionType": "advanced", "advanced": "@isInGroups('X')"}],
        }
    ],
    "access_requests": [
        {
            "id": "r1",
            "requestingUser": {"globalUserId": "uuid-ada"},
            "user": {"globalUserId": "uuid-ada"},
            "status": "PENDING",
            "createdAt": "2026-02-01T00:00:00Z",
            "dataSource": {"id": 11},
        }
    ],
}


def write_dump(folder: Path, dumped_at: str) -> Path:
    folder.mkdir(parents=True)
    dump.write(folder, "tenant", [{"tenantId": "acme", "url": "https://acme.example", "dumpedAt": dumped_at}])
    for collection, objects in TENANT.items():
        dump.write(folder, collection, objects)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def export(tenant: Path, to: Path) -> Result:
    return CliRunner().invoke(app, ["export", "--tenant", str(tenant), "--to", str(to)], env={"NO_COLOR": "1"})


def assert_one_sentence(code: int, stderr: str, *expected: str) -> None:
    """Standard error ends in its only error line, which holds the ``expected`` texts."""
    *progress, sentence = stderr.splitlines()
    assert code == 2, stderr
    assert sentence.startswith("Error: ")
    assert sentence.endswith((".", "?"))
    assert all(text in sentence for text in expected), sentence
    assert not any("rror" in line or "Traceback" in line for line in progress), stderr


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*VARIABLES, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def first_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    result = export(write_dump(folder / "tenant", PUBLISHED_AT.isoformat()), folder / "published")
    assert result.exit_code == 0, result.stderr
    return folder / "published"


@pytest.fixture
def published(tmp_path: Path, first_export: Path) -> Path:
    """A folder with the files of an earlier export."""
    return Path(shutil.copytree(first_export, tmp_path / "published"))


@pytest.fixture
def tenant(tmp_path: Path) -> Path:
    """A sound dump, newer than what is published."""
    return write_dump(tmp_path / "tenant", DUMPED_AT.isoformat())


def lines(collection: str, change: Callable[[Objects], object]) -> Damage:
    """Damage the objects of a collection."""

    def damage(folder: Path) -> None:
        objects = json.loads(json.dumps(TENANT[collection]))
        change(objects)
        dump.write(folder, collection, objects)

    return damage


def tenant_info(**changes: object) -> Damage:
    """Damage tenant.json."""

    def damage(folder: Path) -> None:
        path = folder / "tenant.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


def raw(name: str, data: bytes) -> Damage:
    """Write a file of the dump as bytes."""
    return lambda folder: (folder / name).write_bytes(data)


def cut_short(suffix: Literal[".gz", ".zst"]) -> Damage:
    """Compress the users and lose the end of the file."""

    def damage(folder: Path) -> None:
        (folder / "users.ndjson").unlink()
        dump.write(folder, "users", TENANT["users"], suffix)
        path = folder / f"users.ndjson{suffix}"
        path.write_bytes(path.read_bytes()[:-12])

    return damage


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def replaced_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("mine")


def collection_replaced_by_a_folder(folder: Path) -> None:
    (folder / "users.ndjson").unlink()
    (folder / "users.ndjson").mkdir()


USER = b'{"iamid":"bim","userid":"x","globalUserId":"x","profile":{"id":3,"name":"x"}}'

DAMAGES: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "a truncated line": (raw("users.ndjson", USER + b"\n" + USER[:40]), ("users.ndjson", "line 2")),
    "a line that is no object": (raw("users.ndjson", b"[]\n"), ("users.ndjson", "line 1")),
    "invalid UTF-8": (raw("users.ndjson", USER.replace(b"bim", b"\xff\xfe")), ("users.ndjson", "line 1", "UTF-8")),
    "text that is no JSON": (raw("users.ndjson", b"id;name\n1;Ada\n"), ("users.ndjson", "line 1")),
    "a wrong type": (lines("users", lambda users: users[1].update(userid=5)), ("users.ndjson", "line 2", "userid")),
    "a text for a boolean": (
        lines("data_sources", lambda sources: sources[0].update(deleted="false")),
        ("data_sources.ndjson", "line 1", "deleted"),
    ),
    "a missing required key": (
        lines("users", lambda users: users[1].pop("globalUserId")),
        ("users.ndjson", "line 2", "globalUserId"),
    ),
    "a huge integer": (
        lines("data_sources", lambda sources: sources[0].update(id=2**70)),
        ("data_sources.ndjson", "line 1", "id"),
    ),
    "a time without a zone": (
        lines("policies", lambda policies: policies[0].update(createdAt="2026-01-01T00:00:00")),
        ("policies.ndjson", "line 1", "createdAt"),
    ),
    "a duplicate id": (
        lines("data_sources", lambda sources: sources.append(sources[0])),
        ("data_sources.ndjson", "11", "1", "2"),
    ),
    "a duplicate column": (
        lines("columns", lambda columns: columns[0]["metadata"].append({"name": "amount", "dataType": "text"})),
        ("columns.ndjson", "amount"),
    ),
    "an unknown state": (
        lines("data_source_members", lambda members: members[0].update(state="boss")),
        ("data_source_members.ndjson", "line 1", "state", "boss"),
    ),
    "a member with both profile and group": (
        lines("data_source_members", lambda members: members[0].update(group=7)),
        ("data_source_members.ndjson", "line 1", "profile", "group"),
    ),
    "a member with neither profile nor group": (
        lines("data_source_members", lambda members: members[0].pop("profile")),
        ("data_source_members.ndjson", "line 1", "profile", "group"),
    ),
    "a request without a target": (
        lines("access_requests", lambda requests: requests[0].pop("dataSource")),
        ("access_requests.ndjson", "line 1"),
    ),
    "a request with an unknown status": (
        lines("access_requests", lambda requests: requests[0].update(status="MAYBE")),
        ("access_requests.ndjson", "line 1", "MAYBE"),
    ),
    "a collection present twice": (
        raw("users.ndjson.gz", gzip.compress(USER)),
        ("users.ndjson", "users.ndjson.gz"),
    ),
    "a damaged gzip file": (cut_short(".gz"), ("users.ndjson.gz",)),
    "a damaged zstd file": (cut_short(".zst"), ("users.ndjson.zst",)),
    "a file that is not gzip at all": (
        lambda folder: (folder / "users.ndjson").rename(folder / "users.ndjson.gz"),
        ("users.ndjson.gz",),
    ),
    "an empty folder": (emptied, ("tenant.json",)),
    "a missing folder": (shutil.rmtree, ("tenant",)),
    "a file in place of the folder": (replaced_by_a_file, ("tenant",)),
    "a folder in place of a collection": (collection_replaced_by_a_folder, ("users.ndjson",)),
    "a missing tenant.json": (lambda folder: (folder / "tenant.json").unlink(), ("tenant.json",)),
    "an empty tenant.json": (raw("tenant.json", b""), ("tenant.json",)),
    "a dump made in the future": (tenant_info(dumpedAt="2999-01-01T00:00:00Z"), ("dumpedAt", "2999-01-01", "UTC")),
    "a dump made before the first export day": (
        tenant_info(dumpedAt="2019-12-31T00:00:00Z"),
        ("dumpedAt", "2019-12-31", "2020-01-01"),
    ),
    "a dumpedAt without a zone": (tenant_info(dumpedAt="2026-03-11T06:00:00"), ("tenant.json", "dumpedAt")),
    "a dump older than what is published": (
        tenant_info(dumpedAt=(PUBLISHED_AT - timedelta(days=1)).isoformat()),
        ("2026-03-09", "2026-03-10"),
    ),
}


@pytest.mark.parametrize(("damage", "expected"), DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_dump_is_one_sentence_and_the_published_files_stay(
    damage: Damage, expected: tuple[str, ...], tenant: Path, published: Path
) -> None:
    before = content(published)
    damage(tenant)
    result = export(tenant, published)
    assert_one_sentence(result.exit_code, result.stderr, *expected)
    assert result.stdout == ""
    assert content(published) == before


def test_the_sound_dump_is_published(tenant: Path, published: Path) -> None:
    before = content(published)
    result = export(tenant, published)
    assert result.exit_code == 0, result.stderr
    assert content(published).keys() == before.keys()
    assert all(data != before[name] for name, data in content(published).items())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IMMUTA_ASSETS_EXPORT_TIMEZONE", "Mars/Olympus"),
        ("IMMUTA_ASSETS_LAYOUTS", "prpr3"),
        ("IMMUTA_ASSETS_DUMP_LEAD", "a while"),
        ("IMMUTA_ASSETS_TIMEZONE", "UTC"),
        ("DAGSTER_HOME", "/nowhere/dagster_home"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_the_published_files_stay(
    variable: str, value: str, tenant: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(published)
    monkeypatch.setenv(variable, value)
    result = export(tenant, published)
    assert_one_sentence(result.exit_code, result.stderr, variable)
    assert content(published) == before


def test_an_address_of_no_allowed_form_is_one_sentence_that_does_not_repeat_it(tenant: Path) -> None:
    result = CliRunner().invoke(app, ["export", "--tenant", str(tenant), "--to", "ftp://user:secret@host/export"])
    assert_one_sentence(result.exit_code, result.stderr, "IMMUTA_ASSETS_DESTINATION", "s3://bucket/prefix")
    assert "secret" not in result.stderr


def test_a_target_below_a_file_is_one_sentence(tenant: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = export(tenant, tmp_path / "file" / "published")
    assert_one_sentence(result.exit_code, result.stderr, "a file stands where a folder should be")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_in_place_of_a_published_file_is_one_sentence(tenant: Path, published: Path) -> None:
    target = published / "policy-metadata" / "v=prpr2" / "policy-metadata.parquet"
    target.unlink()
    target.mkdir()
    before = content(published)
    result = export(tenant, published)
    assert_one_sentence(result.exit_code, result.stderr, str(target), "a folder stands where a file should be")
    assert content(published) == before


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount file systems below the test's folder, where the test may (as root on Linux)."""
    mounted: list[Path] = []

    def attempt(*arguments: str) -> Path:
        folder = tmp_path / "mounted"
        folder.mkdir()
        command = ["mount", *arguments, str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only who may mount file systems has a disk to fill")
        mounted.append(folder)
        return folder

    yield attempt
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)  # noqa: S607  # where it lies differs


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(bytes(4096)):
            pass


def test_a_full_disk_is_one_sentence_and_the_published_files_stay(
    tenant: Path, published: Path, mount: Callable[..., Path]
) -> None:
    used = sum(map(len, content(published).values()))
    disk = mount("-t", "tmpfs", "-o", f"size={used // 1024 + 128}k", "none")
    shutil.copytree(published, disk / "published")
    fill(disk)
    result = export(tenant, disk / "published")
    assert_one_sentence(result.exit_code, result.stderr, str(disk), "the disk is full")
    assert content(disk / "published") == content(published)


def test_a_read_only_target_is_one_sentence_and_the_published_files_stay(
    tenant: Path, published: Path, mount: Callable[..., Path]
) -> None:
    folder = mount("--bind", "-o", "ro", str(published))
    result = export(tenant, folder)
    assert_one_sentence(result.exit_code, result.stderr, str(folder), "read-only")
    assert content(folder) == content(published)


def test_a_limit_on_file_sizes_is_one_sentence_and_the_published_files_stay(tenant: Path, published: Path) -> None:
    before = content(published)
    command = ["export", "--tenant", str(tenant), "--to", str(published)]
    process = subprocess.run(
        [sys.executable, "-c", "from immuta_assets.cli import main; main()", *command],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000)),
    )
    assert_one_sentence(process.returncode, process.stderr)
    assert content(published) == before
