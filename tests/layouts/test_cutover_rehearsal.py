"""A cut-over from prpr1 to prpr2, day by day, as a reader in DuckDB lives through it.

Day 1 publishes prpr1 only, day 2 both, day 3 prpr2 only. The reader has five questions, those of the page "Access
summary export", and asks them in the same words every day.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from immuta_assets.access_summary import TABLES
from immuta_assets.demo.tenant import write_demo
from immuta_assets.layouts import parquet
from immuta_assets.layouts.consumers import PLATFORMS, Statement, build_sql, plan_cutover
from immuta_assets.layouts.versions import LAYOUTS, Layout
from immuta_assets.outcomes.evaluation import evaluate
from immuta_assets.publishing.publish import published_path
from immuta_assets.tenant import dump
from immuta_assets.tenant.info import TenantInfo

PRPR1, PRPR2 = LAYOUTS["prpr1"], LAYOUTS["prpr2"]
DUCKDB = PLATFORMS["duckdb"]
DAYS = {day: datetime(2026, 11, 19 + day, 5) for day in (1, 2, 3)}  # export_date is UTC without a zone

QUESTIONS = {
    1: """
        SELECT policy_name, u.global_user_id, email
        FROM policy_metadata p
        JOIN policy_outcomes o ON list_contains(o.policy_ids, p.policy_id) AND o.scope = 'READ'
        JOIN user_metadata u ON u.global_user_id = o.global_user_id
        WHERE p.policy_name = ?
        GROUP BY ALL ORDER BY ALL""",
    2: """
        SELECT d.name, count(DISTINCT o.global_user_id) AS users
        FROM tag_metadata t
        JOIN domain_metadata d ON CAST(d.data_source_id AS VARCHAR) = t.target_id
        JOIN policy_outcomes o ON o.data_source_id = d.data_source_id AND o.scope = 'READ'
        WHERE t.target_type = 'DATA_SOURCE' AND t.tag_name = ?
        GROUP BY ALL ORDER BY users DESC, d.name""",
    3: """
        SELECT p.policy_id, o.global_user_id, any_value(u.user_id), count(DISTINCT o.data_source_id)
        FROM policy_metadata p
        JOIN policy_outcomes o ON list_contains(o.policy_ids, p.policy_id) AND o.scope = 'READ'
        JOIN user_metadata u ON u.global_user_id = o.global_user_id
        WHERE p.policy_name = ?
        GROUP BY ALL ORDER BY ALL""",
    4: """
        SELECT target_type, target_id, determination, r.user_id, s.user_id, request_date, final_determination_date
        FROM access_requests a
        JOIN user_metadata r ON r.global_user_id = a.global_user_id
        JOIN user_metadata s ON s.global_user_id = a.global_requestor_id
        WHERE a.determination = ?
        GROUP BY ALL ORDER BY ALL""",
    5: """
        SELECT a.target_id, u.user_id, u.email
        FROM access_requests a
        JOIN user_metadata u ON u.global_user_id = a.global_user_id
        WHERE a.target_type = 'DATA_PRODUCT' AND a.determination = ?
          AND (a.expiration_date IS NULL OR a.expiration_date > a.export_date)
        GROUP BY ALL ORDER BY ALL""",
}
Answers = dict[int, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.LazyFrame]:
    """The tables of prpr2, of the small demo tenant."""
    folder = tmp_path_factory.mktemp("tenant")
    write_demo(folder, at=DAYS[1].replace(tzinfo=UTC))
    tenant = dump.read(folder)
    info = TenantInfo.read(tenant["tenant"])
    lazy = {name: frame.lazy() for name, frame in tenant.items()}
    made = {name: table(info, *(lazy[each] for each in _read(table)[1:])) for name, table in TABLES.items()}
    return {"policy-outcomes": evaluate(tenant).outcomes.scan()} | made


@pytest.fixture
def reader() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def _read(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)


def publish(tables: Mapping[str, pl.LazyFrame], folder: Path, day: int, layouts: Sequence[Layout]) -> None:
    """Lay out the export of a day as it is published in some versions."""
    dated = {name: frame.with_columns(export_date=pl.lit(DAYS[day])) for name, frame in tables.items()}
    for layout in layouts:
        for name, schema in layout.tables.items():
            path = published_path(layout, name, folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(_in_layout(layout, name, dated), schema, path, export_date=DAYS[day])


def _in_layout(layout: Layout, name: str, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    if name not in layout.derived:
        return tables[name]
    derive = layout.derived[name]
    return derive(*(tables[table.replace("_", "-")] for table in _read(derive)))


def run(reader: duckdb.DuckDBPyConnection, statements: list[Statement]) -> None:
    for statement in statements:
        reader.execute(statement.sql)


def asked(reader: duckdb.DuckDBPyConnection, values: Mapping[int, str]) -> Answers:
    return {number: reader.execute(QUESTIONS[number], [value]).fetchall() for number, value in values.items()}


def dates(reader: duckdb.DuckDBPyConnection) -> set[datetime | None]:
    """The export dates that the tables of prpr1 show through their views."""
    names = [DUCKDB.name_view(table).sql("duckdb") for table in PRPR1.tables]
    return {row[0] for name in names for row in reader.execute(f"SELECT max(export_date) FROM {name}").fetchall()}  # noqa: S608


@pytest.fixture(scope="module")
def values(tables: dict[str, pl.LazyFrame]) -> dict[int, str]:
    """What each question is about: the policy and the tag by which most is read in the tenant, and approvals."""
    read = tables["policy-outcomes"].filter(pl.col("scope").cast(pl.String) == "READ")
    used = read.select(policy_id="policy_ids").explode("policy_id")
    policy = _commonest(tables["policy-metadata"].join(used, on="policy_id"), "policy_name")
    tagged = tables["tag-metadata"].filter(pl.col("target_type").cast(pl.String) == "DATA_SOURCE")
    domains = tables["domain-metadata"].select("data_source_id", target_id=pl.col("data_source_id").cast(pl.String))
    readable = domains.join(read.select("data_source_id"), on="data_source_id")
    tag = _commonest(tagged.join(readable, on="target_id"), "tag_name")
    return {1: policy, 2: tag, 3: policy, 4: "APPROVED", 5: "APPROVED"}


def _commonest(frame: pl.LazyFrame, column: str) -> str:
    name = frame.group_by(column).len().sort("len", column).last().collect()[column].item()
    assert isinstance(name, str)
    return name


def about_access(answers: Answers) -> Answers:
    """The answers that every version can give."""
    return {number: rows for number, rows in answers.items() if number <= 3}


def test_every_day_the_reader_gets_the_same_answers(
    tables: dict[str, pl.LazyFrame], values: dict[int, str], reader: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    show_new, _, add_tables, switch, _, retire = plan_cutover(PRPR1, PRPR2, DUCKDB, str(tmp_path))

    publish(tables, tmp_path, 1, [PRPR1])
    run(reader, build_sql(DUCKDB, PRPR1, str(tmp_path)))
    run(reader, show_new.statements)
    first = asked(reader, values)
    assert all(about_access(first).values())
    assert (first[4], first[5]) == ([], [])

    publish(tables, tmp_path, 2, [PRPR1, PRPR2])
    assert dates(reader) == {DAYS[2]}
    assert asked(reader, values) == first
    run(reader, add_tables.statements + switch.statements)
    second = asked(reader, values)
    assert about_access(second) == about_access(first)
    assert second[4]
    assert second[5]

    publish(tables, tmp_path, 3, [PRPR2])
    run(reader, retire.statements)
    assert dates(reader) == {DAYS[3]}
    assert asked(reader, values) == second


def test_the_views_can_be_pointed_back_while_both_versions_are_published(
    tables: dict[str, pl.LazyFrame], values: dict[int, str], reader: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    publish(tables, tmp_path, 2, [PRPR1, PRPR2])
    run(reader, build_sql(DUCKDB, PRPR1, str(tmp_path)))
    before = asked(reader, values)
    _, _, add_tables, switch, back, _ = plan_cutover(PRPR1, PRPR2, DUCKDB, str(tmp_path))
    run(reader, add_tables.statements + switch.statements)
    after = asked(reader, values)
    assert after != before
    run(reader, back.statements)
    assert asked(reader, values) == before
    run(reader, switch.statements)
    assert asked(reader, values) == after


def test_without_a_parallel_period_the_reader_sees_the_last_export_until_the_views_are_pointed_on(
    tables: dict[str, pl.LazyFrame], values: dict[int, str], reader: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    publish(tables, tmp_path, 1, [PRPR1])
    run(reader, build_sql(DUCKDB, PRPR1, str(tmp_path)))
    before = asked(reader, values)
    publish(tables, tmp_path, 2, [PRPR2])
    assert dates(reader) == {DAYS[1]}
    _, _, add_tables, switch, _, _ = plan_cutover(PRPR1, PRPR2, DUCKDB, str(tmp_path))
    run(reader, add_tables.statements + switch.statements)
    assert dates(reader) == {DAYS[2]}
    assert about_access(asked(reader, values)) == about_access(before)
