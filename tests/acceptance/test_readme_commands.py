"""README.md keeps its word: the commands, tables, variables and links it shows are those of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from immuta_assets.cli import app
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.settings import VARIABLES, load

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose first heading is ``heading``, their cells without backticks."""
    _, _, rest = README.partition(f"| {heading} |")
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands of ``make demo`` were run, with this Python in place of ``.venv``."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "dagster_home").mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", folder / "dagster_home")
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    for command in recipe("demo")[1:]:
        arguments = command.replace("$(DEMO)", "dagster_home/demo").split()[1:]
        subprocess.run(
            [sys.executable, "-c", "from immuta_assets.cli import main; main()", *arguments],
            cwd=folder,
            env=environment | {"DAGSTER_HOME": str(folder / "dagster_home")},
            check=True,
        )
    return folder


def recipe(target: str) -> list[str]:
    (lines,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    return [line.strip() for line in lines.splitlines()]


def test_make_demo_publishes_every_file_of_every_layout(demo: Path) -> None:
    found = {path.name for path in (demo / "dagster_home/demo/published").glob("*/v=*/*.parquet")}
    assert found == {f"{name}.parquet" for layout in LAYOUTS.values() for name in layout.tables}


def test_make_demo_leaves_its_run_and_its_assets_in_the_instance(demo: Path) -> None:
    assert list(demo.glob("dagster_home/history/runs/*.db"))
    assert len(list(demo.glob("dagster_home/demo/store/prpr2/policy-outcomes/*.parquet"))) == 1


def test_the_program_answers_on_what_make_demo_published(demo: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    answer = subprocess.run([sys.executable, "-c", program], cwd=demo, check=True, capture_output=True, text=True)
    assert len(answer.stdout.splitlines()) > 5
    assert "0 rows" not in answer.stdout


def test_every_make_target_that_is_named_exists() -> None:
    named = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert {"demo", "test", "ui"} <= named
    assert named <= set(re.findall(r"^(\w+):", MAKEFILE, re.MULTILINE))


def shown_commands() -> list[str]:
    """Every command line that README or a page of docs shows."""
    pages = [README, *(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))]
    return sorted({command for page in pages for command in re.findall(r"(?:`|^)immuta-assets ([a-z][^`\n]*)", page)})


@pytest.mark.parametrize("command", shown_commands())
def test_every_command_that_is_shown_has_its_options(command: str) -> None:
    words = re.findall(r"[a-z]+(?= )", command.partition(" -")[0].partition(" [")[0].partition(" \\|")[0] + " ")
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0
    assert set(re.findall(r"--\w+", command)) <= set(re.findall(r"--\w+", shown.stdout))


def test_the_table_of_variables_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*VARIABLES, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    rows = table("variable")
    assert [(name, meaning) for name, _, meaning in rows] == [
        (name, info.description) for name, info in VARIABLES.items()
    ]
    for name, default, _ in rows:
        monkeypatch.setenv(name, default)
    shown = load()
    for name in VARIABLES:
        monkeypatch.delenv(name)
    assert shown == load()


def test_the_table_of_files_is_that_of_the_newest_layout() -> None:
    assert {row[0] for row in table("file")} == LAYOUTS["prpr2"].tables.keys()


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
