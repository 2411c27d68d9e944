"""The reader of Unity Catalog: the genuine driver over a socket, a stand-in warehouse at the other end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fakes.databricks_server import PRINCIPAL, SECRET, TOKEN, Warehouse, serve
from pydantic import SecretStr

from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.hour import Counted, HistoryError, Hour
from immuta_assets.platforms.unity_catalog import reader as unity_catalog
from immuta_assets.platforms.unity_catalog import rows as unity_catalog_rows
from immuta_assets.platforms.unity_catalog.connection import UnityCatalogConnection
from immuta_assets.platforms.unity_catalog.reader import count_hours, read_hour

HOUR = datetime(2026, 6, 27, 11, tzinfo=UTC)
LATER = HOUR + timedelta(days=1)
TABLE = {"catalog": "main", "schema": "sales", "name": "orders", "type": "TABLE", "column": "amount"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with serve(tmp_path) as running:
        yield running


@pytest.fixture
def read(warehouse: Warehouse, tmp_path: Path) -> Any:
    def read(hour: datetime = HOUR, *, now: datetime = LATER, **changes: Any) -> Hour:
        given = {} if "client_id" in changes else {"token": SecretStr(TOKEN)}
        return read_hour(connection(warehouse, tmp_path, **given | changes), hour, tmp_path / "spo[ol]" / "hour", now)

    return read


@pytest.fixture
def count(warehouse: Warehouse, tmp_path: Path) -> Any:
    def count(first: datetime = HOUR, hours: int = 1, **changes: Any) -> dict[datetime, Counted]:
        opened = connection(warehouse, tmp_path, token=SecretStr(TOKEN), **changes)
        return count_hours(opened, first, first + timedelta(hours=hours), LATER)

    return count


def connection(warehouse: Warehouse, folder: Path, **changes: Any) -> UnityCatalogConnection:
    options = {
        "_port": int(warehouse.url.rsplit(":", 1)[1]),
        "_tls_trusted_ca_file": str(folder / "certificate.pem"),
        "_retry_delay_max": 5,
    }
    base = UnityCatalogConnection.model_construct(
        kind="unity_catalog", name="lakehouse", host="localhost", http_path="/sql/1.0/warehouses/abc",
        connect_options=options,
    )  # fmt: skip
    return base.model_copy(update=changes)


def insert(warehouse: Warehouse, table: str, **row: Any) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    warehouse.database.execute(f"INSERT INTO dbx_system.{table} ({columns}) VALUES ({marks})", list(row.values()))  # noqa: S608


def ran(warehouse: Warehouse, statement_id: str = "q1", **changes: Any) -> None:
    """A statement in the history: a successful SELECT in the middle of the hour unless said otherwise."""
    row = {
        "account_id": "52e863bc", "workspace_id": "3841033049363283", "statement_id": statement_id,
        "session_id": "01ee14d9", "execution_status": "FINISHED", "executed_by": "taylor@example.com",
        "compute": {"type": "WAREHOUSE", "cluster_id": None, "warehouse_id": "559483c6"},
        "statement_text": "SELECT 1", "statement_type": "SELECT", "client_application": "Databricks SQL Editor",
        "total_duration_ms": 23_568, "start_time": HOUR + timedelta(minutes=3), "end_time": HOUR + timedelta(minutes=5),
        "update_time": HOUR + timedelta(minutes=6), "produced_rows": 2, "from_result_cache": False,
        "query_source": {"notebook_id": "8695", "dashboard_id": None}, "query_tags": {"team": "finance"},
    }  # fmt: skip
    insert(warehouse, "query.history", **{**row, **changes})


def lineage(warehouse: Warehouse, statement_id: str | None = "q1", *, at: datetime = HOUR, **sides: Any) -> None:
    """A row of column lineage; sides are ``source`` and ``target``, objects as ``TABLE`` is one."""
    row = {"statement_id": statement_id, "event_time": at, "event_date": at.date()}
    for side, part in sides.items():
        row |= {
            f"{side}_column_name" if key == "column" else f"{side}_{key}" if key in {"type", "path"}
            else f"{side}_table_{key}": value
            for key, value in part.items()
        }  # fmt: skip
    insert(warehouse, "access.column_lineage", **row)


def reached(warehouse: Warehouse, name: str, *, direct: bool) -> None:
    """A row of table lineage of ``q1``."""
    insert(warehouse, "access.table_lineage", statement_id="q1", source_table_catalog="main",
           source_table_schema="sales", source_table_name=name, event_date=HOUR.date(),
           direct_access=direct)  # fmt: skip


def selects(name: str) -> str:
    return f"SELECT * FROM main.sales.{name}"  # noqa: S608 - nobody runs it


def statements(hour: Hour) -> dict[str, dict[str, Any]]:
    """Rows by query id, after a check that they follow the schema."""
    rows = Statements.validate(hour.statements.collect())
    return {row["query_id"]: row for row in rows.iter_rows(named=True)}


def accesses(hour: Hour) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by query id and object, after a check that they follow the schema."""
    rows = Accesses.validate(hour.accesses.collect())
    return {(row["query_id"], row["object_name"]): row for row in rows.iter_rows(named=True)}


def test_a_statement_keeps_what_the_platform_says_of_it(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse)
    lineage(warehouse, source=TABLE)
    lineage(warehouse, source=TABLE | {"column": "id"})
    hour = read()
    row = statements(hour)["q1"]
    expected = {
        "user_name": "taylor@example.com", "user_email": "taylor@example.com", "user_type": "PERSON",
        "session_id": "01ee14d9", "started_at": HOUR + timedelta(minutes=3), "ended_at": HOUR + timedelta(minutes=5),
        "duration_ms": 23_568, "status": "SUCCESS", "error_code": None, "error_message": None,
        "statement_type": "SELECT", "text": "SELECT 1", "text_state": "WHOLE", "access_state": "KNOWN",
        "rows_produced": 2, "user_agent": "Databricks SQL Editor", "warehouse_id": "559483c6", "cluster_id": None,
        "workspace_id": "3841033049363283", "service": "WAREHOUSE", "notebook_id": "8695", "account_id": "52e863bc",
        "root_query_id": None, "client_ip": None,
    }  # fmt: skip
    assert expected.items() <= row.items()
    assert accesses(hour)["q1", "main.sales.orders"] == {
        "query_id": "q1", "object_name": "main.sales.orders", "database": "main", "schema": "sales", "name": "orders",
        "object_type": "TABLE", "accessed_columns": ["amount", "id"], "inferred": False,
    }  # fmt: skip
    assert (hour.facts.statements, hour.facts.accesses, hour.facts.source_duplicates) == (1, 1, 0)
    latest = {"system.query.history": HOUR + timedelta(minutes=5), "system.access.column_lineage": HOUR}
    assert hour.facts.latest_end == latest
    assert hour.facts.warnings == ()


def test_an_hour_without_statements_is_empty(read: Any) -> None:
    hour = read()
    assert statements(hour) == {}
    assert accesses(hour) == {}
    assert hour.facts.latest_end == {"system.query.history": None, "system.access.column_lineage": None}


def test_the_hour_is_half_open(warehouse: Warehouse, read: Any) -> None:
    microsecond = timedelta(microseconds=1)
    for name, end in {"before": HOUR - microsecond, "first": HOUR, "last": HOUR + timedelta(hours=1) - microsecond,
                      "after": HOUR + timedelta(hours=1)}.items():  # fmt: skip
        ran(warehouse, name, start_time=HOUR - timedelta(hours=30), end_time=end)
    assert set(statements(read())) == {"first", "last"}


def test_lineage_of_a_statement_that_began_days_before_is_found(warehouse: Warehouse, read: Any) -> None:
    began = HOUR - timedelta(days=2)
    ran(warehouse, start_time=began)
    lineage(warehouse, at=began, source=TABLE)
    assert set(accesses(read())) == {("q1", "main.sales.orders")}


@pytest.mark.parametrize("cloud_fetch", [False, True])
def test_every_page_of_a_result_is_read(warehouse: Warehouse, read: Any, cloud_fetch: bool) -> None:  # noqa: FBT001
    warehouse.page_rows, warehouse.cloud_fetch = 3, cloud_fetch
    for number in range(10):
        ran(warehouse, f"q{number}")
        lineage(warehouse, f"q{number}", source=TABLE)
    hour = read()
    assert len(statements(hour)) == 10
    assert len(accesses(hour)) == 10


def test_a_result_lost_on_the_way_fails_the_reading(warehouse: Warehouse, read: Any) -> None:
    warehouse.page_rows, warehouse.loses_results = 3, True
    for number in range(10):
        ran(warehouse, f"q{number}")
    with pytest.raises(HistoryError, match=r"^Connection lakehouse: the warehouse .*run the hour again"):
        read()


def test_a_result_file_lost_on_the_way_fails_the_reading(
    warehouse: Warehouse, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.cloud_fetch = True
    monkeypatch.setattr(warehouse, "files", _Forgetful())
    ran(warehouse)
    with pytest.raises(HistoryError, match="run the hour again"):
        read()


class _Forgetful(dict[str, bytes]):
    """Files that are gone by the time they are fetched."""

    def get(self, *_: object) -> None:  # type: ignore[override]
        return None


def test_a_warehouse_that_is_busy_for_a_moment_is_asked_again(warehouse: Warehouse, read: Any) -> None:
    warehouse.unavailable = 1
    ran(warehouse)
    assert set(statements(read())) == {"q1"}


@pytest.mark.parametrize(
    ("part", "message", "told"),
    [
        (
            "execution_status",
            "[INSUFFICIENT_PERMISSIONS] User does not have USE SCHEMA on Schema 'system.query'.",
            "needs GRANT USE SCHEMA ON SCHEMA system.query",
        ),
        (
            "max(event_time)",
            "PERMISSION_DENIED: User does not have SELECT on Table 'system.access.column_lineage'.",
            "needs GRANT SELECT ON TABLE system.access.column_lineage",
        ),
        (
            "direct_access",
            "[TABLE_OR_VIEW_NOT_FOUND] The table or view `system`.`access`.`table_lineage` cannot be found.",
            "system schema system.access is not enabled",
        ),
        (
            "query_tags",
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `query_tags` cannot be resolved.",
            "no column query_tags",
        ),
        ("query_tags", "[INTERNAL_ERROR] secret text of a person", r"could not be read \(INTERNAL_ERROR\)"),
    ],
)
def test_a_refusal_says_what_to_do_about_it(
    warehouse: Warehouse, read: Any, part: str, message: str, told: str
) -> None:
    warehouse.errors[part] = ("42501", message)
    with pytest.raises(HistoryError, match=rf"^Connection lakehouse: [^\n]*{told}") as raised:
        read()
    assert "secret text" not in str(raised.value)


def test_refused_credentials_are_told_without_showing_them(read: Any) -> None:
    with pytest.raises(HistoryError, match="the credentials were refused") as raised:
        read(token=SecretStr("dapi-wrong"))
    assert "dapi-wrong" not in str(raised.value)


def test_a_service_principal_logs_in_with_its_secret(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse)
    assert set(statements(read(client_id=PRINCIPAL, client_secret=SecretStr(SECRET)))) == {"q1"}


def test_a_service_principal_with_a_wrong_secret_is_told(read: Any) -> None:
    with pytest.raises(HistoryError, match="the credentials were refused"):
        read(client_id=PRINCIPAL, client_secret=SecretStr("wrong"))


def test_our_own_statements_are_left_out_but_nobody_can_hide_behind_our_tag(warehouse: Warehouse, read: Any) -> None:
    tag = {"application": "immuta-assets"}
    ran(warehouse, "ours", executed_by=PRINCIPAL, query_tags=tag)
    ran(warehouse, "same principal", executed_by=PRINCIPAL, query_tags=None)
    ran(warehouse, "same tag", query_tags=tag)
    ran(warehouse, "nobody", executed_by=None, query_tags=None)
    assert set(statements(read())) == {"same principal", "same tag", "nobody"}


def test_every_session_is_in_utc_tagged_and_limited_in_time(warehouse: Warehouse, read: Any) -> None:
    read()
    (session,) = warehouse.sessions
    expected = {"TIMEZONE": "UTC", "QUERY_TAGS": "application:immuta-assets", "STATEMENT_TIMEOUT": "1800"}
    assert expected.items() <= session.items()


def test_only_the_workspaces_of_the_connection_are_read(warehouse: Warehouse, read: Any) -> None:
    for workspace in ("1", "2", "12"):
        ran(warehouse, workspace, workspace_id=workspace)
    assert set(statements(read(workspaces=("1", "2")))) == {"1", "2"}


def test_the_newest_row_of_a_duplicated_statement_is_kept(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse, produced_rows=1, update_time=HOUR)
    ran(warehouse, produced_rows=3, update_time=HOUR + timedelta(hours=2))
    ran(warehouse, produced_rows=2, update_time=HOUR + timedelta(hours=1))
    lineage(warehouse, source=TABLE)
    hour = read()
    assert statements(hour)["q1"]["rows_produced"] == 3
    assert set(accesses(hour)) == {("q1", "main.sales.orders")}
    assert hour.facts.source_duplicates == 2


def test_a_statement_written_anew_with_another_end_belongs_to_the_hour_of_its_newest_row(
    warehouse: Warehouse, read: Any, count: Any
) -> None:
    later = HOUR + timedelta(hours=2)
    ran(warehouse)
    lineage(warehouse, source=TABLE)
    assert set(statements(read())) == {"q1"}
    ran(warehouse, end_time=later + timedelta(minutes=1), update_time=later + timedelta(minutes=2))
    before, after = read(), read(later)
    assert (statements(before), accesses(before)) == ({}, {})
    assert set(accesses(after)) == {("q1", "main.sales.orders")}
    assert after.facts.source_duplicates == 0
    assert count(HOUR, 3) == {later: after.facts.counted}


def test_a_row_without_the_moment_of_its_writing_is_as_old_as_its_end(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse, update_time=None, produced_rows=1)
    ran(warehouse, update_time=None, produced_rows=2, end_time=HOUR + timedelta(minutes=7))
    assert statements(read())["q1"]["rows_produced"] == 2


def test_an_hour_is_counted_without_counting_a_statement_by_its_lineage(warehouse: Warehouse, count: Any) -> None:
    ran(warehouse)
    ran(warehouse, update_time=HOUR + timedelta(hours=2))
    ran(warehouse, "q2", end_time=HOUR + timedelta(minutes=9))
    for column in ("id", "amount"):
        lineage(warehouse, source=TABLE | {"column": column})
    reached(warehouse, "orders", direct=True)
    assert count() == {HOUR: Counted(3, 2, 3, HOUR + timedelta(minutes=9))}
    assert count(HOUR + timedelta(hours=1)) == {}


def test_hours_counted_together_and_read_one_by_one_agree(warehouse: Warehouse, read: Any, count: Any) -> None:
    day, midnight = timedelta(days=1), HOUR.replace(hour=0) + timedelta(days=1)
    hours = [midnight + timedelta(hours=hours) for hours in (-6, -1, 0, 20, 28)]
    for number, hour in enumerate(hours):
        for name, began in (
            ("short", hour),
            ("long", hour - 2 * day),
            ("longest", hour - 8 * day - timedelta(hours=1)),
        ):
            ran(warehouse, f"{name}{number}", start_time=began, end_time=hour + timedelta(minutes=number))
            for at in (began, hour + timedelta(hours=1), hour + timedelta(hours=30), hour - 9 * day):
                lineage(warehouse, f"{name}{number}", at=at, source=TABLE)
        for age in (1, 7, 8, 9, 12):
            origin = f"origin{number}-{age}"
            lineage(warehouse, origin, at=hour - age * day, source=TABLE)
            ran(warehouse, f"cached{number}-{age}", start_time=hour, end_time=hour, from_result_cache=True,
                cache_origin_statement_id=origin)  # fmt: skip
    together = count(hours[0], 35)
    readings = {hour: read(hour, now=LATER + 9 * day) for hour in hours}
    assert {hour: reading.facts.counted for hour, reading in readings.items()} == together
    for reading in readings.values():
        assert reading.facts.counted.statement_ids == reading.facts.statements == 7
    assert all(hour.tzinfo is UTC for hour in together)


def test_what_arrives_while_an_hour_is_read_is_not_counted_but_differs_from_it_later(
    warehouse: Warehouse, read: Any, count: Any
) -> None:
    ran(warehouse)
    lineage(warehouse, source=TABLE)

    def arrive() -> None:
        ran(warehouse, "q2")
        lineage(warehouse, "q2", source=TABLE)

    warehouse.before["collect_set"] = arrive
    hour = read()
    assert set(statements(hour)) == {"q1"}
    assert set(accesses(hour)) == {("q1", "main.sales.orders")}
    assert hour.facts.counted == Counted(1, 1, 1, HOUR + timedelta(minutes=5))
    assert count()[HOUR] == Counted(2, 2, 2, HOUR + timedelta(minutes=5))


def test_counting_leaves_out_what_reading_leaves_out(warehouse: Warehouse, read: Any, count: Any) -> None:
    ran(warehouse, "ours", executed_by=PRINCIPAL, query_tags={"application": "immuta-assets"})
    ran(warehouse, "elsewhere", workspace_id="2")
    ran(warehouse, "first", workspace_id="1")
    assert count(workspaces=("1",))[HOUR].statements == 1
    assert count()[HOUR] == read().facts.counted


@pytest.mark.parametrize("hour", [HOUR + timedelta(minutes=30), HOUR.replace(tzinfo=None)])
def test_only_whole_hours_with_a_zone_are_counted(count: Any, hour: datetime) -> None:
    with pytest.raises(ValueError, match="An hour is given by its start with a time zone"):
        count(hour)


def test_a_refusal_to_count_says_what_to_do_about_it(warehouse: Warehouse, count: Any) -> None:
    warehouse.errors["FROM ended"] = (
        "42501",
        "[INSUFFICIENT_PERMISSIONS] User does not have SELECT on Table 'system.query.history'.",
    )
    with pytest.raises(HistoryError, match=r"needs GRANT SELECT ON TABLE system\.query\.history"):
        count()


def test_statements_made_part_by_part_are_those_made_at_once(
    warehouse: Warehouse, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        ran(warehouse, f"q{number}", statement_text=selects(f"t{number}"))
    for number in (1, 4, 5):
        lineage(warehouse, f"q{number}", source=TABLE)
    at_once = pl.collect_all([(hour := read()).statements, hour.accesses])
    monkeypatch.setattr(unity_catalog, "_STATEMENTS_AT_ONCE", 2)
    in_parts = pl.collect_all([(hour := read()).statements, hour.accesses])
    assert [len(frame) for frame in at_once] == [7, 7]
    assert all(whole.equals(parts) for whole, parts in zip(at_once, in_parts, strict=True))


def test_of_too_many_texts_those_that_ran_most_often_are_parsed(
    warehouse: Warehouse, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unity_catalog_rows, "PARSED_TEXTS", 1)
    for name, table in {"a": "rare", "b": "frequent", "c": "frequent"}.items():
        ran(warehouse, name, statement_text=f"{selects(table)} WHERE id = '{name}'")
    hour = read()
    assert set(accesses(hour)) == {("b", "main.sales.frequent"), ("c", "main.sales.frequent")}
    (warning,) = hour.facts.warnings
    assert warning.startswith("1 texts without lineage were not parsed")


def test_a_write_accesses_its_source_and_its_target(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse, statement_type="INSERT")
    lineage(warehouse, source=TABLE, target=TABLE | {"name": "summary", "column": "total"})
    columns = {key[1]: row["accessed_columns"] for key, row in accesses(read()).items()}
    assert columns == {"main.sales.orders": ["amount"], "main.sales.summary": ["total"]}


def test_a_name_with_dots_is_not_taken_apart_and_a_path_is_its_own_name(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse)
    lineage(warehouse, source=TABLE | {"name": "a.b"})
    lineage(warehouse, source={"path": "s3://bucket/file", "type": "PATH"})
    rows = accesses(read())
    assert rows["q1", "main.sales.a.b"]["name"] == "a.b"
    assert rows["q1", "s3://bucket/file"]["object_type"] == "PATH"
    assert rows["q1", "s3://bucket/file"]["database"] is None


def test_lineage_without_a_statement_belongs_to_none(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse)
    lineage(warehouse, None, source=TABLE)
    hour = read()
    assert accesses(hour) == {}
    assert statements(hour)["q1"]["access_state"] == "NONE"


def test_a_cached_result_has_the_objects_of_the_statement_that_made_it(warehouse: Warehouse, read: Any) -> None:
    long_ago = HOUR - timedelta(days=6)
    ran(warehouse, "origin", start_time=long_ago, end_time=long_ago)
    lineage(warehouse, "origin", at=long_ago, source=TABLE)
    ran(warehouse, "cached", from_result_cache=True, cache_origin_statement_id="origin")
    ran(warehouse, "orphan", from_result_cache=True, cache_origin_statement_id="never seen")
    hour = read()
    assert set(accesses(hour)) == {("cached", "main.sales.orders")}
    assert {name: row["access_state"] for name, row in statements(hour).items()} == {
        "cached": "KNOWN", "orphan": "CACHED",
    }  # fmt: skip


def test_objects_may_arrive_until_three_hours_after_the_hour(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse, "select", statement_text="SELECT * FROM main.sales.orders")
    ran(warehouse, "show", statement_type="SHOW")
    ran(warehouse, "failed", execution_status="FAILED", error_message="[DIVIDE_BY_ZERO] …")
    early = read(now=HOUR + timedelta(hours=4) - timedelta(microseconds=1))
    states = {name: row["access_state"] for name, row in statements(early).items()}
    assert states == {"select": "PENDING", "show": "NOT_APPLICABLE", "failed": "NOT_APPLICABLE"}
    assert accesses(early) == {}
    assert early.facts.pending == 1
    settled = read(now=HOUR + timedelta(hours=4))
    assert statements(settled)["select"]["access_state"] == "NONE"
    assert set(accesses(settled)) == {("select", "main.sales.orders")}


def test_direct_objects_leave_out_what_lies_below_a_view(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse)
    lineage(warehouse, source=TABLE)
    lineage(warehouse, source=TABLE | {"name": "view", "type": "VIEW"})
    reached(warehouse, "orders", direct=False)
    reached(warehouse, "view", direct=True)
    assert set(accesses(read(objects="direct"))) == {("q1", "main.sales.view")}
    assert set(accesses(read(objects="base"))) == {("q1", "main.sales.orders")}


def test_fully_qualified_names_are_inferred_from_a_whole_text_without_lineage(warehouse: Warehouse, read: Any) -> None:
    texts = {
        "join": "SELECT * FROM Main.Sales.Orders o JOIN `main`.`a b`.`c.d` USING (id)",
        "short": "SELECT * FROM sales.orders",
        "cte": "WITH x AS (SELECT 1 FROM main.sales.items) SELECT * FROM x JOIN y",
        "path": "SELECT * FROM delta.`/mnt/a.b.c`",
        "identifier": "SELECT * FROM IDENTIFIER('main.sales.orders')",
        "broken": "SELECT * FROM main.sales.orders WHERE (",
        "cut": "SELECT a, '" + "x" * 60_000 + "' FROM main.sales.orders",
    }
    for name, text in texts.items():
        ran(warehouse, name, statement_text=text)
    ran(warehouse, "grant", statement_text="GRANT SELECT ON main.sales.orders TO x", statement_type="GRANT")
    rows = accesses(read())
    assert set(rows) == {("join", "main.sales.orders"), ("join", "main.a b.c.d"), ("cte", "main.sales.items")}
    assert all(row["inferred"] and row["accessed_columns"] == [] for row in rows.values())


def test_withheld_texts_and_names_have_their_own_states(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse, "redacted", statement_text="<REDACTED>", executed_by="__REDACTED__")
    ran(warehouse, "empty", statement_text="")
    ran(warehouse, "none", statement_text=None)
    ran(warehouse, "long", statement_text="x" * 60_001)
    hour = read()
    rows = statements(hour)
    states = {name: row["text_state"] for name, row in rows.items()}
    assert states == {"redacted": "REDACTED", "empty": "MISSING", "none": "MISSING", "long": "CUT"}
    assert rows["redacted"]["text"] is rows["empty"]["text"] is rows["redacted"]["user_name"] is None
    assert hour.facts.redacted == 1
    (warning,) = hour.facts.warnings
    assert warning.startswith("Databricks withheld 1 texts and 1 user names")


@pytest.mark.parametrize(
    ("status", "message", "expected", "code"),
    [
        ("FINISHED", "[IGNORED] on success", "SUCCESS", None),
        ("FAILED", "[INSUFFICIENT_PERMISSIONS] User does not have SELECT", "UNAUTHORIZED", "INSUFFICIENT_PERMISSIONS"),
        ("FAILED", "PERMISSION_DENIED: User does not have USE CATALOG on Catalog 'x'", "UNAUTHORIZED", None),
        ("FAILED", "User a@b.c does not have privilege SELECT on t", "UNAUTHORIZED", None),
        ("FAILED", "[PARSE_SYNTAX_ERROR] near 'PERMISSION_DENIED'", "FAILURE", "PARSE_SYNTAX_ERROR"),
        ("FAILED", "o.a.s.AnalysisException: [UNRESOLVED_COLUMN.WITH_SUGGESTION] a", "FAILURE",
         "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
        ("FAILED", "", "FAILURE", None),
        ("CANCELED", None, "FAILURE", None),
    ],
)  # fmt: skip
def test_outcomes_follow_the_error_class_and_else_the_words(
    warehouse: Warehouse, read: Any, status: str, message: str | None, expected: str, code: str | None
) -> None:
    ran(warehouse, execution_status=status, error_message=message)
    row = statements(read())["q1"]
    assert (row["status"], row["error_code"]) == (expected, code)
    assert row["error_message"] == (None if expected == "SUCCESS" else message or None)


def test_a_service_principal_is_no_person(warehouse: Warehouse, read: Any) -> None:
    ran(warehouse, "service", executed_by=PRINCIPAL, compute={"type": "SERVERLESS_COMPUTE", "cluster_id": "c"})
    ran(warehouse, "system", executed_by="System-User", compute=None)
    rows = statements(read())
    assert (rows["service"]["user_type"], rows["service"]["user_email"]) == ("SERVICE", None)
    assert (rows["service"]["service"], rows["service"]["cluster_id"]) == ("CLUSTER", "c")
    assert (rows["system"]["user_type"], rows["system"]["service"]) == (None, None)


def test_the_same_rows_give_the_same_frames_in_any_order(warehouse: Warehouse, read: Any) -> None:
    for name in ("b", "a", "c"):
        ran(warehouse, name)
        lineage(warehouse, name, source=TABLE)
    first = pl.collect_all([read().statements, read().accesses])
    warehouse.database.execute(
        "CREATE TABLE copy AS SELECT * FROM dbx_system.query.history; DELETE FROM dbx_system.query.history;"
        "INSERT INTO dbx_system.query.history SELECT * FROM copy ORDER BY statement_id"
    )
    second = pl.collect_all([read().statements, read().accesses])
    assert all(before.equals(after) for before, after in zip(first, second, strict=True))
