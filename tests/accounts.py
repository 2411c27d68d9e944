"""Accounts of a platform and users of a tenant, as rows; and who is behind an account, read in plain loops.

What lives here: builders, strategies and the oracle that tests of people share. ``by_hand`` restates the rules of
``resolve_identities`` and never calls it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dataframely as dy
import polars as pl
from hypothesis import strategies as st

from immuta_assets.audit.identities.principals import build_principals
from immuta_assets.audit.identities.resolution import resolve_identities
from immuta_assets.datasets.hours import HOUR
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.platform import Platform
from immuta_assets.platforms.snowflake.platform import SNOWFLAKE
from immuta_assets.tenant.collections import Users

Row = Mapping[str, Any]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


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


def principals_of(
    history: Sequence[tuple[Row, Collection[str]]], users: Sequence[Row] = (), platform: Platform = SNOWFLAKE
) -> pl.LazyFrame:
    """Return the ``Principals`` of statements with the names of their objects, as ``users`` were known then."""
    statements = resolve_identities(statements_of([row for row, _ in history]), frame(Users, users), platform)
    return build_principals(statements, accesses_of([names for _, names in history]))


def accesses_of(objects: Sequence[Collection[str]]) -> pl.LazyFrame:
    rest = {"name": "t", "object_type": "TABLE", "accessed_columns": [], "inferred": False}
    rows = [{"query_id": f"q{number}", "object_name": name} for number, names in enumerate(objects) for name in names]
    return frame(Accesses, [row | rest for row in rows])


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
KIND = st.sampled_from([None, "PERSON", "SERVICE"])
STATEMENTS = st.lists(
    st.builds(lambda name, email, kind: statement(name, user_email=email, user_type=kind), SPELLING, SPELLING, KIND),
    max_size=6,
)

# Fewer spellings, so that accounts run several statements: in the same hour, at its very ends, and in others.
FEW = st.sampled_from([None, "", "a", "A", "a@x.com"])
ENDS = [NOON, NOON + HOUR / 2, NOON + HOUR - timedelta(microseconds=1), NOON + HOUR, NOON + 3 * HOUR]
HISTORY = st.lists(
    st.tuples(
        st.builds(
            lambda name, email, kind, end: statement(name, user_email=email, user_type=kind, ended_at=end),
            FEW,
            FEW,
            KIND,
            st.sampled_from(ENDS),
        ),
        st.sets(st.sampled_from([f"t{number}" for number in range(9)])),
    ),
    max_size=12,
)
"""Statements, each with the names of the objects it accessed."""


def by_hand(row: Row, users: Sequence[Row], platform: Platform) -> tuple[int | None, str]:
    """The rules of ``resolve_identities`` for one statement, one after the other."""
    users = [candidate for candidate in users if not candidate["system_generated"]]
    name, email = row["user_name"], row["user_email"]

    def same(left: str | None, right: str | None) -> bool:
        return bool(left) and bool(right) and str(left).lower() == str(right).lower()

    def as_stored(mapped: str | None) -> str:
        mapped = mapped or ""
        if len(mapped) > 1 and mapped[0] == mapped[-1] == '"':
            return mapped[1:-1].replace('""', '"')
        return mapped.upper()

    if platform is SNOWFLAKE:
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
