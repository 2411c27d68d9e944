"""The repository's own rules: locks, documents, commands, the wall around Dagster. Rules about data do not belong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from immuta_assets import settings

ROOT = Path(__file__).parents[1]
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-dev.lock"]
DAGSTER_WING = ("immuta_assets/orchestration/", "immuta_assets/definitions.py", "immuta_assets/cli/")

# One letter of each stands in brackets, so that this file passes its own rule.
INDEXES = re.compile(r"pypi\.(org|python)|pythonhoste[d]|(index-ur[l]|find-link[s])[ =]")
MACHINE_PATH = re.compile(r"(?<![\w./<}:~-])/(home|root|work|farm|Users)/\w")


def requirements(lock: Path) -> dict[str, str]:
    """Return the text that follows each ``name==version ; marker`` of a lock: its hashes and where it comes from."""
    parts = re.split(r"^(?=\S.*==)", lock.read_text("utf-8"), flags=re.MULTILINE)
    return dict(part.split(" \\\n", maxsplit=1) for part in parts if part)


def tracked() -> list[Path]:
    """Return the files that git tracks or would add, as far as they are text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  # any git will do
        cwd=ROOT,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:1000]]


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_of_a_lock_has_hashes(lock: Path) -> None:
    found = requirements(lock)
    assert "polars==2" in " ".join(found)
    assert [name for name, hashes in found.items() if "--hash=sha256:" not in hashes] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    assert "://" not in lock.read_text("utf-8")


def test_the_lock_of_the_tests_holds_every_pin_of_the_other() -> None:
    runtime, development = map(requirements, LOCKS)
    assert runtime.keys() - development.keys() == set()


def test_no_file_names_a_package_index() -> None:
    assert lines_matching(INDEXES) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_matching(MACHINE_PATH) == []


def test_nothing_but_the_dagster_wing_loads_dagster() -> None:
    paths = [path.relative_to(ROOT) for path in (ROOT / "immuta_assets").rglob("*.py")]
    modules = [".".join(path.with_suffix("").parts) for path in paths if not path.as_posix().startswith(DAGSTER_WING)]
    program = f"import sys, {', '.join(modules)}; sys.exit('dagster' in sys.modules)".replace(".__init__", "")
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def readme_settings() -> dict[str, tuple[str, str]]:
    """Return default and meaning of every variable in README's table."""
    rows = re.findall(
        r"^\| `(IMMUTA_ASSETS_\w+)` \| `?(.*?)`? \| (.*) \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    return {name: (default, meaning) for name, default, meaning in rows}


def test_readme_lists_every_setting_with_its_description() -> None:
    meanings = {name: meaning for name, (_, meaning) in readme_settings().items()}
    assert meanings == {name: field.description for name, field in settings.VARIABLES.items()}


def test_readme_names_the_default_of_every_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ["DAGSTER_HOME", *settings.VARIABLES]:
        monkeypatch.delenv(name, raising=False)
    defaults = settings.load()
    for name, (default, _) in readme_settings().items():
        monkeypatch.setenv(name, default)
    assert settings.load() == defaults


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = {
        target
        for path in documents
        for target in re.findall(r"(?:`|^)make ([a-z]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {"demo", "test"} <= named
    assert named - targets == set()


def test_every_link_of_a_document_leads_to_a_file() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").glob("*.md")]
    links = [(path, link) for path in documents for link in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8"))]
    assert [
        f"{path.name}: {link}" for path, link in links if "://" not in link and not (path.parent / link).exists()
    ] == []


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
