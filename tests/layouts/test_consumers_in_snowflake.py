"""What consumers run in Snowflake, run in a stand-in: all but external tables, whose columns are run over their row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fakesnow
import polars as pl
import pytest
import sqlglot
from layouts.one_row import EXPORT_DATE, publish
from sqlglot import exp

from immuta_assets.layouts.consumers import PLATFORMS, Statement, build_sql, plan_cutover
from immuta_assets.layouts.versions import LAYOUTS, Layout
from immuta_assets.publishing.publish import published_path

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

pytestmark = [
    # fakesnow takes a way through DuckDB that DuckDB advises against.
    pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning"),
    pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS),
]

LOCATION = "s3://bucket/export"
SNOWFLAKE = PLATFORMS["snowflake"]


@pytest.fixture
def account() -> Iterator[SnowflakeCursor]:
    import snowflake.connector  # heavy, as in the package

    with fakesnow.patch(), snowflake.connector.connect(database="D") as connection:
        yield connection.cursor()


def rows(account: SnowflakeCursor, query: str) -> list[Any]:
    account.execute(query)
    return account.fetchall()


def run(account: SnowflakeCursor, layout: Layout, published: Path) -> None:
    """Run a whole script, except for storage integrations, which the stand-in does not know."""
    tables = iter(layout.tables)
    for statement in build_sql(SNOWFLAKE, layout, LOCATION):
        if statement.kind == "external table":
            row = pl.read_parquet(published_path(layout, next(tables), published)).row(0, named=True)
            make_external_table(account, statement, row)
        elif statement.name != "storage integration":
            account.execute(statement.sql.replace("<DATABASE>", "D"))


def make_external_table(account: SnowflakeCursor, statement: Statement, row: dict[str, object]) -> None:
    """Make what an external table shows of a row: each column is an expression over VALUE, which is the whole row."""
    tree = sqlglot.parse_one(statement.sql, read="snowflake")
    columns = ", ".join(
        f'{constraint.this.sql("snowflake")} AS "{column.name}"'
        for column in tree.find_all(exp.ColumnDef)
        for constraint in column.find_all(exp.ComputedColumnConstraint)
    )
    account.execute(f"CREATE TABLE LAID_{statement.name} (VALUE VARIANT)")
    account.execute(f"INSERT INTO LAID_{statement.name} SELECT PARSE_JSON(%s)", [json.dumps(row, default=str)])
    account.execute(f"CREATE VIEW {statement.name} AS SELECT {columns} FROM LAID_{statement.name}")  # noqa: S608


def test_every_view_shows_the_row_of_its_table(layout: Layout, account: SnowflakeCursor, tmp_path: Path) -> None:
    publish(layout, tmp_path)
    run(account, layout, tmp_path)
    views = {table: SNOWFLAKE.name_view(table).sql("snowflake") for table in LAYOUTS["prpr2"].tables}
    found = {table: rows(account, f"SELECT * FROM {view}") for table, view in views.items()}  # noqa: S608
    assert {table: len(shown) for table, shown in found.items()} == {table: table in layout.tables for table in views}
    assert found["policy-outcomes"][0][:2] == ("7", 7)
    assert found["policy-outcomes"][0][-1] == EXPORT_DATE
    assert found["tag-metadata"][0][2:4] == ("7", "DATA_SOURCE")


def test_the_query_that_checks_a_cutover_shows_every_view(
    layout: Layout, account: SnowflakeCursor, tmp_path: Path
) -> None:
    publish(layout, tmp_path)
    run(account, layout, tmp_path)
    check = plan_cutover(LAYOUTS["prpr1"], LAYOUTS["prpr2"], SNOWFLAKE, LOCATION)[0].statements[-1]
    shown = rows(account, check.sql)
    assert [(table, count) for _, table, count, _ in shown] == [
        (table, int(table in layout.tables)) for table in LAYOUTS["prpr2"].tables
    ]
