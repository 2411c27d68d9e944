"""The commands ``immuta-assets layouts …``: what they print for people and for programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from immuta_assets.cli import layouts
from immuta_assets.layouts.consumers import PLATFORMS, build_sql, plan_cutover, render_guide, render_script
from immuta_assets.layouts.diff import compare_layouts
from immuta_assets.layouts.record import compute_code_version
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.settings import VARIABLES


def run(*arguments: str) -> Result:
    return CliRunner().invoke(layouts.app, arguments, env={"NO_COLOR": "1"})


def printed(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_list_names_every_version_with_its_life_and_size() -> None:
    report = printed("list", "--day", "2027-01-31")
    assert report == {
        "export_day": "2027-01-31",
        "layouts": [
            {
                "layout": version,
                "life": life,
                "until": until,
                "tables": tables,
                "columns": columns,
                "code_version": compute_code_version(LAYOUTS[version]),
            }
            for version, life, until, tables, columns in [
                ("prpr1", "retired", None, 5, 47),
                ("prpr2", "active", None, 12, 102),
            ]
        ],
        "stale": [],
    }


def test_list_tells_people_when_the_choice_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_LAYOUTS", "prpr1")
    lines = run("list").stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:4]] == [["prpr1", "active"], ["prpr2", "retired"]]
    assert lines[4].startswith("Layout prpr2 is the newest, but not active:")


def test_show_has_every_column_with_its_promises() -> None:
    report = printed("show", "prpr2")
    assert {name: [column["name"] for column in table["columns"]] for name, table in report["tables"].items()} == {
        name: schema.column_names() for name, schema in LAYOUTS["prpr2"].tables.items()
    }
    assert report["tables"]["policy-metadata"]["unique_by"] == ["policy_id"]
    assert report["tables"]["policy-metadata"]["columns"][2] == {
        "name": "access_type",
        "type": "string",
        "nullable": False,
        "guide_nullable": False,
        "values": ["GRANT", "GUARDRAIL"],
        "description": LAYOUTS["prpr2"].tables["policy-metadata"].columns()["access_type"].description,
    }


def test_show_is_a_table_per_table_for_people() -> None:
    shown = run("show", "prpr1").stdout
    assert (
        "policy-metadata: A global subscription policy that is neither staged nor deleted. Unique by policy_id."
        in shown
    )
    assert all(name in shown for schema in LAYOUTS["prpr1"].tables.values() for name in schema.column_names())


def test_diff_tells_the_same_to_people_and_to_programs() -> None:
    changes = compare_layouts(LAYOUTS["prpr1"], LAYOUTS["prpr2"])
    assert printed("diff", "prpr1", "prpr2") == [change._asdict() for change in changes]
    shown = run("diff", "prpr1", "prpr2").stdout
    assert "tag-metadata.data_source_id  column removed   breaking" in shown
    assert all(change.remedy.split(".")[0][:40] in shown for change in changes)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_sql_is_the_script_for_a_platform(platform: str) -> None:
    result = run("sql", "--platform", platform, "--layout", "prpr1", "--location", "s3://acme/export")
    assert result.stdout == render_script(build_sql(PLATFORMS[platform], LAYOUTS["prpr1"], "s3://acme/export"))


def test_sql_without_a_location_leaves_a_blank_for_it() -> None:
    assert (
        "'s3://<bucket>/<prefix>/tag-metadata/v=prpr2/'"
        in run("sql", "--platform", "trino", "--layout", "prpr2").stdout
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_cutover_is_the_guide_from_one_version_to_another(platform: str) -> None:
    shown = run("cutover", "--from", "prpr1", "--to", "prpr2", "--platform", platform, "--location", "s3://acme/export")
    way = plan_cutover(LAYOUTS["prpr1"], LAYOUTS["prpr2"], PLATFORMS[platform], "s3://acme/export")
    assert shown.stdout == render_guide(way)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["sql", "--platform", "athena", "--layout", "prpr2", "--location", "gs://files"],
            "athena cannot read a location",
        ),
        (
            ["sql", "--platform", "trino", "--layout", "prpr2", "--location", "ftp://a"],
            "'ftp://a' is no address of a store",
        ),
        (["cutover", "--from", "prpr2", "--to", "prpr1"], "prpr1 is not newer than prpr2"),
    ],
)
def test_what_cannot_be_written_for_consumers_is_told_in_one_line(arguments: list[str], problem: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {problem}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "prpr7"],
        ["diff", "prpr1", "prpr7"],
        ["diff", "prpr7", "prpr2"],
        ["sql", "--platform", "duckdb", "--layout", "prpr7"],
        ["cutover", "--from", "prpr1", "--to", "prpr7"],
    ],
)
def test_an_unknown_version_is_told_in_one_line(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr == "Error: 'prpr7' is not a layout; allowed is prpr1 or prpr2.\n"


def test_a_day_that_is_none_is_refused() -> None:
    result = run("list", "--day", "tomorrow")
    assert result.exit_code == 2
    assert "'tomorrow' is not a day such as 2027-01-31." in result.stderr


def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_LAYOUTS", "prpr7")
    result = run("list")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: IMMUTA_ASSETS_LAYOUTS is 'prpr7'")


def test_help_does_not_wait_for_heavy_modules() -> None:
    program = "import sys, immuta_assets.cli.layouts; sys.exit(bool({'dagster', 'polars'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
