"""Platform user names and the Immuta users behind them: the rules one by one, and against a reading in plain loops."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from accounts import NOON, STATEMENTS, USERS, Row, by_hand, frame, statement, statements_of, user
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.audit.identities.resolution import IdentifiedStatements, resolve_identities
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS
from immuta_assets.tenant.collections import Users


def identify(rows: Sequence[Row], users: Sequence[Row], platform: Platform = SNOWFLAKE) -> list[tuple[int | None, str]]:
    found = resolve_identities(statements_of(rows), frame(Users, users), platform).collect()
    IdentifiedStatements.validate(found)
    return found.select("profile_id", "identity").rows()


def who(row: Row, *users: Row, platform: Platform = SNOWFLAKE) -> int | None:
    ((profile_id, _),) = identify([row], users, platform)
    return profile_id


def test_the_columns_of_the_user_are_added_and_the_order_is_kept() -> None:
    users = frame(Users, [user(1, snowflake_user="A", name="Ann", iam_id="okta")])
    rows = [statement(name) for name in ("B", "A", None, "A")]
    found = resolve_identities(statements_of(rows), users, SNOWFLAKE).collect()
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


@given(STATEMENTS, USERS, st.sampled_from([SNOWFLAKE, DATABRICKS]))
def test_users_are_identified_as_by_hand(rows: list[Row], users: list[Row], platform: Platform) -> None:
    assert identify(rows, users, platform) == [by_hand(row, users, platform) for row in rows]
