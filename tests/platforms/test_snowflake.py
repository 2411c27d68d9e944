"""The reader of Snowflake's query history, through the genuine driver against an account on a loopback socket."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fakes.snowflake_server import SESSION_EXPIRED, SnowflakeServer, serving, sql_error

from immuta_assets.platforms.connections import load
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.hour import Counted, HistoryError, Hour, get_bounds
from immuta_assets.platforms.snowflake import reader as snowflake
from immuta_assets.platforms.snowflake.connection import SnowflakeConnection

# fakesnow, in its thread, takes a way through DuckDB that DuckDB advises against.
pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result:UserWarning")

DATA = Path(__file__).parents[1] / "data"
HOUR = datetime(2025, 3, 4, 5, tzinfo=UTC)
SOON = HOUR + timedelta(hours=1, minutes=5)
LATER = HOUR + timedelta(hours=4)

Row = Mapping[str, object]


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with serving() as account:
        yield account


@pytest.fixture
def account(server: SnowflakeServer) -> SnowflakeServer:
    server.reset()
    return server


def connection(
    account: SnowflakeServer, folder: Path, *, objects: str = "direct", **credential: str
) -> SnowflakeConnection:
    """Return a connection as an operator writes it, in YAML, whose credentials come from the environment."""
    folder.mkdir(exist_ok=True)
    secrets = credential or {"password": "open sesame"}
    entry = {
        "name": "sales",
        "kind": "snowflake",
        "account": "acme-prod",
        "user": "HISTORY_READER",
        "role": "HISTORY",
        "warehouse": "HISTORY_WH",
        "objects": objects,
        "connect_options": {"host": "127.0.0.1", "port": account.port, "protocol": "http"},
        **{key: {"env": key.upper()} for key in secrets},
    }
    (folder / "connections.yaml").write_text(json.dumps({"connections": [entry]}), "utf-8")
    (found,) = load(folder / "connections.yaml", {key.upper(): secret for key, secret in secrets.items()})
    assert isinstance(found, SnowflakeConnection)
    return found


def insert(account: SnowflakeServer, view: str, *rows: Row) -> None:
    account.insert(view, pa.Table.from_pylist(list(rows)))


def statement(query_id: str = "q1", **columns: object) -> dict[str, object]:
    """Return a row of QUERY_HISTORY that ended in the hour."""
    usual = {
        "query_text": "select 1 from t",
        "query_type": "SELECT",
        "execution_status": "SUCCESS",
        "start_time": HOUR,
        "end_time": HOUR + timedelta(minutes=1),
    }
    return {"query_id": query_id, **usual, **columns}


def access(query_id: str = "q1", *objects: Row, **columns: object) -> Row:
    """Return a row of ACCESS_HISTORY for a statement that started with the hour."""
    usual = {"query_start_time": HOUR, "direct_objects_accessed": json.dumps(objects)}
    return {"query_id": query_id, **usual, **columns}


def table(name: str, *columns: str, domain: str = "Table") -> Row:
    return {
        "objectDomain": domain,
        "objectId": 7,
        "objectName": name,
        "columns": [{"columnId": number, "columnName": column} for number, column in enumerate(columns)],
    }


def read(account: SnowflakeServer, folder: Path, *, now: datetime = SOON, objects: str = "direct") -> Hour:
    return snowflake.read_hour(connection(account, folder, objects=objects), HOUR, folder / "spo[ol]", moment=now)


def count(account: SnowflakeServer, folder: Path, since: datetime, until: datetime) -> dict[datetime, Counted]:
    return snowflake.count_hours(connection(account, folder), since, until, LATER)


def only(frame: pl.LazyFrame) -> dict[str, object]:
    return frame.collect().row(0, named=True)


def column(frame: pl.LazyFrame, by: str, name: str) -> dict[str, object]:
    return dict(frame.select(by, name).collect().rows())


# --- What is read ------------------------------------------------------------------------------------------------


def test_a_statement_is_read_with_everything_the_views_know_of_it(account: SnowflakeServer, tmp_path: Path) -> None:
    start = datetime(2025, 3, 4, 5, 0, 0, 40598, tzinfo=UTC)
    insert(
        account,
        "query_history",
        statement(
            "01a9c8f5",
            query_text='SELECT "Ärger" FROM art.exhibition',
            session_id=18245308848957358,
            authn_event_id=18260702004593906,
            user_name="TAYLOR",
            role_name="ANALYST",
            warehouse_id=3,
            warehouse_name="DETECT_WH",
            cluster_number=1,
            start_time=start,
            end_time=start + timedelta(milliseconds=163),
            total_elapsed_time=163,
            rows_written_to_result=3,
        ),
    )
    insert(
        account,
        "access_history",
        access(
            "01a9c8f5", table("DB.ART.EXHIBITION", "YEAR", "THEME"), query_start_time=start, root_query_id="01a9c8f4"
        ),
    )
    insert(
        account,
        "sessions",
        {
            "session_id": 18245308848957358,
            "created_on": HOUR - timedelta(days=9),
            "login_event_id": 1,
            "client_application_id": "Snowflake Web App",
        },
    )
    insert(
        account,
        "login_history",
        {
            "event_id": 18260702004593906,
            "event_timestamp": HOUR - timedelta(days=9),
            "client_ip": "203.0.113.7",
            "is_success": "YES",
        },
    )
    born = datetime(2022, 1, 2, tzinfo=UTC)
    insert(account, "users", {"name": "TAYLOR", "created_on": born, "email": "taylor@example.com", "type": "PERSON"})
    hour = read(account, tmp_path)
    found = only(hour.statements)
    assert {key: value for key, value in found.items() if value is not None} == {
        "query_id": "01a9c8f5",
        "root_query_id": "01a9c8f4",
        "user_name": "TAYLOR",
        "user_created_at": born,
        "user_email": "taylor@example.com",
        "user_type": "PERSON",
        "session_id": "18245308848957358",
        "started_at": start,
        "ended_at": start + timedelta(milliseconds=163),
        "duration_ms": 163,
        "status": "SUCCESS",
        "statement_type": "SELECT",
        "text": 'SELECT "Ärger" FROM art.exhibition',
        "text_state": "WHOLE",
        "access_state": "KNOWN",
        "rows_produced": 3,
        "user_agent": "Snowflake Web App",
        "client_ip": "203.0.113.7",
        "role_name": "ANALYST",
        "warehouse_id": "3",
        "warehouse_name": "DETECT_WH",
        "cluster_number": 1,
    }
    assert only(hour.accesses) == {
        "query_id": "01a9c8f5",
        "object_name": "DB.ART.EXHIBITION",
        "database": "DB",
        "schema": "ART",
        "name": "EXHIBITION",
        "object_type": "TABLE",
        "accessed_columns": ["THEME", "YEAR"],
        "inferred": False,
    }
    assert hour.facts.latest_end == {
        "QUERY_HISTORY": start + timedelta(milliseconds=163),
        "ACCESS_HISTORY": start,
    }
    assert (hour.facts.statements, hour.facts.accesses, hour.facts.warnings) == (1, 1, ())


def test_an_hour_without_statements_gives_empty_frames(account: SnowflakeServer, tmp_path: Path) -> None:
    hour = read(account, tmp_path)
    assert Statements.validate(hour.statements.collect()).is_empty()
    assert Accesses.validate(hour.accesses.collect()).is_empty()
    assert hour.facts.latest_end == {"QUERY_HISTORY": None, "ACCESS_HISTORY": None}
    assert hour.facts.warnings == ()


def test_the_first_instant_of_an_hour_belongs_to_it_and_the_first_of_the_next_does_not(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    instant = timedelta(microseconds=1)
    ends = {"before": HOUR - instant, "first": HOUR, "last": HOUR + timedelta(hours=1) - instant}
    ends["next"] = HOUR + timedelta(hours=1)
    insert(account, "query_history", *(statement(name, start_time=HOUR, end_time=end) for name, end in ends.items()))
    assert column(read(account, tmp_path).statements, "query_id", "ended_at") == {
        "first": ends["first"],
        "last": ends["last"],
    }


def test_a_statement_that_ran_for_days_is_read_with_its_objects(account: SnowflakeServer, tmp_path: Path) -> None:
    days_ago = HOUR - timedelta(days=2, minutes=7)
    insert(account, "query_history", statement("long", start_time=days_ago), statement("short"))
    insert(account, "access_history", access("long", table("D.S.OLD"), query_start_time=days_ago))
    insert(account, "access_history", access("short", table("D.S.NEW")), access("of another hour", table("D.S.X")))
    accesses = read(account, tmp_path).accesses
    assert column(accesses, "query_id", "object_name") == {"long": "D.S.OLD", "short": "D.S.NEW"}


def test_one_long_statement_does_not_make_the_hours_between_be_read(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", statement("long", start_time=HOUR - timedelta(days=2)), statement("short"))
    read(account, tmp_path, now=LATER)
    asked = [sent["bindings"] for sent in account.statements if "objects_accessed" in sent["sqlText"]]
    assert [int(window["2"]["value"]) - int(window["1"]["value"]) for window in asked] == [3600 * 10**9] * 2


def test_only_what_our_own_user_ran_under_our_tag_is_no_part_of_the_history(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    ours, our_tag = "HISTORY_READER", snowflake.QUERY_TAG
    ran = {
        "own": (ours, our_tag),
        "own user, other tag": (ours, "nightly"),
        "own user, empty tag": (ours, ""),
        "own user, no tag": (ours, None),
        "other user, our tag": ("TAYLOR", our_tag),
        "name quoted, our tag": ("history_reader", our_tag),
        "no user, our tag": (None, our_tag),
        "no user, no tag": (None, None),
    }
    rows = (statement(name, user_name=user, query_tag=tag) for name, (user, tag) in ran.items())
    insert(account, "query_history", *rows)
    hour = read(account, tmp_path)
    assert column(hour.statements, "query_id", "status").keys() == ran.keys() - {"own"}
    assert hour.facts.counted.statements == len(ran) - 1


def test_our_statements_carry_our_tag_and_speak_of_times_in_utc(account: SnowflakeServer, tmp_path: Path) -> None:
    read(account, tmp_path)
    assert account.logins[-1]["SESSION_PARAMETERS"]["QUERY_TAG"] == snowflake.QUERY_TAG
    assert account.logins[-1]["SESSION_PARAMETERS"]["TIMEZONE"] == "UTC"


def test_rows_of_one_statement_become_one_the_newest_and_are_counted(account: SnowflakeServer, tmp_path: Path) -> None:
    newest = HOUR + timedelta(minutes=9)
    insert(
        account,
        "query_history",
        statement("twice", end_time=newest, role_name="NEW"),
        statement("twice", role_name="OLD"),
        statement("once"),
    )
    hour = read(account, tmp_path)
    assert column(hour.statements, "query_id", "role_name") == {"once": None, "twice": "NEW"}
    assert hour.facts.source_duplicates == 1


def test_a_statement_that_was_given_a_later_end_belongs_to_the_hour_of_that_end_only(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    next_hour, usual_end = HOUR + timedelta(hours=1), HOUR + timedelta(minutes=1)
    insert(account, "query_history", statement("corrected", role_name="OLD"), statement("other"))
    insert(account, "access_history", access("corrected", table("D.S.T")))
    before = read(account, tmp_path / "before")
    insert(account, "query_history", statement("corrected", end_time=next_hour, role_name="NEW"))
    after = read(account, tmp_path / "after")
    later = snowflake.read_hour(connection(account, tmp_path), next_hour, tmp_path / "later", moment=LATER)
    assert column(before.statements, "query_id", "role_name") == {"corrected": "OLD", "other": None}
    assert column(after.statements, "query_id", "role_name") == {"other": None}
    assert column(later.statements, "query_id", "role_name") == {"corrected": "NEW"}
    assert column(later.accesses, "query_id", "object_name") == {"corrected": "D.S.T"}
    assert before.facts.counted == Counted(2, 2, 1, usual_end)
    assert count(account, tmp_path, HOUR, HOUR + timedelta(hours=2)) == {
        HOUR: Counted(1, 1, 0, usual_end),
        next_hour: Counted(1, 1, 1, next_hour),
    }


def test_statements_parsed_in_several_ranges_are_the_same(
    account: SnowflakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"q{number}" for number in (5, 2, 4, 1, 3, 2)]
    insert(account, "query_history", *map(statement, names))
    insert(account, "access_history", *(access(name, table(f"D.S.{name}")) for name in names))
    whole = read(account, tmp_path / "whole")
    monkeypatch.setattr(snowflake, "_STATEMENTS_AT_ONCE", 2)
    parts = read(account, tmp_path / "parts")
    assert len(list((tmp_path / "parts" / "spo[ol]").glob("statements-*.parquet"))) == 3
    assert parts.statements.collect().equals(whole.statements.collect())
    assert parts.accesses.collect().equals(whole.accesses.collect())
    assert parts.facts == whole.facts


def test_values_are_told_in_the_statement_but_never_part_of_its_text(account: SnowflakeServer, tmp_path: Path) -> None:
    read(account, tmp_path)
    texts = [sent["sqlText"] for sent in account.statements]
    assert [text for text in texts if snowflake.QUERY_TAG in text or "2025" in text] == []
    assert [text for text in texts if "select *" in text.lower() and not text.startswith("select * from SNOW")] == []


# --- What is counted ---------------------------------------------------------------------------------------------


def test_statements_count_in_the_hour_they_ended_in_and_empty_hours_are_absent(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    hour, instant = timedelta(hours=1), timedelta(microseconds=1)
    ends = [HOUR - instant, HOUR, HOUR + hour - instant, HOUR + 3 * hour, HOUR + 4 * hour - instant, HOUR + 4 * hour]
    days_ago = HOUR - timedelta(days=6)
    rows = [statement(f"q{number}", start_time=days_ago, end_time=end) for number, end in enumerate(ends)]
    insert(account, "query_history", *rows)
    insert(account, "access_history", *(access(name, query_start_time=days_ago) for name in ("q1", "q3", "q4", "q5")))
    assert count(account, tmp_path, HOUR, HOUR + 4 * hour) == {
        HOUR: Counted(statements=2, statement_ids=2, accesses=1, latest_end=ends[2]),
        HOUR + 3 * hour: Counted(statements=2, statement_ids=2, accesses=2, latest_end=ends[4]),
    }


def test_nothing_is_counted_where_nothing_happened_or_nothing_is_asked_for(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    insert(account, "access_history", access("without a statement"))
    assert count(account, tmp_path, HOUR, HOUR + timedelta(hours=1)) == {}
    insert(account, "query_history", statement())
    assert count(account, tmp_path, HOUR, HOUR) == {}


def test_hours_are_counted_in_utc_whatever_zone_asks(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", statement())
    zone = timezone(timedelta(hours=-7))
    (found,) = count(account, tmp_path, HOUR.astimezone(zone), (HOUR + timedelta(hours=1)).astimezone(zone))
    assert found.isoformat() == "2025-03-04T05:00:00+00:00"
    with pytest.raises(ValueError, match="An hour is given by its start with a time zone"):
        count(account, tmp_path, HOUR, SOON)


def test_further_rows_of_a_statement_count_and_do_not_multiply_its_accesses(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    newest = HOUR + timedelta(minutes=9)
    insert(account, "query_history", statement("twice"), statement("twice", end_time=newest), statement("once"))
    insert(account, "access_history", access("twice"), access("once"), access("of another hour"))
    insert(account, "access_history", access("twice", query_start_time=HOUR + timedelta(milliseconds=1)))
    hour = read(account, tmp_path)
    assert hour.facts.counted == Counted(statements=3, statement_ids=2, accesses=3, latest_end=newest)


def test_accesses_that_come_later_change_the_count(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", statement("q1"), statement("q2"))
    insert(account, "access_history", access("q1", table("D.S.T")))
    stored = read(account, tmp_path).facts.counted
    same = count(account, tmp_path, HOUR, HOUR + timedelta(hours=1))
    insert(account, "access_history", access("q2", table("D.S.T")))
    changed = count(account, tmp_path, HOUR, HOUR + timedelta(hours=1))
    assert same == {HOUR: stored}
    assert changed == {HOUR: stored._replace(accesses=2)}


@pytest.mark.parametrize("view", ["query_history", "access_history"])
def test_what_arrives_while_an_hour_is_read_differs_from_its_count(
    account: SnowflakeServer, tmp_path: Path, view: str
) -> None:
    late = {"query_history": statement("late"), "access_history": access("early", table("D.S.T"))}
    insert(account, "query_history", statement("early"))
    account.afterwards("as statement_ids", lambda: insert(account, view, late[view]))
    hour = read(account, tmp_path)
    assert hour.facts.statements + hour.facts.accesses == 2
    assert hour.facts.counted == Counted(1, 1, 0, HOUR + timedelta(minutes=1))
    assert count(account, tmp_path, HOUR, HOUR + timedelta(hours=1)) != {HOUR: hour.facts.counted}


def drawn_statements(draw: random.Random, first: datetime, hours: int) -> list[dict[str, object]]:
    """Return rows of a few statements, many of them given several ends, within some hours and one more on each side."""
    rows = []
    for number in draw.choices(range(60), k=150):
        end = first + timedelta(minutes=draw.randrange(-60, 60 * hours + 60))
        own = {"user_name": "HISTORY_READER", "query_tag": snowflake.QUERY_TAG} if number < 3 else {}
        rows.append(statement(f"q{number}", start_time=first - timedelta(days=1 + number % 7), end_time=end, **own))
    return rows


@pytest.mark.parametrize("objects", ["direct", "base"])
def test_a_reading_counts_its_hour_as_a_count_of_many_hours_does(
    account: SnowflakeServer, tmp_path: Path, objects: str
) -> None:
    draw = random.Random(4)
    first, hours = HOUR - timedelta(hours=2), 4
    rows = drawn_statements(draw, first, hours)
    insert(account, "query_history", *rows)
    for row in draw.choices(rows, k=40):
        insert(account, "access_history", access(str(row["query_id"]), query_start_time=row["start_time"]))
    opened = connection(account, tmp_path, objects=objects)
    starts = [first + timedelta(hours=number) for number in range(hours)]
    found = {hour: snowflake.read_hour(opened, hour, tmp_path / f"{hour:%H}", moment=LATER) for hour in starts}
    ids = pl.concat([hour.statements.select("query_id").collect() for hour in found.values()])["query_id"]
    assert ids.is_unique().all()
    counts = snowflake.count_hours(opened, first, first + timedelta(hours=hours), LATER)
    assert counts == {start: hour.facts.counted for start, hour in found.items()}
    for facts in (hour.facts for hour in found.values()):
        assert (facts.statements, facts.source_duplicates) == (
            facts.counted.statement_ids,
            facts.counted.statements - facts.counted.statement_ids,
        )


# --- What the platform does on the way -----------------------------------------------------------------------------


def test_parts_of_a_result_may_have_integers_of_different_width(account: SnowflakeServer, tmp_path: Path) -> None:
    sessions = {f"q{number}": 7 ** (number * 2) for number in range(11)}
    insert(account, "query_history", *(statement(name, session_id=number) for name, number in sessions.items()))
    account.rows_per_download = 2
    found = read(account, tmp_path).statements
    assert column(found, "query_id", "session_id") == {name: str(number) for name, number in sessions.items()}


def test_a_result_that_ends_early_fails_the_reading(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", *(statement(f"q{number}") for number in range(6)))
    account.rows_per_download = 2
    account.shorten_downloads = True
    with pytest.raises(HistoryError, match=r"sales: QUERY_HISTORY gave 4 of 6 rows; run the hour again"):
        read(account, tmp_path)


def test_a_download_that_breaks_off_fails_the_reading(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", *(statement(f"q{number}") for number in range(6)))
    account.rows_per_download = 2
    account.spoil_downloads = True
    with pytest.raises(HistoryError, match=r"QUERY_HISTORY cannot be read \(error 255005\)"):
        read(account, tmp_path)


def test_a_spool_folder_that_cannot_be_written_is_named(account: SnowflakeServer, tmp_path: Path) -> None:
    (tmp_path / "spo[ol]" / "query_history-0.parquet").mkdir(parents=True)
    with pytest.raises(HistoryError, match="QUERY_HISTORY cannot be kept in the spool folder"):
        read(account, tmp_path)


def test_an_account_that_is_busy_is_asked_again(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", statement())
    account.fail("query_history", 503, times=2)
    assert read(account, tmp_path).facts.statements == 1


def test_a_session_that_expires_is_renewed(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", statement())
    account.fail("access_history", SESSION_EXPIRED)
    assert read(account, tmp_path).facts.statements == 1
    assert account.renewals == 1


@pytest.mark.parametrize("code", [2003, 3001])
@pytest.mark.parametrize(
    ("view", "database_role"),
    [
        ("QUERY_HISTORY", "GOVERNANCE_VIEWER"),
        ("ACCESS_HISTORY", "GOVERNANCE_VIEWER"),
        ("SESSIONS", "SECURITY_VIEWER"),
        ("LOGIN_HISTORY", "SECURITY_VIEWER"),
        ("USERS", "SECURITY_VIEWER"),
    ],
)
def test_a_missing_grant_is_named(
    account: SnowflakeServer, tmp_path: Path, view: str, database_role: str, code: int
) -> None:
    account.withhold(view, code)
    with pytest.raises(HistoryError) as raised:
        read(account, tmp_path)
    assert str(raised.value) == (
        f"Snowflake connection sales: role HISTORY cannot read SNOWFLAKE.ACCOUNT_USAGE.{view} (error {code}); "
        f"as ACCOUNTADMIN run: GRANT DATABASE ROLE SNOWFLAKE.{database_role} TO ROLE HISTORY;"
    )
    if database_role == "GOVERNANCE_VIEWER":  # the views that are counted
        with pytest.raises(HistoryError, match=re.escape(str(raised.value))):
            count(account, tmp_path, HOUR, HOUR + timedelta(hours=1))


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (606, "run: GRANT USAGE ON WAREHOUSE HISTORY_WH TO ROLE HISTORY;"),
        (630, "use a larger warehouse than HISTORY_WH"),
        (904, r"SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY cannot be read \(error 904\)"),
    ],
)
def test_an_error_of_a_statement_says_what_to_do(
    account: SnowflakeServer, tmp_path: Path, code: int, remedy: str
) -> None:
    account.fail("from snowflake.account_usage.query_history", sql_error(code, "secret detail"))
    with pytest.raises(HistoryError, match=remedy) as raised:
        read(account, tmp_path)
    assert "secret detail" not in str(raised.value)


def test_objects_of_an_unknown_form_fail_the_reading(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", statement())
    insert(account, "access_history", access(direct_objects_accessed='{"objectName": "D.S.T"}'))
    with pytest.raises(HistoryError, match="has a form that Snowflake does not document"):
        read(account, tmp_path)


# --- How the account is entered ------------------------------------------------------------------------------------


def test_a_refused_login_says_what_to_check_and_shows_no_secret(account: SnowflakeServer, tmp_path: Path) -> None:
    account.fail("HISTORY_READER", sql_error(390100, "Incorrect username or password was specified."))
    with pytest.raises(HistoryError, match="sales: Snowflake refused the login") as raised:
        read(account, tmp_path)
    assert "open sesame" not in str(raised.value)


def pem(password: bytes | None = None) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_a_key_pair_opens_the_account(account: SnowflakeServer, tmp_path: Path, passphrase: str) -> None:
    secrets = {"private_key": pem(passphrase.encode())}
    secrets |= {"private_key_passphrase": passphrase} if passphrase else {}
    snowflake.read_hour(connection(account, tmp_path, **secrets), HOUR, tmp_path / "spool", moment=SOON)
    assert account.logins[-1]["AUTHENTICATOR"] == "SNOWFLAKE_JWT"
    assert account.logins[-1]["TOKEN"].count(".") == 2


def test_a_key_that_does_not_open_is_named_and_not_shown(account: SnowflakeServer, tmp_path: Path) -> None:
    locked = connection(account, tmp_path, private_key=pem(b"open sesame"))
    with pytest.raises(HistoryError, match="private_key is no key in PEM that opens") as raised:
        snowflake.read_hour(locked, HOUR, tmp_path / "spool", moment=SOON)
    assert "PRIVATE KEY" not in str(raised.value)


def test_a_token_opens_the_account(account: SnowflakeServer, tmp_path: Path) -> None:
    snowflake.read_hour(connection(account, tmp_path, token="ey.token"), HOUR, tmp_path / "spool", moment=SOON)  # noqa: S106
    assert (account.logins[-1]["AUTHENTICATOR"], account.logins[-1]["TOKEN"]) == ("OAUTH", "ey.token")


# --- What an account does not have ---------------------------------------------------------------------------------


def test_an_account_of_the_standard_edition_is_warned_of_and_nothing_is_awaited(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    insert(account, "query_history", statement())
    hour = read(account, tmp_path)
    assert "Enterprise Edition" in " ".join(hour.facts.warnings)
    assert (only(hour.statements)["access_state"], hour.facts.pending) == ("NONE", 0)


def test_objects_that_are_only_late_are_no_reason_for_a_warning(account: SnowflakeServer, tmp_path: Path) -> None:
    insert(account, "query_history", statement())
    insert(account, "access_history", access("earlier", query_start_time=HOUR - timedelta(days=6)))
    hour = read(account, tmp_path)
    assert (hour.facts.warnings, hour.facts.pending) == ((), 1)


def test_columns_that_an_older_account_lacks_are_told_and_null(account: SnowflakeServer, tmp_path: Path) -> None:
    account.create("query_history", without=["authn_event_id", "user_type", "rows_written_to_result"])
    account.create("access_history", without=["root_query_id"])
    account.create("users", without=["type"])
    insert(account, "query_history", statement(rows_produced=5))
    hour = read(account, tmp_path)
    assert only(hour.statements)["rows_produced"] == 5
    assert hour.facts.missing_columns == (
        "QUERY_HISTORY.AUTHN_EVENT_ID",
        "QUERY_HISTORY.ROWS_WRITTEN_TO_RESULT",
        "QUERY_HISTORY.USER_TYPE",
        "ACCESS_HISTORY.ROOT_QUERY_ID",
        "USERS.TYPE",
    )


# --- What the rows mean --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        ("SUCCESS", None, None, ("SUCCESS", None, None)),
        ("success", "0", "", ("SUCCESS", None, None)),
        ("FAIL", "1969", "Division by zero", ("FAILURE", "1969", "Division by zero")),
        ("INCIDENT", "370001", "Internal error", ("FAILURE", "370001", "Internal error")),
        ("FAIL", "3001", "Insufficient privileges", ("UNAUTHORIZED", "3001", "Insufficient privileges")),
        ("FAIL", "003001", "Insufficient privileges", ("UNAUTHORIZED", "3001", "Insufficient privileges")),
        (
            "fail",
            "2003",
            "does not exist or not authorized.",
            ("UNAUTHORIZED", "2003", "does not exist or not authorized."),
        ),
        ("FAIL", "2003", "does not exist", ("FAILURE", "2003", "does not exist")),
        ("FAIL", "2003", None, ("FAILURE", "2003", None)),
    ],
)
def test_the_outcome_follows_status_and_error_code(
    account: SnowflakeServer,
    tmp_path: Path,
    status: str,
    code: str | None,
    message: str | None,
    expected: tuple[str, str | None, str | None],
) -> None:
    insert(account, "query_history", statement(execution_status=status, error_code=code, error_message=message))
    found = only(read(account, tmp_path).statements)
    assert (found["status"], found["error_code"], found["error_message"]) == expected


def test_the_state_of_a_text_says_whether_it_is_whole(account: SnowflakeServer, tmp_path: Path) -> None:
    texts = {"whole": "select 1", "cut": "x" * 100_000, "redacted": "<redacted>", "empty": "", "none": None}
    insert(account, "query_history", *(statement(name, query_text=text) for name, text in texts.items()))
    hour = read(account, tmp_path)
    states = {"whole": "WHOLE", "cut": "CUT", "redacted": "REDACTED", "empty": "MISSING", "none": "MISSING"}
    kept = {name: text if name in ("whole", "cut") else None for name, text in texts.items()}
    assert column(hour.statements, "query_id", "text_state") == states
    assert column(hour.statements, "query_id", "text") == kept
    assert hour.facts.redacted == 1


@pytest.mark.parametrize(("now", "missing"), [(SOON, "PENDING"), (LATER, "NONE")])
def test_objects_are_awaited_for_three_hours_where_there_can_be_any(
    account: SnowflakeServer, tmp_path: Path, now: datetime, missing: str
) -> None:
    insert(
        account,
        "query_history",
        statement("known"),
        statement("missing"),
        statement("failed", execution_status="FAIL", error_code="1003"),
        statement("without data", query_type="SHOW"),
        statement("touches nothing"),
    )
    insert(account, "access_history", access("known", table("D.S.T")), access("touches nothing"))
    hour = read(account, tmp_path, now=now)
    assert column(hour.statements, "query_id", "access_state") == {
        "known": "KNOWN",
        "missing": missing,
        "failed": "NOT_APPLICABLE",
        "without data": "NOT_APPLICABLE",
        "touches nothing": "NONE",
    }
    assert hour.facts.pending == (missing == "PENDING")


def test_object_names_follow_the_rules_of_quoting(account: SnowflakeServer, tmp_path: Path) -> None:
    names = {
        "DB.PUBLIC.CASE": ("DB", "PUBLIC", "CASE"),
        '"my db"."a.b"."say ""hi"""': ("my db", "a.b", 'say "hi"'),
        'DB."lower".T': ("DB", "lower", "T"),
        "ONLY_NAME": (None, None, "ONLY_NAME"),
    }
    insert(account, "query_history", statement())
    insert(account, "access_history", access("q1", *map(table, names)))
    found = read(account, tmp_path).accesses.select("object_name", "database", "schema", "name").collect().rows()
    assert {row[1:] for row in found} == set(names.values())
    assert all(row[0] == ".".join(part for part in row[1:] if part) for row in found)


def test_what_snowflake_cut_or_did_not_name_is_left_out(account: SnowflakeServer, tmp_path: Path) -> None:
    objects = [
        table("D.S.T", "A", "", "TRUNCATED", "-1"),
        table("TRUNCATED"),
        table("-1"),
        table(""),
        {"objectDomain": "Stage", "objectId": "01ab", "objectName": "D.S.STAGE", "stageKind": "Internal Named"},
        {"objectDomain": "Table", "objectId": None},
    ]
    insert(account, "query_history", statement())
    insert(account, "access_history", access("q1", *objects))
    assert column(read(account, tmp_path).accesses, "object_name", "accessed_columns") == {
        "D.S.STAGE": [],
        "D.S.T": ["A"],
    }


def test_an_object_that_is_read_and_modified_is_there_once_with_all_columns(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    modified = json.dumps([{**table("D.S.T", "B", "A"), "columns": [{"columnName": "C", "baseSources": []}]}])
    insert(account, "query_history", statement(query_type="MERGE"))
    insert(account, "access_history", access("q1", table("D.S.T", "B", "A", "B"), objects_modified=modified))
    assert only(read(account, tmp_path).accesses)["accessed_columns"] == ["A", "B", "C"]


@pytest.mark.parametrize(("objects", "expected"), [("direct", ("D.S.V", "VIEW")), ("base", ("D.S.T", "TABLE"))])
def test_views_are_followed_down_to_tables_only_on_request(
    account: SnowflakeServer, tmp_path: Path, objects: str, expected: tuple[str, str]
) -> None:
    row = access("q1", table("D.S.V", domain="View"), base_objects_accessed=json.dumps([table("D.S.T")]))
    insert(account, "query_history", statement())
    insert(account, "access_history", row)
    found = only(read(account, tmp_path, objects=objects).accesses)
    assert (found["object_name"], found["object_type"]) == expected


def test_a_name_that_was_given_anew_is_the_user_who_bore_it_then(account: SnowflakeServer, tmp_path: Path) -> None:
    handover, return_ = HOUR - timedelta(minutes=20), HOUR + timedelta(minutes=20)
    insert(
        account,
        "users",
        {"name": "KIM", "created_on": HOUR - timedelta(days=9), "deleted_on": handover, "email": "first@example.com"},
        {"name": "KIM", "created_on": return_, "email": "second@example.com"},
        {"name": "kim", "created_on": HOUR - timedelta(days=9), "email": "quoted@example.com"},
    )
    starts = {"first": handover - timedelta(seconds=1), "between": handover, "second": return_}
    insert(
        account,
        "query_history",
        *(statement(name, user_name="KIM", start_time=start) for name, start in starts.items()),
    )
    assert column(read(account, tmp_path).statements, "query_id", "user_email") == {
        "first": "first@example.com",
        "between": None,
        "second": "second@example.com",
    }


def test_services_are_told_from_people(account: SnowflakeServer, tmp_path: Path) -> None:
    kinds = {"PERSON": "PERSON", "SERVICE": "SERVICE", "LEGACY_SERVICE": "SERVICE", "NULL": None}
    rows = [{"name": kind, "created_on": HOUR, "type": kind} for kind in kinds]
    insert(account, "users", *rows)
    insert(account, "query_history", *(statement(kind, user_name=kind) for kind in kinds))
    insert(
        account, "query_history", statement("told by the statement", user_name="NULL", user_type="SNOWFLAKE_SERVICE")
    )
    assert column(read(account, tmp_path).statements, "query_id", "user_type") == {
        **kinds,
        "told by the statement": "SERVICE",
    }


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("2001:db8::7", "2001:db8::7"),
        ("0.0.0.0", None),  # noqa: S104  # how Snowflake shows itself
        ("INTERNAL_SNOWFLAKE_IP/0.0.0.0", None),
        ("", None),
    ],
)
def test_the_client_is_known_by_the_login_of_its_session(
    account: SnowflakeServer, tmp_path: Path, address: str, expected: str | None
) -> None:
    insert(account, "query_history", statement(session_id=1))
    insert(
        account, "sessions", {"session_id": 1, "created_on": HOUR, "login_event_id": 2, "client_application_id": None}
    )
    login = {"event_id": 2, "event_timestamp": HOUR, "is_success": "YES", "client_ip": address}
    insert(account, "login_history", {**login, "reported_client_type": "JDBC", "reported_client_version": "3.14"})
    insert(account, "login_history", {**login, "client_ip": "", "is_success": "NO"})
    found = only(read(account, tmp_path).statements)
    assert (found["client_ip"], found["user_agent"]) == (expected, "JDBC 3.14")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"query_type": "SELECT", "rows_written_to_result": 3, "rows_inserted": 9, "rows_produced": 7}, 3),
        ({"query_type": "SELECT", "rows_written_to_result": 0, "rows_produced": 0}, 0),
        ({"query_type": "SELECT", "rows_produced": 7}, 7),
        ({"query_type": "MERGE", "rows_inserted": 1, "rows_updated": 2, "rows_deleted": 4, "rows_produced": 9}, 7),
        ({"query_type": "UNLOAD", "rows_written_to_result": 1, "rows_produced": 9}, 9),
        ({"query_type": "SHOW"}, None),
    ],
)
def test_rows_produced_are_rows_returned_or_rows_changed(
    account: SnowflakeServer, tmp_path: Path, columns: Row, expected: int | None
) -> None:
    insert(account, "query_history", statement("q1", **columns))
    assert only(read(account, tmp_path).statements)["rows_produced"] == expected


def test_an_hour_is_given_by_its_start_with_a_zone() -> None:
    assert get_bounds(HOUR) == (HOUR, HOUR + timedelta(hours=1))
    for wrong in (HOUR.replace(tzinfo=None), HOUR + timedelta(seconds=1)):
        with pytest.raises(ValueError, match="An hour is given by its start with a time zone"):
            get_bounds(wrong)


# --- Rows of real accounts -----------------------------------------------------------------------------------------


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def as_row(found: Mapping[str, object], columns: Iterable[str]) -> dict[str, object]:
    """Return the columns of a row that was saved with every value as text and times in seconds since 1970."""
    row = {name.lower(): value for name, value in found.items() if name.lower() in columns}
    times = {name for name in row if name in {"start_time", "end_time", "event_timestamp"}}
    return row | {name: datetime.fromtimestamp(float(str(row[name])), UTC) for name in times}


def test_real_statements_about_users_roles_and_files_are_read(account: SnowflakeServer, tmp_path: Path) -> None:
    folder = DATA / "appomni-event-maturity-matrix"
    rows = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("query_history/*.json"))]
    insert(account, "query_history", *(as_row(row, account.columns("query_history")) for row in rows))
    logins = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("login_history/*.json"))]
    insert(account, "login_history", *(as_row(row, account.columns("login_history")) for row in logins))
    ends = {
        datetime.fromtimestamp(float(row["END_TIME"]), UTC).replace(minute=0, second=0, microsecond=0) for row in rows
    }
    opened = connection(account, tmp_path)
    hours = [snowflake.read_hour(opened, end, tmp_path / f"{end:%d%H}", moment=LATER) for end in sorted(ends)]
    found = pl.concat([Statements.validate(hour.statements.collect()) for hour in hours])
    assert set(found["query_id"]) == {row["QUERY_ID"] for row in rows}
    assert found.height + sum(hour.facts.source_duplicates for hour in hours) == len(rows)
    assert set(found["status"]) == {"SUCCESS"}
    about_roles = found.filter(pl.col("statement_type").is_in(["GRANT", "CREATE_USER", "SHOW", "DROP_ROLE", "REVOKE"]))
    assert set(about_roles["access_state"]) == {"NOT_APPLICABLE"}


def test_real_statements_with_masked_secrets_and_repeated_logins_are_read(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    queries = lines(DATA / "panther-analysis" / "snowflake_query_history.ndjson")
    known = account.columns("query_history")
    rows = [statement(f"q{number}", session_id=1) | as_row(query, known) for number, query in enumerate(queries)]
    insert(account, "query_history", *rows)
    logins = lines(DATA / "panther-analysis" / "snowflake_login_history.ndjson")
    wanted = {"event_id", "client_ip", "is_success", "reported_client_type", "reported_client_version"}
    repeated = [{name.lower(): login.get(name) for name in map(str.upper, sorted(wanted))} for login in logins]
    insert(account, "login_history", *(login | {"event_timestamp": HOUR} for login in repeated))
    insert(account, "sessions", {"session_id": 1, "created_on": HOUR, "login_event_id": "393754014361778"})
    found = Statements.validate(read(account, tmp_path).statements.collect())
    assert found.height == len(queries)
    assert found.filter(pl.col("text").str.contains("☺"))["text_state"].to_list() == ["WHOLE"]
    assert found["client_ip"].n_unique() == 1


def test_the_real_statements_of_a_procedure_keep_their_outermost_statement(
    account: SnowflakeServer, tmp_path: Path
) -> None:
    calls = lines(DATA / "dynatrace-snowflake-observability-agent" / "query_history_nested_sp.ndjson")
    zero = min(int(str(call["START_TIME"])) for call in calls)
    for call in calls:
        known, text = json.loads(str(call["DIMENSIONS"])), json.loads(str(call["ATTRIBUTES"]))["db.query.text"]
        start, end = (
            HOUR + timedelta(microseconds=(int(str(call[name])) - zero) // 1000) for name in ("START_TIME", "END_TIME")
        )
        row = {"query_type": known["db.operation.name"], "user_name": known["db.user"], "query_text": text}
        insert(account, "query_history", statement(str(call["QUERY_ID"]), start_time=start, end_time=end, **row))
        if not call["IS_ROOT"]:
            insert(account, "access_history", access(str(call["QUERY_ID"]), root_query_id=calls[0]["QUERY_ID"]))
    found = column(read(account, tmp_path).statements, "query_id", "root_query_id")
    assert list(found.values()).count(str(calls[0]["QUERY_ID"])) == len(calls) - 1
    assert found[str(calls[0]["QUERY_ID"])] is None
