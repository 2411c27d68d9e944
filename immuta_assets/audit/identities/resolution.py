"""Who is behind a user name of a data platform: the Immuta user, if the tenant knows one.

The rules are those of the page "External user ID mapping". A user is found by what is known of the account (name,
e-mail, kind) alone, so that a mapping added later also names the statements of the past. Add a way to find a user as a
``Way`` with its keys; how a mapped name is compared belongs to the platform (``user_keys``), reading accounts to its
reader, the shape of an event's actor to ``events``, what is kept of accounts to ``principals``, what to do about
unknown ones to ``unknown_users``.

Upper and lower case are told apart as each rule says. Letters that only look or sound alike (ß and ss, ı and i) are
different: nobody's statements are given to somebody else over them.
"""

from __future__ import annotations

from enum import IntEnum

import dataframely as dy
import polars as pl

from immuta_assets.platforms.history import Statements
from immuta_assets.platforms.platform import Platform

IDENTITIES = ("MAPPED", "MATCHED", "AMBIGUOUS", "UNKNOWN")
"""How an account's Immuta user was found: by mapping, by e-mail or name, not since several fit equally, not at all."""

ACCOUNT = ("user_name", "user_email", "user_type")
"""What is known of an account of the platform; who is behind it depends on nothing else."""

_USER = ["profile_id", "global_user_id", "iam_id", "user_id", "name"]
_IDENTITY = pl.Enum(IDENTITIES)


class IdentifiedStatements(Statements):
    """Statements with the Immuta user who ran them; the user's columns are null where nobody is identified."""

    profile_id = dy.Int64(nullable=True, description="Id of the user's profile in the tenant.")
    global_user_id = dy.String(nullable=True, description="UUID by which the access summary refers to the user.")
    iam_id = dy.String(nullable=True, description="Id of the identity manager the user comes from.")
    user_id = dy.String(nullable=True, description="Id of the user within the identity manager.")
    name = dy.String(nullable=True, description="Display name of the user.")
    identity = dy.Enum(
        IDENTITIES,
        description="How the user was found: MAPPED (user name), MATCHED (e-mail or name), AMBIGUOUS (several fit, "
        "nobody is named) or UNKNOWN.",
    )


class Way(IntEnum):
    """Ways besides the mapped user name in which an account can belong to a user, the most certain first.

    Those of the mapped user name are more certain: they are negative, the most certain the lowest.
    """

    EMAIL = 0
    NAME = 1


def resolve_identities(accounts: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """Add the Immuta user to rows with the columns of an ``ACCOUNT``, in the same order.

    The further columns are those that ``IdentifiedStatements`` adds to ``Statements``. ``users`` are the tenant's
    ``Users``. A mapped user name decides; else the platform's e-mail, else its user name, if it is a user's e-mail or
    user id, whatever the case. How a mapped name is compared, the platform says (``Platform.user_keys``). Where several
    users fit in the same way, nobody is identified. Services are identified by mapping only, system accounts of the
    tenant never, disabled users like others. A name whose e-mail is known to be another than the user's (as when it was
    dropped and given to somebody else) does not identify that user.
    """
    identities = _resolve_accounts(accounts.select(ACCOUNT).unique(), users, platform)
    joined = accounts.join(identities, on=ACCOUNT, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.col("identity").fill_null(pl.lit("UNKNOWN", _IDENTITY)))


def select_people(users: pl.LazyFrame) -> pl.LazyFrame:
    """Return those of ``Users`` whom an account may belong to: all but the system accounts of the tenant."""
    return users.filter(~pl.col("system_generated"))


def _resolve_accounts(accounts: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """The accounts that any user fits, with the columns of the one user who fits best, and ``identity``."""
    candidates = select_people(users)
    best = (
        _match_accounts(accounts, candidates, platform)
        .group_by(ACCOUNT)
        .agg(
            pl.col("way").min(),
            pl.col("profile_id").filter(pl.col("way") == pl.col("way").min()).unique(),
        )
    )
    one = pl.col("profile_id").list.len() == 1
    found = pl.when(pl.col("way") < Way.EMAIL).then(pl.lit("MAPPED")).otherwise(pl.lit("MATCHED"))
    return best.select(
        *ACCOUNT,
        profile_id=pl.when(one).then(pl.col("profile_id").list.first()),
        identity=pl.when(one).then(found).otherwise(pl.lit("AMBIGUOUS")).cast(_IDENTITY),
    ).join(candidates.select(_USER), on="profile_id", how="left")


def _match_accounts(accounts: pl.LazyFrame, candidates: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """Every pair of an account and a user who fits it, with the way: the accounts' columns, profile_id, way."""
    claimed = _explode_keys(accounts, _list_account_keys(platform)).join(
        _explode_keys(candidates, _list_user_keys(platform)), on=["way", "key"], how="inner"
    )
    service = (pl.col("user_type") == "SERVICE").fill_null(value=False)
    other_email = (pl.col("user_email").fill_null("") != "") & (pl.col("email").fill_null("") != "")
    return claimed.filter(
        (pl.col("way") < Way.EMAIL) | ~service,
        (pl.col("way") != Way.NAME) | ~other_email,
    )


def _explode_keys(frame: pl.LazyFrame, keys: list[tuple[int, pl.Expr]]) -> pl.LazyFrame:
    """The rows once per way and key: two columns more; an empty key fits nothing."""
    pairs = [pl.struct(pl.lit(int(way), pl.Int8).alias("way"), key.alias("key")) for way, key in keys]
    return (
        frame.with_columns(pl.concat_list(pairs).alias("pair"))
        .explode("pair")
        .unnest("pair")
        .filter(pl.col("key") != "")
    )


def _list_account_keys(platform: Platform) -> list[tuple[int, pl.Expr]]:
    mapped = enumerate((key.account for key in platform.user_keys), -len(platform.user_keys))
    return [*mapped, (Way.EMAIL, _fold_case("user_email")), (Way.NAME, _fold_case("user_name"))]


def _list_user_keys(platform: Platform) -> list[tuple[int, pl.Expr]]:
    mapped = enumerate((key.user for key in platform.user_keys), -len(platform.user_keys))
    return [*mapped, *((way, _fold_case(column)) for way in Way for column in ("email", "user_id"))]


def _fold_case(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase()
