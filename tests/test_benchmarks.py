"""The benchmarks run and compare like with like. How fast anything is does not belong."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.agreement import agree, agree_on_sample
from benchmarks.engine import measure_outcomes
from benchmarks.measuring import Meter, StoppedError, run_alone
from benchmarks.peers import PEERS

ROOT = Path(__file__).parents[1]
SCHEMA = {"user": pl.UInt32(), "data_source_id": pl.Int64(), "scope": pl.String(), "policy_ids": pl.List(pl.Int64)}
COST = {"seconds", "cpu_seconds", "megabytes"}


def result(script: str, folder: Path, *further: str) -> dict[str, Any]:
    """What a script writes for the smallest tenant, measured once."""
    options = ["--preset", "small", "--runs", "1", "--results", str(folder), *further]
    subprocess.run([sys.executable, "-m", f"benchmarks.{script}", *options], cwd=ROOT, check=True, capture_output=True)
    found = json.loads((folder / f"{script}.json").read_text("utf-8"))
    assert found["benchmark"] == script
    assert {"cores", "polars", "python"} <= found["machine"].keys()
    return dict(found)


def test_every_peer_of_the_outcomes_benchmark_agrees_with_the_engine(tmp_path: Path) -> None:
    found = result("outcomes", tmp_path)
    assert {peer["name"]: peer["agrees"] for peer in found["peers"]} == dict.fromkeys(PEERS, True)
    assert found["write_limit"]["rows"] == found["rows"]
    for costs in (found["evaluate"], found["write"], *(peer["costs"] for peer in found["peers"])):
        assert [cost.keys() for cost in costs] == [COST]


def test_the_export_benchmark_publishes_twelve_files(tmp_path: Path) -> None:
    [export] = result("export", tmp_path)["exports"]
    assert export["files"] == 12
    assert export["bytes"] > 0
    assert [cost.keys() for cost in export["costs"]] == [COST]


def test_the_growth_benchmark_doubles_the_rows_and_fits_exponents(tmp_path: Path) -> None:
    growth = result("growth", tmp_path)["growth"]
    assert growth.keys() == {"data sources", "users and data sources"}
    for way in growth.values():
        rows = [step["rows"] for step in way["steps"]]
        assert [step["factor"] for step in way["steps"]] == [1, 2, 4, 8]
        assert all(1.5 < more / less < 3 for less, more in itertools.pairwise(rows))
        assert {work: figures.keys() for work, figures in way["exponents"].items()} == dict.fromkeys(
            ("evaluate", "write", "both"), COST
        )


def test_the_dense_benchmark_has_more_policies_on_each_data_source(tmp_path: Path) -> None:
    found = result("dense", tmp_path)
    assert found["policies_per_data_source"] > 25
    assert [cost.keys() for cost in found["write"]] == [COST]


def test_the_query_events_benchmark_compares_equal_events(tmp_path: Path) -> None:
    found = result("query_events", tmp_path, "--statements", "500", "--busy", "2000")
    assert found["row_by_row_agrees"]
    assert found["events"] > 2 * 500
    assert found["busy"]["events"] > 2 * 2_000
    for costs in (found["busy"]["costs"], *(found[way] for way in ("made", "sink", "lines", "row_by_row"))):
        assert [cost.keys() for cost in costs] == [COST]


def rows(path: Path, *found: tuple[int, int, str, list[int] | None]) -> Path:
    pl.DataFrame(found, schema=SCHEMA, orient="row").write_parquet(path)
    return path


def test_the_same_rows_in_another_order_agree(tmp_path: Path) -> None:
    first, second = (1, 7, "READ", [3, 4]), (2, 7, "READ", [4])
    assert agree(rows(tmp_path / "a", first, second), rows(tmp_path / "b", second, first))


@pytest.mark.parametrize("other", [(1, 7, "READ", [4]), (1, 7, "WRITE", [3]), (2, 7, "READ", [3]), (1, 8, "READ", [3])])
def test_one_different_value_is_no_agreement(tmp_path: Path, other: tuple[int, int, str, list[int]]) -> None:
    assert not agree(rows(tmp_path / "a", (1, 7, "READ", [3])), rows(tmp_path / "b", other))


def test_a_row_too_many_is_no_agreement(tmp_path: Path) -> None:
    row = (1, 7, "READ", [3])
    assert not agree(rows(tmp_path / "a", row), rows(tmp_path / "b", row, (2, 7, "READ", [3])))


def test_a_sample_agrees_where_denied_pairs_have_no_row(tmp_path: Path) -> None:
    ours = rows(tmp_path / "a", (1, 7, "READ", [3]), (9, 9, "READ", [3]))
    assert agree_on_sample(ours, rows(tmp_path / "b", (1, 7, "READ", [3]), (2, 7, "READ", None)))
    assert not agree_on_sample(ours, rows(tmp_path / "c", (1, 7, "READ", None)))


def test_a_meter_sees_memory_that_is_already_free_again() -> None:
    _, cost = Meter().run(lambda: len(b"x" * 100_000_000))
    assert cost.megabytes > 90


def test_work_that_fails_in_its_process_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match="failed"):
        run_alone(measure_outcomes, tmp_path / "missing")
