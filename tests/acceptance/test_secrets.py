"""No secret is left in anything that a run writes: files, the event log, the console, what the UI is told."""

from __future__ import annotations

import base64
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from fakes import s3_server
from fakes.s3_server import ACCOUNT, S3Server
from typer.testing import CliRunner

from immuta_assets import settings as project
from immuta_assets.cli import app
from immuta_assets.definitions import build_graph
from immuta_assets.platforms import connections

ROOT = Path(__file__).parents[2]
SECRETS = {
    name: f"hidden/{name}+{number}="
    for number, name in enumerate(("external-id", "notify", "snowflake", "databricks", "passphrase"))
}
CONNECTIONS = """
  - {name: sf, kind: snowflake, account: acme, user: U, password: {env: SF}, role: R, warehouse: W,
     connect_options: {host: 127.0.0.1, port: 9, protocol: http, login_timeout: 1, proxy_password: {env: PASSPHRASE}}}
  - {name: uc, kind: unity_catalog, host: 127.0.0.1, http_path: /sql/1, token: {env: UC},
     connect_options: {_port: 9, _retry_stop_after_attempts_count: 1, _retry_stop_after_attempts_duration: 1}}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    ],
}
ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Installation(NamedTuple):
    """A folder with everything that runs write, the variables they see, and every secret among these."""

    folder: Path
    environment: dict[str, str | None]
    secrets: list[str]

    def run(self, *arguments: str) -> int:
        """Run a command and keep what it prints; return its exit code."""
        done = CliRunner(env=self.environment).invoke(app, arguments)
        with (self.folder / "console.log").open("a", encoding="utf-8") as log:
            log.write(done.output)
        return done.exit_code


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server.serving() as server:
        yield server


@pytest.fixture(scope="module")
def installation(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("secrets")
    home = folder / "dagster_home"
    home.mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
    _, key = s3.user(ALLOW_ALL)
    secrets = [*SECRETS.values(), key["AWS_SECRET_ACCESS_KEY"]]
    others = dict.fromkeys(name for name in os.environ if name.startswith(("AWS_", project.PREFIX)))
    environment = key | {
        "DAGSTER_HOME": str(home),
        "AWS_ENDPOINT_URL": s3.url,
        "AWS_REGION": s3_server.REGION,
        "IMMUTA_ASSETS_DESTINATION": f"s3://{s3.bucket()}/export",
        "IMMUTA_ASSETS_S3_ROLE_ARN": s3.role(TRUST, ALLOW_ALL),
        "IMMUTA_ASSETS_S3_EXTERNAL_ID": SECRETS["external-id"],
        "IMMUTA_ASSETS_NOTIFY": f"json://user:{quote(SECRETS['notify'], safe='')}@127.0.0.1:9/",
        "SF": SECRETS["snowflake"],
        "UC": SECRETS["databricks"],
        "PASSPHRASE": SECRETS["passphrase"],
    }
    return Installation(folder, others | environment, secrets)


def test_nothing_that_runs_write_holds_a_secret(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, run = installation.folder, installation.run
    assert run("demo") == 0
    with (folder / "dagster_home/demo/tenant/connections.yaml").open("a", encoding="utf-8") as file:
        file.write(CONNECTIONS)
    assert run("export") == 0
    assert run("export", "--to", "s3://no-such-bucket/export") == 2
    assert run("ingest", "--connection", "demo_snowflake", "--since", "2h") == 0
    assert [run("ingest", "--connection", name, "--since", "1h") for name in ("sf", "uc")] == [2, 2]
    assert [run("status"), run("doctor")] == [1, 1]

    for name, value in installation.environment.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    (folder / "told.log").write_text("\n".join([*_told_by_sensors(), caplog.text]), "utf-8")

    for failed in ("no-such-bucket", "sf: ", "uc: "):
        assert failed in (folder / "console.log").read_text("utf-8")
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert len([path for path in written if path.suffix == ".db"]) > 4
    assert leaks(written, installation.secrets) == []


def _told_by_sensors() -> Iterator[str]:
    """What sensors say of the runs so far, and everything that the UI is told of the definitions."""
    settings = project.load()
    yield repr(settings)
    yield repr(connections.load(settings.connections, os.environ))
    definitions = build_graph(settings)
    yield repr(definitions)
    repository = definitions.get_repository_def()
    with warnings.catch_warnings():
        # Dagster reads a property of schedules that it deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        yield serialize_value(RepositorySnap.from_def(repository))
    with dg.DagsterInstance.get() as instance:
        for sensor in repository.sensor_defs:
            context = dg.build_sensor_context(instance, repository_def=repository, sensor_name=sensor.name)
            yield repr(sensor.evaluate_tick(context))


def leaks(paths: list[Path], secrets: list[str]) -> list[str]:
    """Name the files that hold a secret, in clear or in a usual disguise."""
    disguises: list[Callable[[str], str]] = [
        str,
        lambda secret: quote(secret, safe=""),
        quote,
        lambda secret: json.dumps(secret)[1:-1],
        lambda secret: secret.replace("/", "\\/"),
        lambda secret: base64.b64encode(secret.encode()).decode(),
    ]
    wanted = {(number, disguise(secret).encode()) for number, secret in enumerate(secrets) for disguise in disguises}
    return [f"{path.name}: secret {number}" for path in paths for number, text in wanted if text in path.read_bytes()]


def test_a_leak_would_be_found(tmp_path: Path) -> None:
    secrets = list(SECRETS.values())
    for number, secret in enumerate(secrets):
        (tmp_path / f"{number}.log").write_bytes(b"\0 " + quote(secret, safe="").encode())
    assert len(leaks(list(tmp_path.iterdir()), secrets)) == len(secrets)
