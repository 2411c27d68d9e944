"""What can go wrong with a store, made to happen on the servers: what people are told, and that no secret shows."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import azurite, s3_server
from fakes.azurite import Azurite
from fakes.proxy import Proxy, passing_on
from fakes.s3_server import S3Server

from immuta_assets.object_store import (
    MissingError,
    Store,
    StoreError,
    StoreOptions,
    UnavailableError,
    open_store,
)
from immuta_assets.object_store.folder import FolderStore

NOBODY = 65534

OPERATIONS: dict[str, Callable[[Store, Path], object]] = {
    "put_file": lambda store, folder: store.put_file(folder / "x", "x"),
    "put_bytes": lambda store, _: store.put_bytes("x", b"new"),
    "read": lambda store, _: store.read("x"),
    "get_file": lambda store, folder: store.get_file("x", folder / "y"),
    "head": lambda store, _: store.head("x"),
    "list": lambda store, _: store.list(),
    "move": lambda store, _: store.move("x", "y"),
    "delete": lambda store, _: store.delete("x"),
}
EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS)
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"


def failure(operation: str, store: Store, folder: Path) -> StoreError:
    (folder / "x").write_bytes(b"one")
    with pytest.raises(StoreError) as failed:
        OPERATIONS[operation](store, folder)
    assert not isinstance(failed.value, MissingError)
    assert str(failed.value).startswith("Cannot ")
    assert str(failed.value).count("\n") == 0
    return failed.value


@EVERY_OPERATION
@pytest.mark.parametrize("kind", ["s3", "adls", "gcs"])
def test_a_missing_container_is_no_missing_object(
    kind: str, operation: str, request: pytest.FixtureRequest, impatient: StoreOptions, tmp_path: Path
) -> None:
    request.getfixturevalue(kind)
    address = {"s3": "s3://nowhere/a", "gs": "gs://nowhere/a", "adls": azurite.address("nowhere", "a")}
    store = open_store(address.get(kind, "gs://nowhere/a"), impatient)
    assert "nowhere" in str(failure(operation, store, tmp_path))
    assert "does not exist, create it or correct the destination" in str(failure(operation, store, tmp_path))


@EVERY_OPERATION
def test_an_action_that_is_not_allowed_is_named_with_its_resource(
    operation: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch, impatient: StoreOptions, tmp_path: Path
) -> None:
    action = {"put": "PutObject", "get": "GetObject", "list": "ListBucket", "delete": "DeleteObject"}
    bucket = s3.bucket()
    _, key = s3.user()
    for name, value in key.items():
        monkeypatch.setenv(name, value)
    with s3.enforcing():
        message = str(failure(operation, open_store(f"s3://{bucket}/a", impatient), tmp_path))
    resource = f"arn:aws:s3:::{bucket}" if operation == "list" else f"arn:aws:s3:::{bucket}/a/*"
    assert "permission is missing, allow s3:" in message
    assert f"s3:{action.get(operation.split('_', maxsplit=1)[0], 'GetObject')}" in message
    assert f" on {resource}" in message


@pytest.mark.parametrize(
    ("operation", "letters", "action"),
    [
        ("put_bytes", "rld", "write"),
        ("put_file", "rld", "write"),
        ("read", "cwld", "read"),
        ("head", "cwld", "read"),
        ("list", "rcwd", "read"),
        ("move", "rld", "write"),
        ("delete", "rcwl", "delete"),
    ],
)
def test_a_signature_that_allows_too_little_is_told_the_permission(
    operation: str,
    letters: str,
    action: str,
    adls: Azurite,
    monkeypatch: pytest.MonkeyPatch,
    impatient: StoreOptions,
    tmp_path: Path,
) -> None:
    container = adls.container()
    address = azurite.address(container, "a")
    open_store(address).put_bytes("x", b"one")
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", adls.sas(container, letters))
    message = str(failure(operation, open_store(address, impatient), tmp_path))
    assert f"{BLOBS}/{action}" in message
    assert f"on the container {container} of the account {azurite.ACCOUNT}" in message


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """Lose the rights of root, for whom no permission is missing."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("operation", ["put_bytes", "move", "delete"])
def test_a_folder_that_may_not_be_written_is_named(
    operation: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store = FolderStore(tmp_path / "published")
    store.put_bytes("x", b"one")
    store.folder.chmod(0o555)
    request.getfixturevalue("unprivileged")
    with pytest.raises(StoreError, match=rf"^Cannot \w+ {tmp_path}/published/[xy]: permission is missing, grant it"):
        OPERATIONS[operation](store, tmp_path)


def test_a_folder_that_may_not_be_read_is_not_taken_for_empty(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store = FolderStore(tmp_path / "published")
    store.put_bytes("a/x", b"one")
    (tmp_path / "published" / "a").chmod(0o000)
    request.getfixturevalue("unprivileged")
    for look in (store.list, lambda: store.head("a/x")):
        with pytest.raises(StoreError, match="permission is missing"):
            look()


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "published").write_text("", "utf-8")
    with pytest.raises(StoreError, match="a file stands where a folder should be"):
        FolderStore(tmp_path / "published").put_bytes("x", b"one")


def test_what_a_killed_writer_left_is_neither_listed_nor_kept(tmp_path: Path) -> None:
    (tmp_path / ".x.0123.unfinished").write_text("half", "utf-8")
    store = FolderStore(tmp_path)
    assert store.list() == []
    store.put_bytes("x", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def credentials_for(kind: str, server: S3Server | Azurite) -> tuple[str, dict[str, str]]:
    """Return an address, and variables with credentials of the named kind that do not work."""
    match kind, server:
        case "wrong key", S3Server():
            _, key = server.user()
            return f"s3://{server.bucket()}/a", key | {"AWS_SECRET_ACCESS_KEY": "hidden-secret"}
        case "unknown key", S3Server():
            key = {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN", "AWS_SECRET_ACCESS_KEY": "hidden-secret"}
            return f"s3://{server.bucket()}/a", key
        case "wrong key", Azurite():
            key = {"AZURE_STORAGE_ACCOUNT_KEY": "aGlkZGVuLXNlY3JldA=="}
            return azurite.address(server.container(), "a"), key
        case "expired signature", Azurite():
            container = server.container()
            token = server.sas(container, "rcwdl", timedelta(hours=-1))
            return azurite.address(container, "a"), {"AZURE_STORAGE_SAS_TOKEN": token}
    raise LookupError(kind)


@EVERY_OPERATION
@pytest.mark.parametrize(
    ("service", "kind"),
    [("s3", "wrong key"), ("s3", "unknown key"), ("adls", "wrong key"), ("adls", "expired signature")],
)
def test_credentials_that_do_not_work_are_named_by_their_variables_only(
    service: str,
    kind: str,
    operation: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    impatient: StoreOptions,
    tmp_path: Path,
) -> None:
    server = request.getfixturevalue(service)
    address, variables = credentials_for(kind, server)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = open_store(address, impatient)
    if isinstance(server, S3Server):
        with server.enforcing():
            problem = failure(operation, store, tmp_path)
    else:
        problem = failure(operation, store, tmp_path)
    assert "the credentials are missing, wrong or expired" in str(problem)
    shown = "".join(traceback.format_exception(problem)) + repr(store) + repr(problem)
    assert problem.__context__ is None
    assert all(name in str(problem) for name in variables)
    assert not any(value in shown for value in variables.values())


def test_malformed_credentials_are_named_by_their_variables_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, impatient: StoreOptions
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "hidden-secret!")
    with pytest.raises(StoreError, match="AZURE_STORAGE_ACCOUNT_KEY") as refused:
        open_store(azurite.address("audit", "a"), impatient).read("x")
    assert "hidden-secret" not in "".join(traceback.format_exception(refused.value))
    (tmp_path / "account.json").write_text('{"private_key": "hidden-secret"}', "utf-8")
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    with pytest.raises(StoreError, match="GOOGLE_APPLICATION_CREDENTIALS") as refused:
        open_store("gs://bucket/a", impatient)
    assert "hidden-secret" not in "".join(traceback.format_exception(refused.value))


def test_no_credentials_for_s3_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="there are no AWS credentials, set or renew AWS_ACCESS_KEY_ID"):
        open_store("s3://bucket/a")
    monkeypatch.setenv("AWS_PROFILE", "unknown")
    with pytest.raises(StoreError, match="AWS_PROFILE"):
        open_store("s3://bucket/a")


ENDPOINTS = {"s3": "AWS_ENDPOINT_URL", "adls": "AZURE_STORAGE_ENDPOINT", "gcs": "GOOGLE_BASE_URL"}


@pytest.fixture(params=ENDPOINTS)
def stumbling(
    request: pytest.FixtureRequest,
    destinations: dict[str, Callable[[], str]],
    monkeypatch: pytest.MonkeyPatch,
    impatient: StoreOptions,
) -> Iterator[tuple[Store, Proxy]]:
    """A store behind a server that can be made to stumble."""
    address, variable = destinations[request.param](), ENDPOINTS[request.param]
    path = f"/{azurite.ACCOUNT}" if request.param == "adls" else ""
    with passing_on(Proxy(os.environ[variable])) as proxy:
        monkeypatch.setenv(variable, proxy.url + path)
        yield open_store(address, impatient), proxy


@EVERY_OPERATION
def test_a_server_that_stumbles_is_asked_again(operation: str, stumbling: tuple[Store, Proxy], tmp_path: Path) -> None:
    store, proxy = stumbling
    (tmp_path / "x").write_bytes(b"one")
    store.put_bytes("x", b"one")
    proxy.stumbles, asked = 1, len(proxy.seen)
    OPERATIONS[operation](store, tmp_path)
    assert proxy.stumbles == 0
    assert len(proxy.seen) > asked + 1


def test_a_conditional_write_whose_answer_gets_lost_is_no_conflict(stumbling: tuple[Store, Proxy]) -> None:
    store, proxy = stumbling
    proxy.stumbles, proxy.lose_answers = 1, True
    etag = store.put_bytes("x", b"one", if_absent=True)
    proxy.stumbles = 1
    store.put_bytes("x", b"two", if_match=etag)
    assert (proxy.stumbles, store.read("x")) == (0, b"two")


def test_a_server_that_goes_on_stumbling_may_be_tried_again_later(stumbling: tuple[Store, Proxy]) -> None:
    store, proxy = stumbling
    proxy.stumbles = 1000
    with pytest.raises(UnavailableError, match=r"^Cannot write .*/x: the store answers 503, try again later\.$"):
        store.put_bytes("x", b"one")


@EVERY_OPERATION
@pytest.mark.parametrize("kind", ENDPOINTS)
def test_a_server_that_is_down_may_be_tried_again_later(
    kind: str,
    operation: str,
    destinations: dict[str, Callable[[], str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    address = destinations[kind]()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv(ENDPOINTS[kind], f"http://127.0.0.1:{closed.getsockname()[1]}/{azurite.ACCOUNT}")
    store = open_store(address, StoreOptions(patience=timedelta(milliseconds=200)))
    problem = failure(operation, store, tmp_path)
    assert isinstance(problem, UnavailableError)
    assert "the store does not answer, check the network and the endpoint, and try again" in str(problem)


def test_a_store_that_gives_no_tags_cannot_be_used(gcs: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    translation = replace(s3_server.as_google_cloud_storage(gcs), translate_answer=dict)
    with passing_on(translation) as proxy:
        monkeypatch.setenv("GOOGLE_BASE_URL", proxy.url)
        with pytest.raises(StoreError, match="without a tag of the object"):
            open_store(f"gs://{gcs.bucket()}/a").put_bytes("x", b"one")
