"""Who of a data platform is nobody in the tenant, and what an administrator can do about it.

The remedies are those of the page "Unknown users in audit logs". Suggestions compare the words of names; they never
identify anybody by themselves. Add a text to compare to ``_suggest_users``. The rules by which an account is identified
belong to ``identities``.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl
from rapidfuzz import fuzz, process

from immuta_assets.audit.identities.principals import MOST_OBJECTS, Principals
from immuta_assets.audit.identities.resolution import ACCOUNT, resolve_identities, select_people
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.registry import PLATFORMS

PULL, CREATE, MAP = REMEDIES = ("pull from the identity manager", "create the user", "map the user name")
"""What the page "Unknown users in audit logs" offers to an administrator."""

MOST_SUGGESTIONS = 3
LEAST_SCORE = 75.0
STRONG_SCORE = 90.0
"""From this score on a suggestion is the remedy; anything below ``LEAST_SCORE`` is not suggested."""

_USER = ["profile_id", "global_user_id", "iam_id", "user_id", "name"]


class UnknownUsers(dy.Schema):
    """User names of a platform whose statements nobody in the tenant is known to have run."""

    platform = dy.Enum(list(PLATFORMS), primary_key=True, description=f"The platform: {' or '.join(PLATFORMS)}.")
    user_name = dy.String(primary_key=True, description="Name on the platform.")
    user_email = dy.String(nullable=True, description="E-mail that the platform knew last; null where it knew none.")
    kind = dy.Enum(
        ["PERSON", "SERVICE"],
        description="Kind of principal: SERVICE, or PERSON, which it is unless the platform says otherwise.",
    )
    statements = dy.Int64(min=1, description="Number of statements in all hours that are stored.")
    first_seen = Principals.first_seen
    last_seen = Principals.last_seen
    sample_objects = Principals.sample_objects
    ambiguous = dy.Bool(description="Whether several users of the tenant fit equally well.")
    remedy = dy.Enum(list(REMEDIES), description=f"What to do first: {', '.join(REMEDIES)}.")
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
        description="Users of the tenant it may be, the likeliest first and at most three, each with a score from 75 "
        "to 100 and the evidence in words; empty where nobody is alike.",
    )


def find_unknown_users(principals: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.DataFrame:
    """List who ran statements without being known to the tenant: ``UnknownUsers``, the busiest first.

    ``principals`` are the ``Principals`` of all hours, which are identified anew: ``users``, the tenant's present
    ``Users``, decide. Statements without a user name are left out: there is nobody to look for.
    """
    unknown = _join_samples(_select_unidentified(principals, users, platform))
    known = select_people(users).collect()
    suggestions = _suggest_users(unknown, known, platform)
    domains = known.select(_extract_domain("email")).to_series().drop_nulls().unique()
    return UnknownUsers.validate(
        unknown.join(suggestions, on="user_name", how="left")
        .with_columns(
            pl.lit(platform.name).alias("platform"),
            pl.col("sample_objects", "suggestions").fill_null([]),
            remedy=_choose_remedy(domains),
        )
        .sort("statements", "user_name", descending=[True, False])
        .select(UnknownUsers.column_names()),
        cast=True,
    )


def _select_unidentified(principals: pl.LazyFrame, users: pl.LazyFrame, platform: Platform) -> pl.LazyFrame:
    """The rows of named accounts that are no user now, with how they were not found as ``identity``."""
    named = principals.select(ACCOUNT).filter(pl.col("user_name").is_not_null()).unique()
    accounts = resolve_identities(named, users, platform).filter(pl.col("global_user_id").is_null())
    # Collected, since the hours stream through a join only with a side that is known to be small.
    few = accounts.select(*ACCOUNT, "identity").collect(engine="streaming").lazy()
    return principals.drop("identity").join(few, on=ACCOUNT, nulls_equal=True)


def _join_samples(principals: pl.LazyFrame) -> pl.DataFrame:
    # Collected one after the other, since what both share would be held in memory.
    described = _describe_accounts(principals).collect(engine="streaming")
    samples = _sample_objects(principals).collect(engine="streaming")
    return described.join(samples, on="user_name", how="left")


def _describe_accounts(principals: pl.LazyFrame) -> pl.LazyFrame:
    """One row per user name; what its accounts disagree about is as the last one seen has it."""
    accounts = principals.group_by(*ACCOUNT, "identity").agg(
        pl.col("statements").sum(), pl.col("first_seen").min(), pl.col("last_seen").max()
    )
    return (
        accounts.sort("last_seen", *ACCOUNT)
        .group_by("user_name", maintain_order=True)
        .agg(
            pl.col("user_email").drop_nulls().last(),
            pl.col("user_type").drop_nulls().last().fill_null("PERSON").alias("kind"),
            pl.col("statements").sum(),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            (pl.col("identity") == "AMBIGUOUS").any().alias("ambiguous"),
        )
    )


def _sample_objects(principals: pl.LazyFrame) -> pl.LazyFrame:
    return (
        principals.select("user_name", "sample_objects")
        .explode("sample_objects")
        .drop_nulls("sample_objects")
        .unique()
        .group_by("user_name")
        .agg(pl.col("sample_objects").sort().head(MOST_OBJECTS))
    )


def _choose_remedy(domains: pl.Series) -> pl.Expr:
    strong = pl.col("suggestions").list.eval(pl.element().struct.field("score")).list.max() >= STRONG_SCORE
    email = pl.coalesce(_extract_domain("user_email"), _extract_domain("user_name"))
    return (
        pl.when(strong | pl.col("ambiguous"))
        .then(pl.lit(MAP))
        .when(email.is_in(domains.implode()))
        .then(pl.lit(PULL))
        .otherwise(pl.lit(CREATE))
    )


def _extract_domain(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase().str.extract("@([^@]+)$")


def _suggest_users(unknown: pl.DataFrame, known: pl.DataFrame, platform: Platform) -> pl.DataFrame:
    """Up to ``MOST_SUGGESTIONS`` users per user name: user_name, suggestions."""
    accounts = _split_words(unknown, "user_name", {"user name": "user_name", "e-mail": "user_email"})
    users = _split_words(
        known,
        "profile_id",
        {"display name": "name", "e-mail": "email", "user id": "user_id", "mapped name": platform.mapped_name},
    )
    likely = (
        accounts.join(_compare_words(accounts["words"].unique(), users["words"].unique()), on="words")
        .join(users, left_on="other", right_on="words", suffix="_of_user")
        .with_columns(score=_compute_score(), evidence=_describe_evidence())
        .sort("score", "evidence", descending=[True, False])
        .unique(["user_name", "profile_id"], keep="first", maintain_order=True)
        .sort("user_name", "score", "profile_id", descending=[False, True, False])
    )
    return (
        likely.join(known.select(_USER), on="profile_id", maintain_order="left")
        .group_by("user_name")
        .agg(suggestions=pl.struct(*_USER, "score", "evidence").head(MOST_SUGGESTIONS))
    )


def _split_words(frame: pl.DataFrame, key: str, fields: dict[str, str]) -> pl.DataFrame:
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


def _compare_words(words: pl.Series, others: pl.Series) -> pl.DataFrame:
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


def _compute_score() -> pl.Expr:
    # The same words in another spelling or domain come right after the same text.
    same = pl.col("text").str.to_lowercase() == pl.col("text_of_user").str.to_lowercase()
    return pl.when(same).then(100.0).otherwise(pl.min_horizontal("score", 99.0))


def _describe_evidence() -> pl.Expr:
    alike = pl.when(pl.col("words") == pl.col("other")).then(pl.lit("have the same words"))
    similar = pl.format("are {} % similar", pl.col("score").floor().cast(pl.Int64))
    return pl.format(
        '{} "{}" and the user\'s {} "{}" {}', "field", "text", "field_of_user", "text_of_user", alike.otherwise(similar)
    )
