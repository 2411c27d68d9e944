"""The definitions load for Dagster's own tools, with and without settings."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import dagster as dg

from immuta_assets import definitions
from immuta_assets.settings import PREFIX, load

ROOT = Path(definitions.__file__).parents[1]


def check_definitions(**variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [str(Path(sys.executable).with_name("dg")), "check", "defs"]
    return subprocess.run(
        command, cwd=ROOT, env=inherited | variables, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_definitions_are_loadable(tmp_path: Path) -> None:
    dg.Definitions.validate_loadable(definitions.build_graph(load(store=tmp_path)))


def test_building_the_graph_warns_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        definitions.build_graph(load(store=tmp_path))
    assert caught == []


def test_dg_check_defs_accepts_the_project() -> None:
    result = check_definitions()
    assert result.returncode == 0, result.stdout + result.stderr


def test_dg_check_defs_shows_a_wrong_setting() -> None:
    result = check_definitions(IMMUTA_ASSETS_EXPORT_TIMEZONE="Mars/Olympus")
    assert result.returncode != 0
    assert "IMMUTA_ASSETS_EXPORT_TIMEZONE is 'Mars/Olympus'" in result.stdout + result.stderr
