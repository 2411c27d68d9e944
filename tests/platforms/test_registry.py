"""Platforms are known to the registry alone: one more is a package and a line there, and nobody asks which it is."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from immuta_assets.platforms.registry import KINDS, PLATFORMS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "immuta_assets"
PLATFORMS_PACKAGE = PACKAGE / "platforms"
EXEMPT = (
    "demo",  # draws a history of the two platforms of its tenant
    "layouts/consumers",  # writes the SQL of consumers, who use platforms of their own,
    "cli/layouts.py",  # and prints it
    "datasets/views.py",  # writes the SQL of engines that read what is stored,
    "cli/store.py",  # and prints it
    "tenant",  # reads the names that a dump gives to its fields
    "platforms/registry.py",
)
NAMES = {*(name.lower() for name in PLATFORMS), *KINDS} - {"embedded"}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the audit makes of the history of a platform that only the registry was told of."""
    script, folder = Path(__file__).with_name("made_up_platform.py"), tmp_path_factory.mktemp("made_up")
    command = [sys.executable, str(script), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_registered_platform_has_events_in_its_own_words(outcome: dict[str, Any]) -> None:
    first = json.loads(outcome["lines"][0])
    del first["id"]
    assert first == {
        "action": "QUERY",
        "actor": {"name": "Ann", "type": "USER_ACTOR"},
        "targets": [{"type": "DATASOURCE", "id": "7", "name": "Orders", "technology": "BROOK"}],
        "auditPayload": {
            "queryId": "q1",
            "query": "select 1",
            "technologyContext": {"brookUsername": "ANN", "host": "hill.example", "type": "BrookContext"},
            "objectsAccessed": [
                {
                    "name": "'main'.Sales.orders",
                    "datasourceId": "7",
                    "databaseName": "'main'",
                    "schemaName": "Sales",
                    "type": "TABLE",
                    "columns": [
                        {
                            "name": "amount",
                            "tags": [],
                            "securityProfile": {"sensitivity": {"score": "INDETERMINATE"}},
                        }
                    ],
                    "tags": [],
                    "securityProfile": {"sensitivity": {"score": "INDETERMINATE"}},
                }
            ],
        },
    }


def test_a_registered_platform_has_the_keys_of_its_lines_in_its_own_order(outcome: dict[str, Any]) -> None:
    assert list(json.loads(outcome["lines"][0])) == ["id", "action", "actor", "targets", "auditPayload"]


def test_users_of_a_registered_platform_are_found_by_its_own_rules(outcome: dict[str, Any]) -> None:
    names = [json.loads(line)["actor"]["name"] for line in outcome["lines"]]
    assert names == ["Ann", "Bo", "unknown"]
    assert outcome["unknown"] == [["BROOK", "Nobody"]]


def test_connections_to_a_registered_platform_are_loaded_and_counted(outcome: dict[str, Any]) -> None:
    assert outcome["counted"] == 3
    assert outcome["embedded"] == "BROOK"


def modules() -> list[Path]:
    packages = {path.parent for path in PLATFORMS_PACKAGE.glob("*/__init__.py")}
    exempt = {PACKAGE / name for name in EXEMPT} | packages
    return [path for path in PACKAGE.rglob("*.py") if not exempt & {path, *path.parents}]


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Identifiers and imported modules of a module, and texts that are a single word, with their lines."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield line, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.alias(name=name):
                yield line, name
            case ast.ImportFrom(module=str(name)):
                yield line, name
            case ast.Constant(value=str(text)) if text.isidentifier():
                yield line, text


def named(paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} {word}"
        for path in paths
        for line, word in words(path)
        if any(name in word.lower() for name in NAMES)
    ]


def test_no_module_outside_its_package_and_the_registry_names_a_platform() -> None:
    assert {"snowflake", "databricks", "unity_catalog"} <= NAMES
    assert named(modules()) == []


def test_the_search_for_names_finds_what_it_looks_for() -> None:
    assert named([PLATFORMS_PACKAGE / "registry.py"])
    assert len(modules()) > 50
