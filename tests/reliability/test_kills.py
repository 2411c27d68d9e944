"""A process that is killed at any point, and its tick repeated, leaves the same bytes as one that never was.

``RELIABILITY=full`` kills 200 times.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import dagster as dg
import pytest

from immuta_assets.demo import query_history as demo
from immuta_assets.demo.tenant import write_demo
from immuta_assets.orchestration.run import run_export
from immuta_assets.platforms.embedded import reader as embedded
from immuta_assets.settings import load
from immuta_assets.tenant import dump

FULL = os.environ.get("RELIABILITY") == "full"
KILLS = 200 if FULL else 4
AT = datetime(2026, 5, 8, 17, 30, tzinfo=UTC)
"""A Friday, when people work; the demo's history ends then."""
TICKS = [AT.replace(minute=5) + timedelta(hours=hours) for hours in (range(-12, 6) if FULL else (-3, -1))]
CONNECTION = "demo_snowflake"
TICK = Path(__file__).with_name("tick.py")


class Deployment(NamedTuple):
    """A store and the settings of the processes that work on it."""

    store: Path
    environment: dict[str, str]

    def begin(self, moment: datetime) -> subprocess.Popen[bytes]:
        """Begin a tick, and return its process when it has loaded everything."""
        command = [sys.executable, str(TICK), CONNECTION, moment.isoformat()]
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", process.communicate()
        return process

    def files(self) -> dict[str, str]:
        """Return the digest of everything that is stored of query history, but for the work list that is the plan."""
        return {
            str(path.relative_to(self.store)): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in ("query_history", "audit")
            for path in sorted((self.store / folder).rglob("*"))
            if path.is_file() and "plan" not in path.parts
        }


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a demo tenant, its history, and a store into which the tenant was exported."""
    folder = tmp_path_factory.mktemp("kills")
    write_demo(folder / "tenant", at=AT)
    statements, accesses = demo.draw_history(dump.read(folder / "tenant", demo.COLLECTIONS), seed=0, at=AT)
    embedded.write_history(folder / "tenant" / "history.duckdb", statements, accesses)
    short = demo.CONNECTIONS.replace("path:", "reread: [5m, 1h, 2h, 3h, 6h]\n    path:")
    (folder / "tenant" / "connections.yaml").write_text(short)
    settings = load(tenant=str(folder / "tenant"), store=folder / "store", destination=folder / "published")
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_export(settings, instance=instance).failure is None
    return folder


def deployment(tenant: Path, name: str) -> Deployment:
    store = tenant / name
    shutil.copytree(tenant / "store", store)
    environment = {
        "IMMUTA_ASSETS_STORE": str(store),
        "IMMUTA_ASSETS_TENANT": str(tenant / "tenant"),
        "IMMUTA_ASSETS_CONNECTIONS": str(tenant / "tenant" / "connections.yaml"),
    }
    return Deployment(store, os.environ | environment)


def finished(process: subprocess.Popen[bytes]) -> float:
    """Wait for a tick and return how many seconds it worked."""
    begun = monotonic()
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return monotonic() - begun


def killed(process: subprocess.Popen[bytes], after: float) -> bool:
    """Kill a tick after some seconds, unless it is done by then; return whether it was killed."""
    sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def kills_per_tick() -> Iterator[int]:
    """Spread the kills over the ticks, the remainder over the first of them."""
    for tick in range(len(TICKS)):
        yield KILLS // len(TICKS) + (tick < KILLS % len(TICKS))


def test_kills_leave_the_bytes_of_an_undisturbed_run(tenant: Path) -> None:
    undisturbed, disturbed = deployment(tenant, "undisturbed"), deployment(tenant, "disturbed")
    rng = random.Random(0)
    for moment, kills in zip(TICKS, kills_per_tick(), strict=True):
        seconds = finished(undisturbed.begin(moment))
        for _ in range(kills):
            while not killed(disturbed.begin(moment), rng.uniform(0, seconds)):
                pass
        finished(disturbed.begin(moment))
        sys.stderr.write(f"{moment:%Y-%m-%d %H:%M} UTC: {kills:,} kills\n" if FULL else "")
    assert undisturbed.files()
    assert disturbed.files() == undisturbed.files()
