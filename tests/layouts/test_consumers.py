"""The SQL that consumers are given: it parses in its dialect, holds what the contract says, and runs where it can."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlglot
from layouts.next_layout import LAYOUT as PRPR3
from layouts.one_row import publish
from sqlglot import exp

from immuta_assets.layouts.consumers import PLATFORMS, Statement, build_sql, plan_cutover, render_guide, render_script
from immuta_assets.layouts.versions import LAYOUTS, Layout

PRPR1, PRPR2 = LAYOUTS["prpr1"], LAYOUTS["prpr2"]
S3, GCS, ADLS = "s3://bucket/export", "gs://bucket/export", "abfss://files@acme.dfs.core.windows.net/export"
READABLE = [
    *((name, address) for name in ("snowflake", "databricks", "duckdb", "trino") for address in (S3, GCS, ADLS)),
    ("athena", S3),
    ("duckdb", "/data/export"),
]


@pytest.fixture(autouse=True)
def _no_warnings_of_the_parser(caplog: pytest.LogCaptureFixture) -> None:
    # It warns where it takes a statement as a command, which is asserted here where it matters.
    caplog.set_level(logging.ERROR, "sqlglot")


def of_kind(statements: list[Statement], kind: str) -> dict[str, str]:
    return {each.name: each.sql for each in statements if each.kind == kind}


def parsed(platform: str, text: str) -> exp.Expr:
    return sqlglot.parse_one(text, read=platform)


def names(tree: exp.Expr) -> list[str]:
    """The columns that a table or view has, by its statement."""
    if isinstance(tree.this, exp.Schema):
        return [column.name for column in tree.this.expressions]
    return [column.alias_or_name for column in tree.expression.selects]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize(("platform", "location"), READABLE)
def test_every_statement_is_sql_of_its_dialect(platform: str, location: str, layout: Layout) -> None:
    for statement in build_sql(PLATFORMS[platform], layout, location):
        trees = sqlglot.parse(statement.sql, read=platform)
        assert len(trees) == 1
        assert statement.kind == "set-up" or isinstance(trees[0], exp.Create), statement.sql
        assert "\n--" not in statement.sql


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_external_tables_have_the_columns_of_the_version_and_views_those_of_the_newest(
    platform: str, layout: Layout
) -> None:
    statements = build_sql(PLATFORMS[platform], layout, S3)
    tables = of_kind(statements, "external table")
    views = of_kind(statements, "view")
    assert [names(parsed(platform, text)) for text in tables.values()] == [
        schema.column_names() for schema in layout.tables.values()
    ]
    assert [names(parsed(platform, text)) for text in views.values()] == [
        schema.column_names() for schema in PRPR2.tables.values()
    ]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_views_have_the_same_names_and_columns_over_every_version(platform: str) -> None:
    over_old, over_new = (of_kind(build_sql(PLATFORMS[platform], layout, S3), "view") for layout in (PRPR1, PRPR2))
    assert list(over_old) == list(over_new)
    assert over_old != over_new


def test_a_snowflake_table_is_named_and_quoted_as_in_the_guide() -> None:
    text = of_kind(build_sql(PLATFORMS["snowflake"], PRPR2, S3), "external table")["EXT_POLICY_METADATA_PRPR2"]
    assert text.splitlines()[:2] == [
        "CREATE OR REPLACE EXTERNAL TABLE EXT_POLICY_METADATA_PRPR2 (",
        '  "who" VARCHAR AS (VALUE:"who"::VARCHAR),',
    ]
    assert '  "policy_id" NUMBER AS (VALUE:"policy_id"::NUMBER),' in text
    assert '  "export_date" TIMESTAMP_NTZ AS (VALUE:"export_date"::TIMESTAMP_NTZ)\n)' in text
    assert text.endswith(
        "LOCATION = @ACCESS_SUMMARY/policy-metadata/v=prpr2/\n"
        "FILE_FORMAT = (FORMAT_NAME = 'ACCESS_SUMMARY')\nAUTO_REFRESH = TRUE"
    )


def test_a_replaced_snowflake_view_keeps_its_grants() -> None:
    views = of_kind(build_sql(PLATFORMS["snowflake"], PRPR1, S3), "view").values()
    assert all(parsed("snowflake", view).find(exp.CopyGrantsProperty) for view in views)


@pytest.mark.parametrize(
    ("platform", "location", "address"),
    [
        ("snowflake", S3, "s3://bucket/export/"),
        ("snowflake", GCS, "gcs://bucket/export/"),
        ("snowflake", ADLS, "azure://acme.blob.core.windows.net/files/export/"),
        ("snowflake", "az://files/export", "azure://<storage-account>.blob.core.windows.net/files/export/"),
        ("databricks", ADLS, f"{ADLS}/tag-metadata/v=prpr2/"),
        ("duckdb", GCS, f"{GCS}/tag-metadata/v=prpr2/tag-metadata.parquet"),
        ("duckdb", ADLS, "abfss://acme.dfs.core.windows.net/files/export/tag-metadata/v=prpr2/tag-metadata.parquet"),
        ("duckdb", "s3://profile@bucket/export", f"{S3}/tag-metadata/v=prpr2/tag-metadata.parquet"),
        ("snowflake", "s3://<bucket>/<prefix>", "s3://<bucket>/<prefix>/"),
        ("duckdb", "file:///data/my%20files", "/data/my files/tag-metadata/v=prpr2/tag-metadata.parquet"),
        ("duckdb", "file:///data/export", "/data/export/tag-metadata/v=prpr2/tag-metadata.parquet"),
        ("athena", "s3://bucket", "s3://bucket/tag-metadata/v=prpr2/"),
        ("athena", f"{S3}/", f"{S3}/tag-metadata/v=prpr2/"),
        (
            "trino",
            "az://files/export",
            "abfss://files@<storage-account>.dfs.core.windows.net/export/tag-metadata/v=prpr2/",
        ),
    ],
)
def test_each_platform_gets_the_address_in_its_own_words(platform: str, location: str, address: str) -> None:
    assert f"'{address}'" in render_script(build_sql(PLATFORMS[platform], PRPR2, location))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_quote_or_backslash_in_a_path_stays_within_its_literal(platform: str) -> None:
    location = 's3://bucket/it\'s \\ "x" `y`; DROP TABLE z'
    trees = [
        sqlglot.parse(statement.sql, read=platform) for statement in build_sql(PLATFORMS[platform], PRPR2, location)
    ]
    literals = [literal.this for [tree] in trees if tree for literal in tree.find_all(exp.Literal)]
    # In Snowflake the integration and the stage have the path, elsewhere every table.
    assert sum(text.startswith(f"{location}/") for text in literals) == (2 if platform == "snowflake" else 12)


@pytest.mark.parametrize(
    ("platform", "location", "problem"),
    [
        ("athena", GCS, "athena cannot read a location of gs, only of s3."),
        ("snowflake", "/data", "snowflake cannot read a location of file, only of s3 or gs or abfss."),
        ("duckdb", "ftp://host/x", "'ftp://host/x' is no address of a store; allowed is the path of a local"),
        ("duckdb", "/data\n; DROP TABLE x", "is no address of a store"),
        ("duckdb", "s3://user:secret@bucket/x?sig=secret", "'s3://…@bucket/x' is no address of a store"),
        ("duckdb", "s3://bucket//x", "'s3://bucket//x' is no address of a store"),
        ("duckdb", "", "'' is no address of a store"),
    ],
)
def test_a_location_that_cannot_be_read_is_told(platform: str, location: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"location|address") as caught:
        build_sql(PLATFORMS[platform], PRPR2, location)
    assert problem in str(caught.value)


@pytest.fixture
def reader() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def test_duckdb_shows_published_files_in_the_same_types_over_every_version(
    reader: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    shapes, rows = [], []
    for layout in (PRPR1, PRPR2):
        folder = tmp_path / f"it's [of] {layout.version}"
        publish(layout, folder)
        statements = build_sql(PLATFORMS["duckdb"], layout, str(folder))
        for statement in statements:
            reader.execute(statement.sql)
        views = of_kind(statements, "view")
        shapes.append({view: reader.execute(f"DESCRIBE {view}").fetchall() for view in views})
        rows.append({view: reader.execute(f"SELECT * FROM {view}").fetchall() for view in views})  # noqa: S608
    assert shapes[0] == shapes[1]
    assert [len(found) for found in rows[1].values()] == [1] * 12
    missing = [table.replace("-", "_") for table in PRPR2.tables.keys() - PRPR1.tables.keys()]
    assert {view.strip('"') for view, found in rows[0].items() if not found} == set(missing)
    found = reader.execute("SELECT * EXCLUDE column_id FROM policy_outcomes").fetchall()
    (told,) = rows[0]['"policy_outcomes"']
    assert [(*told[:2], *told[3:])] == found
    assert told[2] is None


@pytest.mark.parametrize(("name", "other"), [("g[ab]", "ga"), ("s*r", "sir"), ("q?z", "qaz"), ("[!x]", "y")])
def test_duckdb_reads_the_folder_of_this_name_and_none_that_a_pattern_would_find(
    reader: duckdb.DuckDBPyConnection, tmp_path: Path, name: str, other: str
) -> None:
    for folder in (name, other):
        publish(PRPR2, tmp_path / folder)
    for path in (tmp_path / other).rglob("*.parquet"):
        path.write_bytes(b"of another tenant")
    for statement in build_sql(PLATFORMS["duckdb"], PRPR2, str(tmp_path / name)):
        reader.execute(statement.sql)
    assert reader.execute("SELECT count(*) FROM policy_outcomes").fetchall() == [(1,)]


def test_a_tag_of_a_column_has_no_target_where_the_older_version_does_not_tell_it(
    reader: duckdb.DuckDBPyConnection,
) -> None:
    reader.execute("""
        CREATE TABLE ext_tag_metadata_prpr1 AS
        SELECT 'PII' AS tag_name, NULL AS tag_description, 7 AS data_source_id, target_type, '' AS source,
               '' AS context, now() AS as_of, now() AS export_date
        FROM (VALUES ('DATA_SOURCE'), ('COLUMN')) AS _(target_type)""")
    reader.execute(of_kind(build_sql(PLATFORMS["duckdb"], PRPR1, "/data"), "view")['"tag_metadata"'])
    found = reader.execute("SELECT target_type, target_id FROM tag_metadata").fetchall()
    assert found == [("DATA_SOURCE", "7"), ("COLUMN", None)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_steps_of_a_cutover_are_sql_and_end_with_what_to_check(platform: str) -> None:
    way = plan_cutover(PRPR1, PRPR2, PLATFORMS[platform], S3)
    assert all(step.check for step in way)
    assert [step.statements[0].kind for step in way if step.statements] == [
        "view",
        "external table",
        "view",
        "view",
        "removal",
    ]
    for statement in (statement for step in way for statement in step.statements):
        known = {"view": exp.Create, "external table": exp.Create, "check": exp.Union, "removal": exp.Expr}
        assert isinstance(parsed(platform, statement.sql), known[statement.kind])
    shown = render_guide(way)
    assert shown.startswith("-- Run this step by step, never as a whole:")
    assert "\n-- Step 1. Let the views over prpr1 show the columns of prpr2.\n" in shown
    assert [shown.count(f"\n-- Step {number}. ") for number in range(1, 7)] == [1] * 6
    assert all(f"-- Check: {step.check}\n" in shown for step in way)


def test_a_cutover_names_what_queries_have_to_change() -> None:
    first = plan_cutover(PRPR1, PRPR2, PLATFORMS["trino"], S3)[0]
    assert "- tag-metadata.data_source_id, column removed: Where target_type is DATA_SOURCE, cast" in first.about
    assert "- policy-outcomes, meaning changed: Add scope = 'READ'" in first.about
    assert "column added" not in first.about


@pytest.mark.parametrize(("old", "new"), [(PRPR2, PRPR1), (PRPR2, PRPR2)])
def test_a_cutover_goes_to_a_newer_version_only(old: Layout, new: Layout) -> None:
    with pytest.raises(ValueError, match=f"{new.version} is not newer than {old.version}"):
        plan_cutover(old, new, PLATFORMS["duckdb"], S3)


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setitem(LAYOUTS, "prpr3", PRPR3)
    return PRPR3


@pytest.mark.parametrize("layout", ["prpr1", "prpr2", "prpr3"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_new_version_is_shown_over_all_before_it(platform: str, layout: str, next_version: Layout) -> None:
    views = of_kind(build_sql(PLATFORMS[platform], LAYOUTS[layout], S3), "view")
    trees = [parsed(platform, view) for view in views.values()]
    assert [names(tree) for tree in trees] == [schema.column_names() for schema in next_version.tables.values()]


def test_a_renamed_column_is_told_by_that_of_the_version_before(
    reader: duckdb.DuckDBPyConnection, next_version: Layout
) -> None:
    row = "'r' AS request_id, 'd' AS dua_id, 'Data use' AS name, CAST(NULL AS TIMESTAMP) AS export_date"
    reader.execute(f"CREATE TABLE ext_request_duas_prpr2 AS SELECT {row}")
    reader.execute(of_kind(build_sql(PLATFORMS["duckdb"], PRPR2, "/data"), "view")['"request_duas"'])
    assert reader.execute("SELECT title FROM request_duas").fetchall() == [("Data use",)]
    assert next_version.stand_ins


def test_a_retyped_column_is_null_where_it_does_not_fit(
    reader: duckdb.DuckDBPyConnection, next_version: Layout
) -> None:
    reader.execute(
        "CREATE TABLE ext_data_product_assets_prpr2 (data_product_id TEXT, data_source_id TEXT, export_date TIMESTAMP)"
    )
    reader.execute("INSERT INTO ext_data_product_assets_prpr2 VALUES ('p', '7', NULL), ('p', 'seven', NULL)")
    reader.execute(of_kind(build_sql(PLATFORMS["duckdb"], PRPR2, "/data"), "view")['"data_product_assets"'])
    found = reader.execute("SELECT data_source_id FROM data_product_assets").fetchall()
    assert found == [(7,), (None,)]
    assert next_version.version == "prpr3"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_views_of_removed_tables_go_with_the_old_version(platform: str, next_version: Layout) -> None:
    removed = plan_cutover(PRPR2, next_version, PLATFORMS[platform], S3)[-1].statements
    views = [parsed(platform, each.sql) for each in removed if each.sql.startswith("DROP VIEW IF EXISTS")]
    tables = {table.name.lower() for view in views for table in view.find_all(exp.Table)}
    gone = {table.replace("-", "_") for table in PRPR2.tables.keys() - next_version.tables.keys()}
    assert gone <= tables
    assert not {table.replace("-", "_") for table in next_version.tables} & tables
