"""Platform user names and the Immuta users behind them: the rules one by one, and against a reading in plain loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dataframely as dy
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.query_history.history import Accesses, Platform, Statements
from immuta_assets.query_history.identities import (
    CREATE,
    MAP,
    PULL,
    History,
    IdentifiedStatements,
    UnknownUsers,
    identified,
    unknown_users,
)
from immuta_assets.tenant.collections import Users

Row = Mapping[str, Any]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SNOWFLAKE, DATABRICKS = Platform.SNOWFLAKE, Platform.DATABRICKS


def user(profile_id: int, **values: object) -> dict[str, Any]:
    return {
        "profile_id": profile_id,
        "global_user_id": f"uuid-{profile_id}",
        "iam_id": "bim",
        "user_id": f"user-{profile_id}",
        "permissions": [],
        "attributes": [],
        "disabled": False,
        "system_generated": False,
        **values,
    }


def statement(user_name: str | None, **values: object) -> dict[str, Any]:
    return {
        "user_name": user_name,
        "started_at": NOON,
        "ended_at": NOON,
        "status": "SUCCESS",
        "text_state": "MISSING",
        "access_state": "NONE",
        **values,
    }


def frame(schema: type[dy.Schema], rows: Sequence[Row]) -> pl.LazyFrame:
    return schema.validate(pl.DataFrame(rows, schema.create_empty().schema), cast=True).lazy()


def statements_of(rows: Sequence[Row]) -> pl.LazyFrame:
    return frame(Statements, [{"query_id": f"q{number}", **row} for number, row in enumerate(rows)])


def identify(rows: Sequence[Row], users: Sequence[Row], platform: Platform = SNOWFLAKE) -> list[tuple[int | None, str]]:
    found = identified(statements_of(rows), frame(Users, users), platform).collect()
    IdentifiedStatements.validate(found)
    return found.select("profile_id", "identity").rows()


def who(row: Row, *users: Row, platform: Platform = SNOWFLAKE) -> int | None:
    ((profile_id, _),) = identify([row], users, platform)
    return profile_id


def test_the_columns_of_the_user_are_added_and_the_order_is_kept() -> None:
    users = frame(Users, [user(1, snowflake_user="A", name="Ann", iam_id="okta")])
    rows = [statement(name) for name in ("B", "A", None, "A")]
    found = identified(statements_of(rows), users, SNOWFLAKE).collect()
    assert found.select("query_id", "profile_id", "global_user_id", "iam_id", "user_id", "name", "identity").rows() == [
        ("q0", None, None, None, None, None, "UNKNOWN"),
        ("q1", 1, "uuid-1", "okta", "user-1", "Ann", "MAPPED"),
        ("q2", None, None, None, None, None, "UNKNOWN"),
        ("q3", 1, "uuid-1", "okta", "user-1", "Ann", "MAPPED"),
    ]


@pytest.mark.parametrize(
    ("mapped", "name", "fits"),
    [
        ("TAYLOR", "TAYLOR", True),
        ("taylor", "TAYLOR", True),
        ("taylor", "taylor", True),
        ("TAYLOR", "taylor", False),
        ('"taylor"', "taylor", True),
        ('"taylor"', "TAYLOR", False),
        ('"Tay""lor"', 'Tay"lor', True),
        ('"', '"', True),
        ('""', "", False),
        ("", "", False),
    ],
)
def test_a_snowflake_mapping_is_exact_or_upper_cased_unless_quoted(mapped: str, name: str, *, fits: bool) -> None:
    assert who(statement(name), user(1, snowflake_user=mapped)) == (1 if fits else None)


def test_an_exact_snowflake_mapping_goes_before_an_upper_cased_one() -> None:
    users = [user(1, snowflake_user="taylor"), user(2, snowflake_user="TAYLOR")]
    assert identify([statement("TAYLOR"), statement("taylor")], users) == [(2, "MAPPED"), (1, "MAPPED")]


def test_a_databricks_mapping_has_no_case() -> None:
    assert who(statement("Taylor@Acme.com"), user(1, databricks_user="tAYLOR@acme.COM"), platform=DATABRICKS) == 1


def test_the_mapping_of_another_platform_does_not_count() -> None:
    assert who(statement("TAYLOR"), user(1, databricks_user="TAYLOR")) is None


def test_a_mapping_goes_before_an_e_mail() -> None:
    row = statement("TAYLOR", user_email="taylor@acme.com")
    assert who(row, user(1, email="taylor@acme.com"), user(2, snowflake_user="TAYLOR")) == 2


@pytest.mark.parametrize("key", ["email", "user_id"])
@pytest.mark.parametrize("row", [statement("X", user_email="Taylor@Acme.com"), statement("Taylor@Acme.com")])
def test_an_e_mail_or_a_name_is_found_among_e_mails_and_user_ids(key: str, row: Row) -> None:
    assert identify([row], [user(1, **{key: "taylor@ACME.com"})]) == [(1, "MATCHED")]


def test_the_platforms_e_mail_goes_before_its_name() -> None:
    row = statement("TAYLOR", user_email="new@acme.com")
    assert who(row, user(1, user_id="taylor"), user(2, email="new@acme.com")) == 2


def test_a_name_with_another_persons_e_mail_identifies_nobody() -> None:
    row = statement("TAYLOR", user_email="new@acme.com")
    assert who(row, user(1, user_id="taylor", email="old@acme.com")) is None
    assert who(row, user(1, user_id="taylor")) == 1
    assert who(statement("TAYLOR"), user(1, user_id="taylor", email="old@acme.com")) == 1


def test_a_name_used_again_after_a_drop_is_told_apart_by_the_e_mail_of_its_time() -> None:
    users = [user(1, user_id="taylor", email="old@acme.com", disabled=True), user(2, email="new@acme.com")]
    rows = [
        statement("TAYLOR", user_email="old@acme.com", user_created_at=NOON - timedelta(days=900)),
        statement("TAYLOR", user_email="new@acme.com", user_created_at=NOON - timedelta(days=9)),
        statement("TAYLOR", user_email="third@acme.com", user_created_at=NOON - timedelta(days=1)),
    ]
    assert identify(rows, users) == [(1, "MATCHED"), (2, "MATCHED"), (None, "UNKNOWN")]


@pytest.mark.parametrize(
    "users",
    [
        [user(1, snowflake_user="TAYLOR"), user(2, snowflake_user="TAYLOR", email="taylor@acme.com")],
        [user(1, snowflake_user="taylor"), user(2, snowflake_user="Taylor")],
        [user(1, email="taylor@acme.com"), user(2, user_id="Taylor@acme.com")],
        [user(1, user_id="taylor"), user(2, user_id="Taylor", iam_id="okta")],
    ],
)
def test_two_users_that_fit_equally_identify_nobody(users: Sequence[Row]) -> None:
    assert identify([statement("TAYLOR", user_email="taylor@acme.com")], users) == [(None, "AMBIGUOUS")]


def test_a_service_is_identified_by_mapping_only() -> None:
    row = statement("ETL", user_email="etl@acme.com", user_type="SERVICE")
    assert who(row, user(1, user_id="etl", email="etl@acme.com")) is None
    assert who(row, user(1, snowflake_user="etl")) == 1


def test_a_system_account_never_matches_and_never_makes_ambiguous() -> None:
    system = user(1, snowflake_user="TAYLOR", email="taylor@acme.com", user_id="taylor", system_generated=True)
    assert who(statement("TAYLOR", user_email="taylor@acme.com"), system) is None
    assert who(statement("TAYLOR"), system, user(2, snowflake_user="TAYLOR")) == 2


def test_a_disabled_user_keeps_the_past() -> None:
    assert who(statement("TAYLOR"), user(1, snowflake_user="TAYLOR", disabled=True)) == 1


def test_letters_that_only_look_alike_are_different() -> None:
    assert who(statement("admın"), user(1, user_id="admin"), user(2, databricks_user="ADMIN")) is None
    assert who(statement("STRASSE"), user(1, user_id="straße"), platform=DATABRICKS) is None


# Few spellings, so that they meet: case, quotes, e-mails that are names and names that are e-mails.
SPELLINGS = [
    None, "", "a", "A", '"a"', '"A"', '""', '"', 'a"b', '"a""b"', 'A"B', "a@x.com", "A@X.com", '"a@x.com"', "b@x.com",
    "é", "É", "ß", "SS", "ss", "İ", "i", "ı", "I", "ς", "σ", "Σ", " a", "a ", "a\nb", '"a\nb"',
]  # fmt: skip
SPELLING = st.sampled_from(SPELLINGS)
USERS = st.lists(
    st.fixed_dictionaries(
        {
            "email": SPELLING,
            "user_id": SPELLING.filter(lambda text: text is not None),
            "snowflake_user": SPELLING,
            "databricks_user": SPELLING,
            "disabled": st.booleans(),
            "system_generated": st.sampled_from([False, False, True]),
        }
    ),
    max_size=5,
).map(lambda rows: [user(number, **row) for number, row in enumerate(rows, 1)])
STATEMENTS = st.lists(
    st.builds(
        lambda name, email, kind: statement(name, user_email=email, user_type=kind),
        SPELLING,
        SPELLING,
        st.sampled_from([None, "PERSON", "SERVICE"]),
    ),
    max_size=6,
)


def by_hand(row: Row, users: Sequence[Row], platform: Platform) -> tuple[int | None, str]:
    """The rules of ``identified`` for one statement, one after the other."""
    users = [candidate for candidate in users if not candidate["system_generated"]]
    name, email = row["user_name"], row["user_email"]

    def same(left: str | None, right: str | None) -> bool:
        return bool(left) and bool(right) and str(left).lower() == str(right).lower()

    def as_stored(mapped: str | None) -> str:
        mapped = mapped or ""
        if len(mapped) > 1 and mapped[0] == mapped[-1] == '"':
            return mapped[1:-1].replace('""', '"')
        return mapped.upper()

    if platform == SNOWFLAKE:
        mapped = [u for u in users if name and u["snowflake_user"] == name]
        mapped = mapped or [u for u in users if name and as_stored(u["snowflake_user"]) == name]
    else:
        mapped = [u for u in users if same(u["databricks_user"], name)]
    fit, how = mapped, "MAPPED"
    if not fit and row["user_type"] != "SERVICE":
        how = "MATCHED"
        fit = [u for u in users if same(u["email"], email) or same(u["user_id"], email)]
        if not fit:
            fit = [u for u in users if same(u["email"], name) or same(u["user_id"], name)]
            fit = [u for u in fit if not (email and u["email"])]
    if len(fit) == 1:
        return fit[0]["profile_id"], how
    return None, "AMBIGUOUS" if fit else "UNKNOWN"


@given(STATEMENTS, USERS, st.sampled_from(list(Platform)))
def test_users_are_identified_as_by_hand(rows: list[Row], users: list[Row], platform: Platform) -> None:
    assert identify(rows, users, platform) == [by_hand(row, users, platform) for row in rows]


def unknown(
    rows: Sequence[Row], users: Sequence[Row], platform: Platform = SNOWFLAKE, objects: Sequence[Row] = ()
) -> list[dict[str, Any]]:
    accesses = frame(
        Accesses,
        [{"name": "t", "object_type": "TABLE", "accessed_columns": [], "inferred": False, **o} for o in objects],
    )
    history = statements_of(rows).join(accesses, on="query_id", how="left")
    History.validate(history.select(History.column_names()).collect())
    found = unknown_users(history, frame(Users, users), platform)
    UnknownUsers.validate(found)
    return found.to_dicts()


def test_an_unknown_user_is_described() -> None:
    hour = timedelta(hours=1)
    rows = [
        statement("BOB", ended_at=NOON + hour, user_type="PERSON"),
        statement("BOB", ended_at=NOON, user_type="PERSON"),
        statement("BOB", ended_at=NOON + 2 * hour, user_type="PERSON", user_email="bob@acme.com"),
        statement("KNOWN"),
        statement(None),
        statement("ETL", user_type="SERVICE"),
    ]
    objects = [{"query_id": query_id, "object_name": f"t{number}"} for query_id in ("q0", "q2") for number in range(9)]
    bob, etl = unknown(rows, [user(1, snowflake_user="KNOWN")], objects=objects)
    assert bob == {
        "platform": "SNOWFLAKE",
        "user_name": "BOB",
        "user_email": "bob@acme.com",
        "kind": "PERSON",
        "statements": 3,
        "first_seen": NOON,
        "last_seen": NOON + 2 * hour,
        "sample_objects": ["t0", "t1", "t2", "t3", "t4"],
        "ambiguous": False,
        "remedy": CREATE,
        "suggestions": [],
    }
    assert (etl["user_name"], etl["kind"], etl["statements"], etl["sample_objects"]) == ("ETL", "SERVICE", 1, [])


def test_nobody_is_unknown_in_an_empty_history() -> None:
    assert unknown([], []) == []


def test_a_strong_suggestion_asks_for_a_mapping() -> None:
    (row,) = unknown([statement("TAYLOR_SMITH")], [user(7, name="Smith, Taylor", iam_id="okta")])
    assert row["remedy"] == MAP
    assert row["suggestions"] == [
        {
            "profile_id": 7,
            "global_user_id": "uuid-7",
            "iam_id": "okta",
            "user_id": "user-7",
            "name": "Smith, Taylor",
            "score": 99.0,
            "evidence": 'user name "TAYLOR_SMITH" and the user\'s display name "Smith, Taylor" have the same words',
        }
    ]


def test_the_same_local_part_in_another_domain_is_suggested() -> None:
    (row,) = unknown([statement("t.smith@acme.io")], [user(1, email="T.Smith@acme.com")], DATABRICKS)
    assert row["remedy"] == MAP
    assert [suggestion["evidence"] for suggestion in row["suggestions"]] == [
        'user name "t.smith@acme.io" and the user\'s e-mail "T.Smith@acme.com" have the same words'
    ]


def test_a_weak_suggestion_is_shown_but_does_not_decide() -> None:
    (row,) = unknown([statement("tsmyth1@other.com")], [user(1, user_id="tsmith", email="x@acme.com")], DATABRICKS)
    (suggestion,) = row["suggestions"]
    assert 75 <= suggestion["score"] < 90
    assert suggestion["evidence"].endswith(f"are {int(suggestion['score'])} % similar")
    assert row["remedy"] == CREATE


@pytest.mark.parametrize(
    ("row", "remedy"),
    [
        (statement("zed@ACME.com"), PULL),
        (statement("ZED", user_email="zed@acme.com"), PULL),
        (statement("zed@other.com"), CREATE),
        (statement("ZED"), CREATE),
        (statement("zed@"), CREATE),
    ],
)
def test_a_domain_of_the_tenant_asks_for_a_pull(row: Row, remedy: str) -> None:
    (found,) = unknown([row], [user(1, email="someone@Acme.com")])
    assert found["remedy"] == remedy


def test_the_domain_of_a_system_account_is_not_the_tenants() -> None:
    (found,) = unknown([statement("zed@acme.com")], [user(1, email="someone@acme.com", system_generated=True)])
    assert found["remedy"] == CREATE


def test_ambiguous_users_are_suggested_and_ask_for_a_mapping() -> None:
    users = [user(1, email="bob@acme.com"), user(2, user_id="bob@acme.com"), user(3, email="bob@other.com")]
    (row,) = unknown([statement("X1", user_email="Bob@acme.com")], users)
    assert (row["ambiguous"], row["remedy"]) == (True, MAP)
    assert [(s["profile_id"], s["score"]) for s in row["suggestions"]] == [(1, 100.0), (2, 100.0), (3, 99.0)]


def test_users_mapped_to_the_same_name_are_suggested() -> None:
    users = [user(1, snowflake_user="QX"), user(2, snowflake_user="qx"), user(3, snowflake_user="Qx")]
    (row,) = unknown([statement("QX")], users[1:])
    assert [s["evidence"] for s in row["suggestions"]] == [
        'user name "QX" and the user\'s mapped name "qx" have the same words',
        'user name "QX" and the user\'s mapped name "Qx" have the same words',
    ]


def test_three_users_are_suggested_at_most_each_once() -> None:
    users = [
        user(
            number,
            name="Taylor Smith",
            user_id="taylor.smith",
            email="taylor.smith@acme.com",
            databricks_user="smith taylor",
        )
        for number in range(1, 9)
    ]
    (row,) = unknown([statement("taylor-smith")], users)
    assert [suggestion["profile_id"] for suggestion in row["suggestions"]] == [1, 2, 3]


def test_a_name_that_is_partly_known_counts_only_what_is_unknown() -> None:
    rows = [statement("ANNA", user_email=email) for email in ("a@acme.com", "new@acme.com", "new@acme.com")]
    (row,) = unknown(rows, [user(1, email="a@acme.com")])
    assert (row["user_email"], row["statements"]) == ("new@acme.com", 2)


@given(STATEMENTS, USERS, st.sampled_from(list(Platform)))
def test_unknown_users_are_the_names_that_are_not_identified(
    rows: list[Row], users: list[Row], platform: Platform
) -> None:
    counts: dict[str, int] = {}
    for row in rows:
        if row["user_name"] is not None and by_hand(row, users, platform)[0] is None:
            counts[row["user_name"]] = counts.get(row["user_name"], 0) + 1
    assert {row["user_name"]: row["statements"] for row in unknown(rows, users, platform)} == counts
