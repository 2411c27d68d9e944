"""Azure's blob storage on loopback: Azurite, installed once per machine with npm, outside the repository.

Requests and shared access signatures are signed here, as Azure documents it; nothing else of Azure is needed. Extend it
when a test needs another part of the service.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from uuid import uuid4

import pytest

VERSION = "3.35.0"
API = "2021-12-02"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that Azurite documents for its one account."""

OPTIONS = ("--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry")


@dataclass(frozen=True)
class Azurite:
    url: str

    def container(self) -> str:
        name = f"container-{uuid4().hex[:12]}"
        date = formatdate(usegmt=True)
        signed = ["PUT", *[""] * 11, f"x-ms-date:{date}", f"x-ms-version:{API}"]
        signed += [f"/{ACCOUNT}/{ACCOUNT}/{name}", "restype:container"]
        authorization = f"SharedKey {ACCOUNT}:{signature(*signed)}"
        headers = {"x-ms-date": date, "x-ms-version": API, "Authorization": authorization}
        request = urllib.request.Request(f"{self.url}/{name}?restype=container", None, headers, method="PUT")  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310
        return name

    def sas(self, container: str, permissions: str, lifetime: timedelta = timedelta(hours=1)) -> str:
        """Return a shared access signature for a container."""
        expiry = f"{datetime.now(UTC) + lifetime:%Y-%m-%dT%H:%M:%SZ}"
        fields = [permissions, "", expiry, f"/blob/{ACCOUNT}/{container}", "", "", "", API, "c", *[""] * 7]
        signed = {"sp": permissions, "se": expiry, "sv": API, "sr": "c", "sig": signature(*fields)}
        return urllib.parse.urlencode(signed)


def address(container: str, prefix: str) -> str:
    return f"abfss://{container}@{ACCOUNT}.dfs.core.windows.net/{prefix}"


def signature(*lines: str) -> str:
    key, text = base64.b64decode(KEY), "\n".join(lines)
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


@contextmanager
def serving() -> Iterator[Azurite]:
    """Serve on a free port of loopback."""
    process = subprocess.Popen([str(installed()), *OPTIONS], stdout=subprocess.PIPE, text=True)
    try:
        yield Azurite(f"{_address(process)}/{ACCOUNT}")
    finally:
        process.terminate()
        process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    printed = []
    for line in process.stdout or ():
        printed.append(line)
        if found := re.search(r"successfully listens on (\S+)", line):
            return found[1]
    pytest.fail(f"Azurite did not start:\n{''.join(printed)}")


def installed() -> Path:
    """Return the command, after installing it where that was not done on this machine; other workers wait."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "immuta-assets" / f"azurite-{VERSION}"
    command = cache / "node_modules" / ".bin" / "azurite-blob"
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.with_name(f"{cache.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not command.exists():
            _install(cache)
    return command


def _install(folder: Path) -> None:
    if not shutil.which("npm"):
        _install_npm()
    new = folder.with_name(f"{folder.name}.{uuid4().hex}")
    _run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(new), f"azurite@{VERSION}")
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def _install_npm() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.fail("The tests of ADLS need Azurite, and that needs npm: install Node.js (apt-get install npm).")
    _run("apt-get", "update")
    _run("apt-get", "install", "--yes", "--no-install-recommends", "nodejs", "npm")


def _run(*command: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
