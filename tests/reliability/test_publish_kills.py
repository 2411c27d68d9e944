"""A process that is killed while it publishes never leaves a mixed set that a reader takes for complete.

``RELIABILITY=full`` kills 100 times.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
from exports import DAY, LAYOUT, export, publish_to

from immuta_assets.object_store.folder import FolderStore
from immuta_assets.publishing.manifest import State, published_key, read_states

FULL = os.environ.get("RELIABILITY") == "full"
KILLS = 100 if FULL else 5
PUBLICATION = Path(__file__).with_name("publication.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders with the exports of some days, each large enough to be killed within."""
    folder = tmp_path_factory.mktemp("exports")
    days = [folder / f"{day:02}" for day in range(8)]
    for day, path in enumerate(days):
        export(path, DAY + timedelta(days=day), rows=200_000)
    return days


def files_in(folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.parquet" for name in LAYOUT.tables}


def begin(destination: Path, exports: list[Path]) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PUBLICATION), str(destination), *map(str, exports)]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n", process.communicate()
    return process


def duration(process: subprocess.Popen[bytes]) -> float:
    """Wait for an undisturbed process, and return how many seconds it worked."""
    begun = monotonic()
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return monotonic() - begun


def digests(folder: Path, version: str = LAYOUT.version) -> dict[str, str]:
    paths = {name: folder / published_key(version, name) for name in LAYOUT.tables}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items() if path.exists()}


def believed(folder: Path) -> bool:
    """Whether a reader takes for complete what lies there."""
    manifest = folder / f"_manifest/v={LAYOUT.version}.json"
    named = json.loads(manifest.read_bytes())["files"] if manifest.exists() else {}
    return bool(named) and digests(folder) == {name: file["sha256"] for name, file in named.items()}


def written(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files_in(folder).items()}


def test_kills_leave_no_mixed_set_that_is_taken_for_complete(exports: list[Path], tmp_path: Path) -> None:
    sets = [written(folder) for folder in exports]
    seconds, rng, kills, mixed = duration(begin(tmp_path / "undisturbed", exports)), random.Random(0), 0, 0
    while kills < KILLS:
        destination = tmp_path / f"published{kills}"
        process = begin(destination, exports)
        sleep(rng.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        mixed += digests(destination) not in ({}, *sets)
        assert not believed(destination) or digests(destination) in sets
        states = set(read_states(FolderStore(destination), LAYOUT.version).values())
        assert State.ALTERED not in states
        publish_to([FolderStore(destination)], files_in(exports[-1]))
        assert believed(destination)
        assert digests(destination) == sets[-1]
        assert sum(path.is_file() for path in destination.rglob("*")) == len(LAYOUT.tables) + 1
    sys.stderr.write(f"{kills:,} kills, {mixed:,} of them within a switch\n" if FULL else "")
