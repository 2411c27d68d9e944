"""Who nobody knows, what to do about them, and whom they may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from accounts import (
    HISTORY,
    NOON,
    USERS,
    Row,
    by_hand,
    frame,
    principals_of,
    statement,
    user,
)
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.audit.identities.unknown_users import CREATE, MAP, PULL, UnknownUsers, find_unknown_users
from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS
from immuta_assets.tenant.collections import Users

History = Sequence[tuple[Row, Collection[str]]]


def unknown_in(
    history: History, users: Sequence[Row], platform: Platform = SNOWFLAKE, then: Sequence[Row] = ()
) -> list[dict[str, Any]]:
    """List who is unknown to ``users``; when the history was kept, ``then`` were known."""
    found = find_unknown_users(principals_of(history, then, platform), frame(Users, users), platform)
    UnknownUsers.validate(found)
    return found.to_dicts()


def unknown(rows: Sequence[Row], users: Sequence[Row], platform: Platform = SNOWFLAKE) -> list[dict[str, Any]]:
    return unknown_in([(row, ()) for row in rows], users, platform)


def test_an_unknown_user_is_described() -> None:
    many, none = [f"t{number}" for number in range(9)], list[str]()
    history = [
        (statement("BOB", ended_at=NOON + HOUR, user_type="PERSON"), many[4:]),
        (statement("BOB", ended_at=NOON, user_type="PERSON"), none),
        (statement("BOB", ended_at=NOON + 2 * HOUR, user_type="PERSON", user_email="bob@acme.com"), many[:6]),
        (statement("KNOWN"), none),
        (statement(None), none),
        (statement("ETL", user_type="SERVICE"), none),
    ]
    bob, etl = unknown_in(history, [user(1, snowflake_user="KNOWN")])
    assert bob == {
        "platform": "SNOWFLAKE",
        "user_name": "BOB",
        "user_email": "bob@acme.com",
        "kind": "PERSON",
        "statements": 3,
        "first_seen": NOON,
        "last_seen": NOON + 2 * HOUR,
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


def test_who_was_unknown_then_is_listed_by_who_is_known_now() -> None:
    history = [(statement("ANN"), ()), (statement("BOB"), ())]
    users = [user(1, snowflake_user="ANN"), user(2, snowflake_user="BOB")]
    assert [row["user_name"] for row in unknown_in(history, users[1:], then=users[:1])] == ["ANN"]


@given(HISTORY, USERS, USERS, st.sampled_from([SNOWFLAKE, DATABRICKS]))
def test_unknown_users_are_the_names_that_are_not_identified(
    history: History, then: list[Row], now: list[Row], platform: Platform
) -> None:
    names = defaultdict(list)
    for row, objects in history:
        who, identity = by_hand(row, now, platform)
        if row["user_name"] is not None and who is None:
            names[row["user_name"]].append((row["ended_at"], identity == "AMBIGUOUS", objects))
    found = {
        row["user_name"]: [row[key] for key in ("statements", "first_seen", "last_seen", "ambiguous", "sample_objects")]
        for row in unknown_in(history, now, platform, then=then)
    }
    assert found == {
        name: [
            len(seen),
            min(end for end, _, _ in seen),
            max(end for end, _, _ in seen),
            any(ambiguous for _, ambiguous, _ in seen),
            sorted({each for _, _, objects in seen for each in objects})[:5],
        ]
        for name, seen in names.items()
    }
