"""What is kept of every hour about who ran its statements: an account of the platform each, as it was resolved then.

A few rows per hour stand for all its statements, so that questions about people go over months without reading the
statements again. Add a column when such a question needs another fact of an account. How an account is resolved belongs
to ``identities``, what to do about those that nobody knows to ``unknown_users``.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from immuta_assets.audit.identities.resolution import ACCOUNT, IDENTITIES, resolve_identities
from immuta_assets.platforms.platform import Platform

MOST_OBJECTS = 5
"""Objects that are kept as a sample; the first by name of several hours are among the first of each."""

_RESOLVED = (*ACCOUNT, "global_user_id", "identity")
_KEY = ("hour", *_RESOLVED)


class Principals(dy.Schema):
    """Accounts that ran statements, each once per hour, sorted by hour and name.

    An account is what its user is found by, so a name that was given to somebody else within the hour has two rows if
    the platform tells anything else about them.
    """

    hour = dy.Datetime(time_zone="UTC", description="Start of the hour in which the statements ended (UTC).")
    user_name = dy.String(nullable=True, description="Name on the platform; null where it does not say.")
    user_email = dy.String(
        nullable=True, description="E-mail that the platform knows for that user; null where it knows none."
    )
    user_type = dy.Enum(
        ["PERSON", "SERVICE"],
        nullable=True,
        description="Kind of principal: PERSON, SERVICE, or null where the platform does not say.",
    )
    global_user_id = dy.String(
        nullable=True, description="UUID of the Immuta user whom the hour's events name; null where they name nobody."
    )
    identity = dy.Enum(
        IDENTITIES,
        description="How the user was found: MAPPED (user name), MATCHED (e-mail or name), AMBIGUOUS (several fit, "
        "nobody is named) or UNKNOWN.",
    )
    statements = dy.Int64(min=1, description="Number of statements that ended in the hour.")
    first_seen = dy.Datetime(time_zone="UTC", description="End of the first statement (UTC).")
    last_seen = dy.Datetime(time_zone="UTC", description="End of the last statement (UTC).")
    sample_objects = dy.List(
        dy.String(),
        max_length=MOST_OBJECTS,
        description="Full names of objects accessed: the first five by name; empty where none are known.",
    )

    @dy.rule()
    def each_account_once_per_hour(cls) -> pl.Expr:  # noqa: N805 - the decorator makes it a class method
        """Null is a value of an account like others, which a primary key does not allow."""
        return pl.struct("hour", *ACCOUNT).is_unique()


def build_principals(statements: pl.LazyFrame, accesses: pl.LazyFrame) -> pl.LazyFrame:
    """Return the ``Principals`` of ``IdentifiedStatements`` and their ``Accesses``."""
    hourly = statements.select("query_id", "ended_at", *_RESOLVED, hour=pl.col("ended_at").dt.truncate("1h"))
    counted = hourly.group_by(_KEY).agg(
        statements=pl.len().cast(pl.Int64),
        first_seen=pl.col("ended_at").min(),
        last_seen=pl.col("ended_at").max(),
    )
    numbered = counted.sort("hour", *ACCOUNT).with_row_index("principal")
    return (
        numbered.join(_sample_objects(hourly, numbered, accesses), on="principal", how="left", maintain_order="left")
        .with_columns(pl.col("sample_objects").fill_null([]))
        .select(Principals.column_names())
    )


def _sample_objects(hourly: pl.LazyFrame, numbered: pl.LazyFrame, accesses: pl.LazyFrame) -> pl.LazyFrame:
    """Return ``sample_objects`` per number of a principal: names are long and many, numbers are not."""
    by_query = hourly.join(numbered, on=_KEY, nulls_equal=True).select("query_id", "principal")
    return (
        accesses.select("query_id", "object_name")
        .join(by_query, on="query_id")
        .select("principal", "object_name")
        .unique()
        .group_by("principal")
        .agg(sample_objects=pl.col("object_name").sort().head(MOST_OBJECTS))
    )


def find_changed_hours(principals: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.Series:
    """Return the hours whose events name somebody else than ``users`` would now, sorted, each once.

    ``principals`` are the ``Principals`` of all hours, ``users`` the tenant's present ``Users``. An hour changes when
    an account is newly known, or known as another user. Who has left the tenant keeps the events of the past, since an
    audit must not forget people. What a user is called, or from which identity manager, changes nothing either: while
    the ``global_user_id`` is the same, events keep the words they were made with.
    """
    then = principals.select(*ACCOUNT, then="global_user_id").unique()
    changed = resolve_identities(then, users, platform).filter(
        pl.col("global_user_id").is_not_null(), pl.col("global_user_id").ne_missing(pl.col("then"))
    )
    # Collected, since the hours stream through a join only with a side that is known to be small.
    few = changed.select(*ACCOUNT, global_user_id="then").collect(engine="streaming").lazy()
    affected = principals.join(few, on=[*ACCOUNT, "global_user_id"], how="semi", nulls_equal=True)
    return affected.select(pl.col("hour").unique().sort()).collect(engine="streaming").to_series()
