"""A process that is killed at any point, and its tick repeated, leaves the same live files as one that never was.

``RELIABILITY=full`` kills 200 times.
"""

from __future__ import annotations

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
import polars as pl
import pytest

from immuta_assets.audit.stored import open_connection_data, open_unknown_users
from immuta_assets.datasets.root import DRAFTS, StoreRoot
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
    """A store, the folder for temporary files, and the settings of the processes that work with them."""

    store: Path
    temporary: Path
    environment: dict[str, str]

    def begin(self, moment: datetime) -> subprocess.Popen[bytes]:
        """Begin a tick, and return its process when it has loaded everything."""
        command = [sys.executable, str(TICK), CONNECTION, moment.isoformat()]
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", process.communicate()
        return process

    def states(self) -> dict[str, dict[str, str]]:
        """Return the live files of every hourly frame, with their digests."""
        hourly = open_connection_data(StoreRoot(str(self.store)), CONNECTION).tables
        return {name: dataset.state() for name, dataset in hourly.items()}

    def read_unknown_users(self) -> pl.DataFrame:
        return open_unknown_users(StoreRoot(str(self.store))).scan().collect()

    def find_exposed(self) -> list[Path]:
        """Return the drafts and temporary files that others may read, since nothing above them keeps them out."""
        folders = [self.store / DRAFTS, *self.temporary.iterdir()]
        return [path for path in folders if path.exists() and path.stat().st_mode & 0o077]


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
    temporary = tenant / f"{name}-temporary"
    temporary.mkdir()
    environment = {
        "TMPDIR": str(temporary),
        "IMMUTA_ASSETS_STORE": str(store),
        "IMMUTA_ASSETS_TENANT": str(tenant / "tenant"),
        "IMMUTA_ASSETS_CONNECTIONS": str(tenant / "tenant" / "connections.yaml"),
    }
    return Deployment(store, temporary, os.environ | environment)


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


def test_kills_leave_the_live_files_of_an_undisturbed_run(tenant: Path) -> None:
    undisturbed, disturbed = deployment(tenant, "undisturbed"), deployment(tenant, "disturbed")
    rng = random.Random(0)
    for moment, kills in zip(TICKS, kills_per_tick(), strict=True):
        seconds = finished(undisturbed.begin(moment))
        for _ in range(kills):
            while not killed(disturbed.begin(moment), rng.uniform(0, seconds)):
                pass
            assert disturbed.find_exposed() == []
        finished(disturbed.begin(moment))
        assert disturbed.states() == undisturbed.states()
        sys.stderr.write(f"{moment:%Y-%m-%d %H:%M} UTC: {kills:,} kills\n" if FULL else "")
    assert all(undisturbed.states().values())
    assert disturbed.read_unknown_users().equals(undisturbed.read_unknown_users())


def test_what_is_made_of_all_hours_is_made_by_the_next_tick_where_it_is_missing(tenant: Path) -> None:
    killed_last = deployment(tenant, "killed-last")
    finished(killed_last.begin(TICKS[0]))
    before = killed_last.read_unknown_users()
    (killed_last.store / "audit" / "unknown_users" / "all.parquet").unlink()
    finished(killed_last.begin(TICKS[0]))
    assert killed_last.read_unknown_users().equals(before)
