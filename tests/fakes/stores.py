"""Object stores to publish to: a folder, and servers on loopback for each cloud."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import azurite, s3_server
from fakes.azurite import Azurite
from fakes.proxy import passing_on
from fakes.s3_server import S3Server

from immuta_assets.object_store import Store, StoreOptions, open_store

STORES = ("folder", "s3", "adls", "gcs")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide this machine's own credentials for any cloud."""
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws_config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws_credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def impatient() -> StoreOptions:
    """Give up soon, since nothing here gets better by waiting."""
    return StoreOptions(patience=timedelta(seconds=2))


@pytest.fixture(scope="session")
def s3_service() -> Iterator[S3Server]:
    with s3_server.serving() as server:
        yield server


@pytest.fixture(scope="session")
def azure_service() -> Iterator[Azurite]:
    with azurite.serving() as server:
        yield server


@pytest.fixture
def s3(s3_service: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, and the variables that name it and an access key."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_service.url)
    monkeypatch.setenv("AWS_REGION", s3_server.REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHETEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
    return s3_service


@pytest.fixture
def adls(azure_service: Azurite, monkeypatch: pytest.MonkeyPatch) -> Azurite:
    """The server, and the variables that name it and the account key."""
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azure_service.url)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azurite.KEY)
    return azure_service


@pytest.fixture
def gcs(s3_service: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3Server]:
    """The server behind a translation, and the variables that name it and an account without a key."""
    account = {"client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": True}
    (tmp_path / "service_account.json").write_text(json.dumps(account), "utf-8")
    with passing_on(s3_server.as_google_cloud_storage(s3_service)) as proxy:
        monkeypatch.setenv("GOOGLE_BASE_URL", proxy.url)
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "service_account.json"))
        yield s3_service


@pytest.fixture
def destinations(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Callable[[], str]]:
    """Return, by kind, what makes a new, empty place to publish to and says its address."""
    return {
        "folder": lambda: str(tmp_path / "published"),
        "s3": lambda: f"s3://{request.getfixturevalue('s3').bucket()}/access/summary",
        "adls": lambda: azurite.address(request.getfixturevalue("adls").container(), "access/summary"),
        "gcs": lambda: f"gs://{request.getfixturevalue('gcs').bucket()}/access/summary",
    }


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, destinations: dict[str, Callable[[], str]], impatient: StoreOptions) -> Store:
    """A new, empty store of each kind in turn."""
    return open_store(destinations[request.param](), impatient)
