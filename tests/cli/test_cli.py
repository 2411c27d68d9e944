"""The command line: what it prints where, how it exits, and that the commands it suggests run."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit
from urllib.request import url2pathname

import polars as pl
import pytest
from click.testing import Result
from fakes.webhook import SECRET, Webhook
from typer.testing import CliRunner

from immuta_assets.cli import app
from immuta_assets.cli.demo import PresetName
from immuta_assets.demo.tenant import PRESETS
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.settings import VARIABLES
from immuta_assets.tenant import dump

AT = "2026-03-11T06:30:00Z"
EXPORT_DATE = datetime(2026, 3, 11, 6, 30)  # export_date is UTC without a zone


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"NO_COLOR": "1"})


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", "from immuta_assets.cli import main; main()", *map(str, arguments)]


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*VARIABLES, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "tenant"
    result = run("demo", "--at", AT, "--to", folder)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def exported(tenant: Path) -> tuple[Result, Path]:
    """The result of exporting the demo in both layouts, and the folder."""
    folder = tenant.with_name("published")
    result = run("export", "--tenant", tenant, "--to", folder, "--layout", "prpr1", "--layout", "prpr2")
    assert result.exit_code == 0, result.stderr
    return result, folder


def test_help_names_the_commands_and_version_the_version() -> None:
    assert re.findall(r"^│ (demo|export) ", run("--help").stdout, re.MULTILINE) == ["demo", "export"]
    assert re.fullmatch(r"immuta-assets \d+\.\d+\.\d+\S*\n", run("--version").stdout)


@pytest.mark.parametrize("arguments", [["demo", "--help"], ["export", "--help"]])
def test_every_option_is_explained(arguments: list[str]) -> None:
    options = re.findall(r"^│ (--\S+)(.*)│$", run(*arguments).stdout, re.MULTILINE)
    assert len(options) >= 5
    assert all(re.search(r"[A-Z][a-z]+ ", text) for _, text in options)


def test_help_does_not_wait_for_heavy_modules() -> None:
    program = "import sys, immuta_assets.cli; print({'dagster', 'polars', 'duckdb'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert loaded.stdout == "set()\n"


def test_the_presets_that_can_be_named_are_those_that_exist() -> None:
    (preset, _) = get_args(PresetName)
    assert set(get_args(preset)) == set(PRESETS)


def test_demo_counts_the_lines_it_wrote_and_says_what_to_run_next(tmp_path: Path) -> None:
    result = run("demo", "--at", AT, "--to", tmp_path / "tenant")
    written = len((tmp_path / "tenant" / "users.ndjson").read_text().splitlines())
    assert re.search(rf"^ ?users +{written:,} *$", result.stdout, re.MULTILINE)
    assert re.search(rf"immuta-assets export --tenant {tmp_path}/tenant$", result.stdout, re.MULTILINE)


def test_demo_writes_the_same_bytes_for_the_same_seed_and_time(tenant: Path, tmp_path: Path) -> None:
    run("demo", "--at", AT, "--to", tmp_path / "again")
    run("demo", "--at", AT, "--to", tmp_path / "other", "--seed", "1")
    same, other = tmp_path / "again" / "users.ndjson", tmp_path / "other" / "users.ndjson"
    assert same.read_bytes() == (tenant / "users.ndjson").read_bytes() != other.read_bytes()


def test_demo_describes_the_present_unless_told_otherwise(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    run("demo", "--to", tmp_path / "tenant")
    (dumped_at,) = dump.read(tmp_path / "tenant", ["tenant"])["tenant"]["dumped_at"]
    assert before.replace(microsecond=0) <= dumped_at <= datetime.now(UTC)


@pytest.mark.parametrize("at", ["2026-03-11T06:30:00", "yesterday"])
def test_demo_wants_a_time_with_a_zone(tmp_path: Path, at: str) -> None:
    result = run("demo", "--at", at, "--to", tmp_path / "tenant")
    assert result.exit_code == 2
    assert f"'{at}'" in result.stderr
    assert not (tmp_path / "tenant").exists()


def test_demo_goes_where_export_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_TENANT", str(tmp_path / "here"))
    assert run("demo", "--at", AT).exit_code == 0
    assert (tmp_path / "here" / "tenant.json").is_file()


def test_export_prints_a_line_per_file(exported: tuple[Result, Path]) -> None:
    result, folder = exported
    path = folder / "policy-outcomes/v=prpr2/policy-outcomes.parquet"
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    line = r"^ ?(\S+) +([\d,]+) +\d+ +\S+ \w*B +2026-03-11 06:30 UTC +\d+ of \d+ *$"
    lines = re.findall(line, result.stdout, re.MULTILINE)
    assert sorted(name for name, _ in lines) == sorted(name for layout in LAYOUTS.values() for name in layout.tables)
    assert ("policy-outcomes", f"{rows:,}") in lines
    assert re.findall(r"^ *(prpr\d) *$", result.stdout, re.MULTILINE) == ["prpr1", "prpr2"]


def test_the_table_fits_a_terminal_of_80_columns(exported: tuple[Result, Path]) -> None:
    table = exported[0].stdout.partition(" warnings\n")[0]
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80


def test_export_warns_of_the_conflict_and_the_invalid_policy_of_the_demo(exported: tuple[Result, Path]) -> None:
    warnings = exported[0].stdout.partition(" warnings\n")[2].partition("Next:")[0]
    assert "policy_conflicts" in warnings
    assert "valid_policies" in warnings


def test_export_tells_its_progress_on_standard_error(exported: tuple[Result, Path]) -> None:
    assert len(re.findall(r"^ *\d+/\d+ \S+$", exported[0].stderr, re.MULTILINE)) > len(LAYOUTS["prpr2"].tables)
    assert "\x1b" not in exported[0].stdout + exported[0].stderr


def test_the_query_that_export_suggests_runs_as_printed(
    exported: tuple[Result, Path], pytestconfig: pytest.Config
) -> None:
    first, query = re.findall(r"^  (.*)$", exported[0].stdout.partition("Next:\n")[2], re.MULTILINE)
    assert first == "make ui"
    here = pytestconfig.invocation_params.dir  # where the fixture's command ran: paths below are printed relative to it
    answer = subprocess.run(query, shell=True, check=True, capture_output=True, text=True, cwd=here)  # noqa: S602
    assert answer.stderr == ""
    assert re.search(r"policy_name.*users.*who", answer.stdout)
    assert len(answer.stdout.splitlines()) > 8


def test_the_suggested_query_survives_a_path_with_quotes_and_blanks_and_brackets(tenant: Path, tmp_path: Path) -> None:
    result = run("export", "--tenant", tenant, "--to", tmp_path / """it's "here" [now]""", "--layout", "prpr1")
    query = shlex.split(result.stdout.splitlines()[-1])
    assert subprocess.run(query, check=True, capture_output=True).stderr == b""


def test_export_publishes_in_the_destination_of_the_settings(
    tenant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_TENANT", str(tenant))
    monkeypatch.setenv("IMMUTA_ASSETS_DESTINATION", str(tmp_path / "out"))
    monkeypatch.setenv("IMMUTA_ASSETS_LAYOUTS", "prpr1")
    result = run("export", "--json")
    assert result.exit_code == 0, result.stderr
    assert {path.parent.name for path in (tmp_path / "out").glob("*/*/*.parquet")} == {"v=prpr1"}
    assert not (tmp_path / "dagster_home").exists()


def test_json_holds_raw_numbers_and_nothing_else_is_on_standard_output(tenant: Path, tmp_path: Path) -> None:
    result = run("export", "--tenant", tenant, "--to", tmp_path / "out", "--json")
    report = json.loads(result.stdout)
    assert report["export_day"] == "2026-03-11"
    assert [file["name"] for file in report["files"]] == list(LAYOUTS["prpr2"].tables)
    for file in report["files"]:
        path = Path(url2pathname(urlsplit(file["uris"][0]).path))
        assert file["bytes"] == path.stat().st_size
        assert file["rows"] == pl.scan_parquet(path).select(pl.len()).collect().item()
        assert datetime.fromisoformat(file["export_date"]) == EXPORT_DATE.replace(tzinfo=UTC)
    assert {check["status"] for check in report["checks"]} == {"passed", "warned"}


def test_a_missing_dump_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    result = run("export", "--tenant", tmp_path / "nowhere", "--to", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(r"Error: [^\n]*nowhere[^\n]*\.\n", result.stderr)
    assert not (tmp_path / "out").exists()


def test_an_unknown_layout_is_one_sentence_and_exit_code_2(tenant: Path, tmp_path: Path) -> None:
    result = run("export", "--tenant", tenant, "--to", tmp_path / "out", "--layout", "prpr3")
    assert result.exit_code == 2
    allowed = "versions separated by commas such as prpr2 or prpr1:2027-01-31,prpr2"
    assert result.stderr == f"Error: IMMUTA_ASSETS_LAYOUTS is 'prpr3'; allowed is {allowed}.\n"


@pytest.fixture
def running(tenant: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """An export that has begun."""
    arguments = command("export", "--tenant", tenant, "--to", tmp_path / "out")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "/" in process.stderr.readline()
        yield process
        process.kill()


def test_ctrl_c_is_one_line_and_exit_code_130(running: subprocess.Popen[str], tmp_path: Path) -> None:
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate()
    assert running.returncode == 130
    assert stderr.splitlines()[-1] == "Error: Interrupted."
    assert "Traceback" not in stderr
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_every_connection_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = "  - {{name: {0}, kind: embedded, platform: snowflake, path: {0}.duckdb}}\n"
    connections = tmp_path / "connections.yaml"
    connections.write_text("connections:\n" + entry.format("one") + entry.format("other"), "utf-8")
    monkeypatch.setenv("IMMUTA_ASSETS_CONNECTIONS", str(connections))
    result = run("ingest", "--since", "1h")
    assert result.exit_code == 2
    told = sorted(line for line in result.stderr.splitlines() if line.startswith("Error: "))
    assert ["one.duckdb" in told[0], "other.duckdb" in told[1], len(told)] == [True, True, 2]


@pytest.mark.parametrize(
    ("since", "sentence"),
    [
        ("90m", "--since is '90m'; allowed are whole hours from 1h to 9999h such as 6h or 2d."),
        ("0", "--since is '0'; allowed are whole hours from 1h to 9999h such as 6h or 2d."),
        ("999d", "--since is '999d'; allowed are whole hours from 1h to 9999h such as 6h or 2d."),
        ("soon", "--since is wrong: 'soon' is no duration; allowed is one such as 30m, 1h30m, 2d or PT2H."),
    ],
)
def test_hours_are_read_as_a_whole(since: str, sentence: str) -> None:
    result = run("ingest", "--since", since)
    assert (result.exit_code, result.stderr) == (2, f"Error: {sentence}\n")


@pytest.mark.parametrize("module", ["immuta_assets", "immuta_assets.cli"])
def test_python_runs_the_package_as_the_command_line(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"immuta-assets \d+\.\d+\.\d+\S*\n", done.stdout)
    wrong = subprocess.run([sys.executable, "-m", module, "exprt"], check=False, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "Usage: immuta-assets" in wrong.stderr


TWO_CONNECTIONS = """
connections:
  - {name: warehouse_of_the_finance_department_europe, kind: embedded, platform: snowflake, path: one.duckdb}
  - {name: lake, kind: embedded, platform: databricks, path: other.duckdb}
"""


@pytest.fixture
def watched(exported: tuple[Result, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A destination whose files are overdue, and two connections of which nothing was ever read."""
    (tmp_path / "connections.yaml").write_text(TWO_CONNECTIONS, "utf-8")
    monkeypatch.setenv("IMMUTA_ASSETS_CONNECTIONS", str(tmp_path / "connections.yaml"))
    monkeypatch.setenv("IMMUTA_ASSETS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("IMMUTA_ASSETS_LAYOUTS", "prpr1,prpr2")
    monkeypatch.setenv("IMMUTA_ASSETS_DESTINATION", str(exported[1]))
    return exported[1]


def test_status_says_that_connections_were_never_read(watched: Path) -> None:
    report = json.loads((result := run("status", "--json")).stdout)
    assert result.exit_code == 1
    assert {row["destination"] for row in report["files"]} == {str(watched)}
    assert {(row["connection"], row["verdict"]) for row in report["ingestion"]} == {
        ("warehouse_of_the_finance_department_europe", "unread"),
        ("lake", "unread"),
    }
    assert any("`immuta-assets ingest --connection lake`" in note for note in report["notes"])


def test_status_cuts_nothing_that_identifies_at_80_columns(watched: Path) -> None:
    environment = {"NO_COLOR": "1", "COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "xterm"}
    text = CliRunner().invoke(app, ["status"], env=environment).stdout
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    tables, _, _ = text.partition(f"{watched}: ")
    lines = [line.rstrip() for line in tables.splitlines()]
    assert "…" not in tables
    assert max(len(line) for line in lines if line != str(watched)) <= 80
    assert str(watched) in lines
    found = {tuple(line.split()[:2]) for line in lines}
    assert {(version, table) for version, layout in LAYOUTS.items() for table in layout.tables} <= found
    folded = re.search(r"^unread +(warehouse_\w+) .*\n +(\w+) *$", tables, re.MULTILINE)
    assert folded
    assert "".join(folded.groups()) == "warehouse_of_the_finance_department_europe"
    assert "2026-03-11 06:30:00 UTC" in tables


def test_status_lists_what_is_wrong_first(watched: Path) -> None:
    altered = watched / "tag-metadata/v=prpr2/tag-metadata.parquet"
    content = altered.read_bytes()
    altered.write_bytes(b"no Parquet")
    try:
        rows = json.loads(run("status", "--json").stdout)["files"]
    finally:
        altered.write_bytes(content)
    assert rows[0]["verdict"] != "fine"
    fine = [row["verdict"] == "fine" for row in rows]
    assert fine == sorted(fine)


def test_nothing_is_created_by_status_or_doctor_where_settings_are_mistyped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TENANT", "STORE", "DESTINATION", "CONNECTIONS"):
        monkeypatch.setenv(f"IMMUTA_ASSETS_{name}", str(tmp_path / "nope" / name.lower()))
    assert run("status").exit_code == 1
    result = run("doctor", "--json")
    assert result.exit_code == 1
    missing = "\n".join(each["missing"] for each in json.loads(result.stdout) if not each["ok"])
    for name in ("tenant", "store", "destination", "connections"):
        assert str(tmp_path / "nope" / name) in missing
    assert "DAGSTER_HOME is not set" in missing
    assert list(tmp_path.iterdir()) == []


def test_doctor_sends_a_test_message_when_asked_to(monkeypatch: pytest.MonkeyPatch, hook: Webhook) -> None:
    monkeypatch.setenv("IMMUTA_ASSETS_NOTIFY", f"{hook.address} json://{SECRET}@127.0.0.1:9")
    run("doctor")
    assert hook.received == []
    output = run("doctor", "--notify").stdout
    assert hook.titles == ["Test of immuta-assets"]
    assert "notifications: send to address 1: ok" in output
    assert "notifications: send to address 2: The test message did not arrive" in output
    assert SECRET not in output
