"""Who is behind a user name of a data platform: the Immuta user, or else what an administrator can do about it.

The rules are those of the page "External user ID mapping", and the remedies those of the page "Unknown users in audit
logs". A user is found by what is known of the account (name, e-mail, kind) alone, so that a mapping added later also
names the statements of the past. Add a way to find a user as a ``Way`` with its keys. Reading accounts from a platform
belongs to its reader, the shape of an event's actor to ``events``.

Upper and lower case are told apart as each rule says. Letters that only look or sound alike (ß and ss, ı and i) are
different: nobody's statements are given to somebody else over them.
"""

from __future__ import annotations

from enum import IntEnum

import dataframely as dy
import polars as pl
from rapidfuzz import fuzz, process

from immuta_assets.query_history.history import Platform, Statements

IDENTITIES = ("MAPPED", "MATCHED", "AMBIGUOUS", "UNKNOWN")
"""How an account's Immuta user was found: by mapping, by e-mail or name, not since several fit equally, not at all."""

PULL, CREATE, MAP = REMEDIES = ("pull from the identity manager", "create the user", "map the user name")
"""What the page "Unknown users in audit logs" offers to an administrator."""

MOST_SUGGESTIONS = 3
MOST_OBJECTS = 5
LEAST_SCORE = 75.0
STRONG_SCORE = 90.0
"""From this score on a suggestion is the remedy; anything below ``LEAST_SCORE`` is not suggested."""

_ACCOUNT = ["user_name", "user_email", "user_type"]
_USER = ["profile_id", "global_user_id", "iam_id", "user_id", "name"]
_MAPPED_NAME = {Platform.SNOWFLAKE: "snowflake_user", Platform.DATABRICKS: "databricks_user"}
_IDENTITY = pl.Enum(IDENTITIES)


class IdentifiedStatements(Statements):
    """Statements with the Immuta user who ran them; the user's columns are null where nobody is identified."""

    profile_id = dy.Int64(nullable=True, description="Profile of the user.")
    global_user_id = dy.String(nullable=True, description="UUID by which the export refers to the user.")
    iam_id = dy.String(nullable=True, description="Identity manager the user comes from.")
    user_id = dy.String(nullable=True, description="Id of the user within the identity manager.")
    name = dy.String(nullable=True, description="Display name.")
    identity = dy.Enum(IDENTITIES, description="How the user was found, or why not.")


class History(dy.Schema):
    """What ``unknown_users`` reads: ``Statements`` left-joined to their ``Accesses``; further columns are ignored."""

    query_id = dy.String(description="The statement; once per object.")
    user_name = dy.String(nullable=True, description="Name on the platform.")
    user_email = dy.String(nullable=True, description="E-mail the platform knows for that user.")
    user_type = dy.Enum(["PERSON", "SERVICE"], nullable=True, description="Kind of principal.")
    ended_at = dy.Datetime(time_zone="UTC", description="End of the statement.")
    object_name = dy.String(nullable=True, description="Full name of an object; null for a statement without any.")


class UnknownUsers(dy.Schema):
    """User names of a platform whose statements nobody in the tenant is known to have run."""

    platform = dy.Enum([platform.value for platform in Platform], primary_key=True, description="The platform.")
    user_name = dy.String(primary_key=True, description="Name on the platform.")
    user_email = dy.String(nullable=True, description="E-mail the platform knew last.")
    kind = dy.Enum(["PERSON", "SERVICE"], description="Kind of principal; a person unless the platform says otherwise.")
    statements = dy.Int64(min=1, description="Number of statements.")
    first_seen = dy.Datetime(time_zone="UTC", description="End of the first statement.")
    last_seen = dy.Datetime(time_zone="UTC", description="End of the last statement.")
    sample_objects = dy.List(dy.String(), max_length=MOST_OBJECTS, description="Objects accessed: the first by name.")
    ambiguous = dy.Bool(description="Whether several users of the tenant fit equally well.")
    remedy = dy.Enum(list(REMEDIES), description="What to do first.")
    suggestions = dy.List(
        dy.Struct(
            {
                "profile_id": dy.Int64(),
                "global_user_id": dy.String(),
                "iam_id": dy.String(),
                "user_id": dy.String(),
                "name": dy.String(nullable=True),
                "score": dy.Float64(min=LEAST_SCORE, max=100.0),
                "evidence": dy.String(),
            }
        ),
        max_length=MOST_SUGGESTIONS,
        description="Users of the tenant it may be, the likeliest first, each with the reason in words.",
    )


class Way(IntEnum):
    """Ways in which an account can belong to a user, the most certain first."""

    MAPPED_EXACTLY = 0
    MAPPED = 1
    EMAIL = 2
    NAME = 3


def identified(statements: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """Add the Immuta user to ``Statements``: ``IdentifiedStatements``, in the same order.

    ``users`` are the tenant's ``Users``. A mapped user name decides; else the platform's e-mail, else its user name, if
    it is a user's e-mail or user id, whatever the case. A Snowflake mapping holds the name as stored, else as written
    in SQL: upper-cased unless in double quotes; a Databricks mapping has no case. Where several users fit in the same
    way, nobody is identified. Services are identified by mapping only, system accounts of the tenant never, disabled
    users like others. A name whose e-mail is known to be another than the user's (as when it was dropped and given to
    somebody else) does not identify that user.
    """
    identities = _identities(statements.select(_ACCOUNT).unique(), users, platform)
    joined = statements.join(identities, on=_ACCOUNT, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.col("identity").fill_null(pl.lit("UNKNOWN", _IDENTITY)))


def unknown_users(history: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.DataFrame:
    """List who ran statements of ``History`` without being identified: ``UnknownUsers``, the busiest first.

    ``users`` are the tenant's ``Users``. Statements without a user name are left out: there is nobody to look for.
    """
    accounts = identified(_accounts(history), users, platform)
    unknown = _by_name(accounts.filter(pl.col("profile_id").is_null())).collect()
    people = _people(users).collect()
    suggestions = _suggestions(unknown, people, platform)
    domains = people.select(_domain("email")).to_series().drop_nulls().unique()
    return UnknownUsers.validate(
        unknown.join(suggestions, on="user_name", how="left")
        .with_columns(
            pl.lit(platform.value).alias("platform"),
            pl.col("suggestions").fill_null([]),
            remedy=_remedy(domains),
        )
        .sort("statements", "user_name", descending=[True, False])
        .select(UnknownUsers.column_names()),
        cast=True,
    )


def _people(users: pl.LazyFrame) -> pl.LazyFrame:
    return users.filter(~pl.col("system_generated"))


def _identities(accounts: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """The accounts that any user fits, with the columns of the one user who fits best, and ``identity``."""
    people = _people(users)
    best = (
        _claims(accounts, people, platform)
        .group_by(_ACCOUNT)
        .agg(
            pl.col("way").min(),
            pl.col("profile_id").filter(pl.col("way") == pl.col("way").min()).unique(),
        )
    )
    one = pl.col("profile_id").list.len() == 1
    found = pl.when(pl.col("way") <= Way.MAPPED).then(pl.lit("MAPPED")).otherwise(pl.lit("MATCHED"))
    return best.select(
        *_ACCOUNT,
        profile_id=pl.when(one).then(pl.col("profile_id").list.first()),
        identity=pl.when(one).then(found).otherwise(pl.lit("AMBIGUOUS")).cast(_IDENTITY),
    ).join(people.select(_USER), on="profile_id", how="left")


def _claims(accounts: pl.LazyFrame, people: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """Every pair of an account and a user who fits it, with the way: the accounts' columns, profile_id, way."""
    claimed = _keyed(accounts, _account_keys(platform)).join(
        _keyed(people, _user_keys(platform)), on=["way", "key"], how="inner"
    )
    service = (pl.col("user_type") == "SERVICE").fill_null(value=False)
    other_email = (pl.col("user_email").fill_null("") != "") & (pl.col("email").fill_null("") != "")
    return claimed.filter(
        (pl.col("way") <= Way.MAPPED) | ~service,
        (pl.col("way") != Way.NAME) | ~other_email,
    )


def _keyed(frame: pl.LazyFrame, keys: list[tuple[Way, pl.Expr]]) -> pl.LazyFrame:
    """The rows once per way and key: two columns more; an empty key fits nothing."""
    pairs = [pl.struct(pl.lit(int(way), pl.Int8).alias("way"), key.alias("key")) for way, key in keys]
    return (
        frame.with_columns(pl.concat_list(pairs).alias("pair"))
        .explode("pair")
        .unnest("pair")
        .filter(pl.col("key") != "")
    )


def _account_keys(platform: Platform) -> list[tuple[Way, pl.Expr]]:
    name = pl.col("user_name")
    mapped = {
        Platform.SNOWFLAKE: [(Way.MAPPED_EXACTLY, name), (Way.MAPPED, name)],
        Platform.DATABRICKS: [(Way.MAPPED, _caseless("user_name"))],
    }
    return [*mapped[platform], (Way.EMAIL, _caseless("user_email")), (Way.NAME, _caseless("user_name"))]


def _user_keys(platform: Platform) -> list[tuple[Way, pl.Expr]]:
    mapped = {
        Platform.SNOWFLAKE: [
            (Way.MAPPED_EXACTLY, pl.col("snowflake_user")),
            (Way.MAPPED, _identifier("snowflake_user")),
        ],
        Platform.DATABRICKS: [(Way.MAPPED, _caseless("databricks_user"))],
    }
    matched = [(way, _caseless(column)) for way in (Way.EMAIL, Way.NAME) for column in ("email", "user_id")]
    return [*mapped[platform], *matched]


def _caseless(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase()


def _identifier(column: str) -> pl.Expr:
    """What Snowflake stores for an identifier as written in SQL."""
    quoted = pl.col(column).str.extract(r'(?s)^"(.*)"$').str.replace_all('""', '"', literal=True)
    return pl.coalesce(quoted, pl.col(column).str.to_uppercase())


def _accounts(history: pl.LazyFrame) -> pl.LazyFrame:
    return (
        history.filter(pl.col("user_name").is_not_null())
        .group_by(_ACCOUNT)
        .agg(
            statements=pl.col("query_id").n_unique(),
            first_seen=pl.col("ended_at").min(),
            last_seen=pl.col("ended_at").max(),
            objects=pl.col("object_name").drop_nulls().unique(),
        )
    )


def _by_name(accounts: pl.LazyFrame) -> pl.LazyFrame:
    """One row per user name; what its accounts disagree about is as the last one seen has it."""
    return (
        accounts.sort("last_seen", *_ACCOUNT)
        .group_by("user_name", maintain_order=True)
        .agg(
            pl.col("user_email").drop_nulls().last(),
            pl.col("user_type").drop_nulls().last().fill_null("PERSON").alias("kind"),
            pl.col("statements").sum(),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            pl.col("objects")
            .list.explode(empty_as_null=False)
            .unique()
            .sort()
            .head(MOST_OBJECTS)
            .alias("sample_objects"),
            (pl.col("identity") == "AMBIGUOUS").any().alias("ambiguous"),
        )
    )


def _remedy(domains: pl.Series) -> pl.Expr:
    strong = pl.col("suggestions").list.eval(pl.element().struct.field("score")).list.max() >= STRONG_SCORE
    email = pl.coalesce(_domain("user_email"), _domain("user_name"))
    return (
        pl.when(strong | pl.col("ambiguous"))
        .then(pl.lit(MAP))
        .when(email.is_in(domains.implode()))
        .then(pl.lit(PULL))
        .otherwise(pl.lit(CREATE))
    )


def _domain(column: str) -> pl.Expr:
    return _caseless(column).str.extract("@([^@]+)$")


def _suggestions(unknown: pl.DataFrame, people: pl.DataFrame, platform: Platform) -> pl.DataFrame:
    """Up to ``MOST_SUGGESTIONS`` users per user name: user_name, suggestions."""
    accounts = _worded(unknown, "user_name", {"user name": "user_name", "e-mail": "user_email"})
    users = _worded(
        people,
        "profile_id",
        {"display name": "name", "e-mail": "email", "user id": "user_id", "mapped name": _MAPPED_NAME[platform]},
    )
    likely = (
        accounts.join(_scores(accounts["words"].unique(), users["words"].unique()), on="words")
        .join(users, left_on="other", right_on="words", suffix="_of_user")
        .with_columns(score=_score(), evidence=_evidence())
        .sort("score", "evidence", descending=[True, False])
        .unique(["user_name", "profile_id"], keep="first", maintain_order=True)
        .sort("user_name", "score", "profile_id", descending=[False, True, False])
    )
    return (
        likely.join(people.select(_USER), on="profile_id", maintain_order="left")
        .group_by("user_name")
        .agg(suggestions=pl.struct(*_USER, "score", "evidence").head(MOST_SUGGESTIONS))
    )


def _worded(frame: pl.DataFrame, key: str, fields: dict[str, str]) -> pl.DataFrame:
    """The texts to compare, a row per ``key`` and field: also field, text, and ``words`` in an order of their own.

    A domain says nothing about a person, so the words of an address are those before its last ``@``.
    """
    words = pl.col("text").str.to_lowercase().str.replace("@[^@]*$", "").str.extract_all(r"[\p{L}\p{N}]+")
    return (
        frame.select(pl.col(key).alias("key"), **{field: pl.col(column) for field, column in fields.items()})
        .unpivot(index="key", variable_name="field", value_name="text")
        .with_columns(words=words.list.sort().list.join(" "))
        .filter(pl.col("words") != "")
        .rename({"key": key})
    )


def _scores(words: pl.Series, others: pl.Series) -> pl.DataFrame:
    """How similar the words are, of 100; only the best of each, enough for ``MOST_SUGGESTIONS`` users."""
    choices = others.sort().to_list()
    # A user has up to four texts, all of which may come before the next user's first.
    most = 4 * MOST_SUGGESTIONS
    rows = [
        (text, other, score)
        for text in words
        for other, score, _ in process.extract(text, choices, scorer=fuzz.ratio, score_cutoff=LEAST_SCORE, limit=most)
    ]
    return pl.DataFrame(rows, {"words": pl.String, "other": pl.String, "score": pl.Float64}, orient="row")


def _score() -> pl.Expr:
    # The same words in another spelling or domain come right after the same text.
    same = _caseless("text") == _caseless("text_of_user")
    return pl.when(same).then(100.0).otherwise(pl.min_horizontal("score", 99.0))


def _evidence() -> pl.Expr:
    alike = pl.when(pl.col("words") == pl.col("other")).then(pl.lit("have the same words"))
    similar = pl.format("are {} % similar", pl.col("score").floor().cast(pl.Int64))
    return pl.format(
        '{} "{}" and the user\'s {} "{}" {}', "field", "text", "field_of_user", "text_of_user", alike.otherwise(similar)
    )
