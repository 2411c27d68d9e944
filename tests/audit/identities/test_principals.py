"""What is kept of an hour's accounts, and which hours name people differently now: against readings in plain loops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from accounts import HISTORY, NOON, USERS, Row, by_hand, frame, principals_of, statement, user
from dataframely.exc import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.audit.identities.principals import Principals, find_changed_hours
from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.platforms.unity_catalog.platform import DATABRICKS
from immuta_assets.tenant.collections import Users

History = Sequence[tuple[Row, Collection[str]]]
PLATFORMS = st.sampled_from([SNOWFLAKE, DATABRICKS])


def hour_of(row: Row) -> datetime:
    ended_at: datetime = row["ended_at"]
    return ended_at.replace(minute=0, second=0, microsecond=0)


def counted_by_hand(history: History, users: Sequence[Row], platform: Platform) -> list[tuple[Any, ...]]:
    """The rows of ``Principals``: the statements of each account and hour, one after the other."""
    uuids = {each["profile_id"]: each["global_user_id"] for each in users}
    groups = defaultdict(list)
    for row, objects in history:
        groups[hour_of(row), row["user_name"], row["user_email"], row["user_type"]].append((row, objects))
    rows = []
    for key in sorted(groups, key=lambda key: [(value is not None, value) for value in key]):
        profile_id, identity = by_hand(groups[key][0][0], users, platform)
        ends = [row["ended_at"] for row, _ in groups[key]]
        objects = sorted({name for _, names in groups[key] for name in names})
        rows.append((*key, uuids.get(profile_id), identity, len(ends), min(ends), max(ends), objects[:5]))
    return rows


@given(HISTORY, USERS, PLATFORMS)
def test_accounts_are_kept_as_counted_by_hand(history: History, users: list[Row], platform: Platform) -> None:
    kept = Principals.validate(principals_of(history, users, platform).collect())
    assert kept.rows() == counted_by_hand(history, users, platform)


def test_the_same_account_is_kept_once_per_hour() -> None:
    kept = principals_of([(statement(None), ())]).collect()
    with pytest.raises(ValidationError, match="each_account_once_per_hour"):
        Principals.validate(pl.concat([kept, kept]))
    Principals.validate(pl.concat([kept, kept.with_columns(pl.col("hour") + HOUR)]))


def changed(history: History, then: Sequence[Row], now: Sequence[Row], platform: Platform = SNOWFLAKE) -> list[Any]:
    return find_changed_hours(principals_of(history, then, platform), frame(Users, now), platform).to_list()


@given(HISTORY, st.tuples(USERS, USERS) | USERS.map(lambda users: (users, users)), PLATFORMS)
def test_hours_change_when_anybody_in_them_is_somebody_else(
    history: History, users: tuple[list[Row], list[Row]], platform: Platform
) -> None:
    then, now = users
    rows = [row for row, _ in history]
    named = [(row, by_hand(row, then, platform)[0], by_hand(row, now, platform)[0]) for row in rows]
    differing = {hour_of(row) for row, before, after in named if after not in {None, before}}
    assert changed(history, then, now, platform) == sorted(differing)


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ([], [user(1, snowflake_user="ANN")]),
        ([user(1, snowflake_user="ANN")], [user(1), user(2, snowflake_user="ANN")]),
        ([user(1, snowflake_user="ANN")], [user(1, snowflake_user="ANN", global_user_id="another")]),
    ],
)
def test_a_person_newly_known_or_known_as_another_changes_their_hours(then: Sequence[Row], now: Sequence[Row]) -> None:
    history = [(statement(name, ended_at=NOON + hours * HOUR), ()) for hours, name in enumerate(["ANN", "BOB", "ANN"])]
    assert changed(history, then, now) == [NOON, NOON + 2 * HOUR]


@pytest.mark.parametrize(
    "now",
    [
        user(1, snowflake_user="ANN", name="Ann Married"),
        user(1, snowflake_user="ANN", iam_id="okta", user_id="ann@acme.com"),
        user(7, snowflake_user="ANN", global_user_id="uuid-1"),
        user(1, user_id="ann"),
        user(1, snowflake_user="ANN", disabled=True),
    ],
)
def test_an_hour_does_not_change_while_the_person_is_the_same(now: Row) -> None:
    history = [(statement("ANN"), ())]
    assert changed(history, [user(1, snowflake_user="ANN", name="Ann")], [now]) == []


@pytest.mark.parametrize("now", [[], [user(1, snowflake_user="ANN"), user(2, snowflake_user="ANN")]])
def test_who_has_left_or_is_told_apart_no_more_keeps_the_past(now: Sequence[Row]) -> None:
    assert changed([(statement("ANN"), ())], [user(1, snowflake_user="ANN")], now) == []


def test_an_account_that_becomes_ambiguous_stays_nobody() -> None:
    now = [user(1, snowflake_user="ANN"), user(2, snowflake_user="ANN")]
    assert changed([(statement("ANN"), ())], [], now) == []


def test_an_hour_of_several_connections_is_told_once() -> None:
    one = principals_of([(statement("ANN", ended_at=NOON + timedelta(minutes=7)), ())], platform=DATABRICKS)
    users = frame(Users, [user(1, databricks_user="ann")])
    assert find_changed_hours(pl.concat([one, one]), users, DATABRICKS).to_list() == [NOON]
