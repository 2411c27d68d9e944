"""The expansion of the compact form: the same rows however they are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from immuta_assets.demo.tenant import write_demo
from immuta_assets.frames.contract import find_nonconformities
from immuta_assets.layouts import parquet
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.outcomes import compact, profiles
from immuta_assets.outcomes.compact import Cells, Outcomes, Pairs
from immuta_assets.outcomes.evaluation import evaluate
from immuta_assets.tenant import dump


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder: Path = tmp_path_factory.mktemp("tenant")
    write_demo(folder, at=datetime(2026, 11, 20, 5, tzinfo=UTC))
    return evaluate(dump.read(folder)).outcomes


@pytest.fixture(scope="module")
def rows(outcomes: Outcomes) -> pl.DataFrame:
    return pl.concat(outcomes.expand())


def test_the_scan_streams_exactly_the_rows(outcomes: Outcomes, rows: pl.DataFrame) -> None:
    assert rows.height == outcomes.rows > 10_000
    assert_frame_equal(outcomes.scan().collect(), rows)


def test_small_frames_hold_the_same_rows(
    outcomes: Outcomes, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "_ROWS_PER_FRAME", 1_000)
    frames = list(outcomes.expand())
    assert len(frames) > 10
    assert_frame_equal(pl.concat(frames), rows)


def test_a_part_can_be_asked_for(outcomes: Outcomes, rows: pl.DataFrame) -> None:
    scan = outcomes.scan()
    assert_frame_equal(scan.head(10).collect(), rows.head(10))
    assert_frame_equal(scan.select("scope", "is_owner").collect(), rows.select("scope", "is_owner"))
    assert_frame_equal(scan.filter("is_owner").collect(), rows.filter("is_owner"))


def test_no_key_is_repeated(outcomes: Outcomes, rows: pl.DataFrame) -> None:
    assert outcomes.count_duplicates() == 0
    assert not rows.select("global_user_id", "data_source_id", "scope", "source").is_duplicated().any()


def test_repeated_cells_and_members_are_counted(outcomes: Outcomes) -> None:
    scope = outcomes.scopes["READ"]
    first = next(cells for cells in scope.cells if len(cells.user_profiles) > 1)
    repeated = Cells(first.user_profiles[[0, 0]], first.reasons[:2])
    sources, users = scope.manual.sources.copy(), scope.manual.users.copy()
    sources[1], users[1] = sources[0], users[0]
    assert replace(scope, cells=[*scope.cells, repeated]).count_duplicates() == 1
    assert replace(scope, manual=Pairs(sources, users)).count_duplicates() == 1


def test_the_stored_form_follows_its_schemas_and_expands_to_the_same_rows(
    outcomes: Outcomes, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "_CELLS_PER_FRAME", 1_000)
    frames = profiles.to_frames(outcomes)
    for name, schema in profiles.FRAMES.items():
        assert find_nonconformities(schema, frames[name]) == []
    assert_frame_equal(pl.concat(profiles.from_frames(frames, outcomes.export_date).expand()), rows)


def test_the_documented_query_finds_who_reads_a_data_source(outcomes: Outcomes, rows: pl.DataFrame) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "outcomes.md").read_text("utf-8")
    query = page.partition("```sql")[2].partition("```")[0].replace("= 12", "= 14")
    with duckdb.connect() as connection:
        for name, frame in profiles.to_frames(outcomes).items():
            connection.register(name, frame.collect())
        found = sorted(connection.execute(query).fetchall())
    expected = rows.filter(data_source_id=14, scope="READ", source="POLICY")
    assert found == sorted(expected.select(pl.col("global_user_id").cast(pl.String), "policy_ids").rows()) != []


def test_readers_can_skip_row_groups_by_data_source(
    outcomes: Outcomes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_ROW_GROUP_SIZE", 5_000)
    path = tmp_path / "policy-outcomes.parquet"
    parquet.write_table(
        outcomes.scan(), LAYOUTS["prpr2"].tables["policy-outcomes"], path, export_date=outcomes.export_date
    )
    metadata = pq.ParquetFile(path).metadata
    bounds = [metadata.row_group(group).column(1).statistics for group in range(metadata.num_row_groups)]
    assert len(bounds) > 3
    assert all(before.max <= after.min for before, after in pairwise(bounds))
