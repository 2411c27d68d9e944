"""A foreign opinion on who is let in by policy: Cedar, on policies without tag functions, variables and wildcards.

A grant becomes a ``permit``, a guardrail a ``forbid … unless``; groups are parents of users, tags parents of data
sources and of the tags below them.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import cedarpy
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from strategies import DUMPED_AT, PLAIN_NAMES, Tree, trees, vocabularies, written

from immuta_assets.outcomes.evaluation import evaluate
from immuta_assets.tenant import dump

JsonObject = dict[str, Any]


class Rule(NamedTuple):
    """A policy that both sides can be told; ``tree`` is ("TRUE",) for anyone and ("FALSE",) for approval."""

    scope: str
    guardrail: bool
    tags: list[tuple[str, str]]
    tree: Tree
    text: str


class Case(NamedTuple):
    """Users as (groups, attributes), data sources as tags."""

    users: list[tuple[list[str], dict[str, list[str]]]]
    sources: list[list[str]]
    rules: list[Rule]


@st.composite
def rules(draw: st.DrawFn, names: st.SearchStrategy[str], *, conditional: bool) -> Rule:
    tree = draw(trees(names, tags=False) if conditional else st.sampled_from([("TRUE",), ("FALSE",)]))
    return Rule(
        scope=draw(st.sampled_from(["READ", "WRITE"])),
        guardrail=draw(st.booleans()),
        tags=draw(st.lists(st.tuples(st.sampled_from(["and", "or"]), names), max_size=3)),
        tree=tree,
        text=draw(written(tree)),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = draw(vocabularies(PLAIN_NAMES))
    several = st.lists(names, max_size=3, unique=True)
    users = st.lists(st.tuples(several, st.dictionaries(names, several, max_size=2)), min_size=1, max_size=4)
    # Two grants without conditions would conflict, which Cedar knows nothing of.
    exclusive = draw(st.lists(rules(names, conditional=False), max_size=1))
    conditional = draw(st.lists(rules(names, conditional=True), max_size=5))
    return Case(draw(users), draw(st.lists(several, min_size=1, max_size=4)), exclusive + conditional)


# ------------------------------------------------------------------------------------------------ our side


def ours(case: Case) -> set[tuple[str, int, str]]:
    """Who is let in by policy: (user, data source, scope)."""
    with TemporaryDirectory() as folder:
        for collection, objects in dumped(case).items():
            dump.write(Path(folder), collection, objects)
        frames = dump.read(Path(folder), dumped(case))
    rows = evaluate(frames).outcomes.scan().collect()
    assert (rows["source"].cast(pl.String) == "POLICY").all()
    who = rows.select(pl.col("global_user_id").cast(pl.String), "data_source_id", pl.col("scope").cast(pl.String))
    return set(who.iter_rows())


def dumped(case: Case) -> dict[str, list[JsonObject]]:
    groups = sorted({group for groups, _ in case.users for group in groups})
    return {
        "tenant": [{"tenantId": "t", "url": "https://acme.example", "dumpedAt": DUMPED_AT}],
        "users": [
            {
                "iamid": "bim",
                "userid": str(n),
                "globalUserId": str(n),
                "profile": {"id": n},
                "authorizations": attributes,
            }
            for n, (_, attributes) in enumerate(case.users)
        ],
        "groups": [{"id": n, "iamid": "bim", "name": name} for n, name in enumerate(groups)],
        "group_members": [
            {"group": groups.index(name), "profile": {"id": n}}
            for n, (names, _) in enumerate(case.users)
            for name in names
        ],
        "data_sources": [
            {
                "id": n,
                "name": "d",
                "blobHandlerType": "Snowflake",
                "createdAt": DUMPED_AT,
                "tags": [{"name": tag} for tag in tags],
            }
            for n, tags in enumerate(case.sources)
        ],
        "policies": [policy(n, rule) for n, rule in enumerate(case.rules)],
        "columns": [],
        "data_source_members": [],
        "domains": [],
    }


def policy(number: int, rule: Rule) -> JsonObject:
    level = {"TRUE": "automatic", "FALSE": "approval"}.get(rule.tree[0], "advanced")
    action = {
        "type": "subscription",
        "subscriptionType": level,
        "advanced": rule.text,
        "accessGrant": rule.scope,
        "accessType": "GUARDRAIL" if rule.guardrail else "GRANT",
    }
    conditions = [{"type": "tags", "operator": operator, "tag": {"name": tag}} for operator, tag in rule.tags]
    named = {"id": number, "name": "p", "type": "subscription", "createdAt": DUMPED_AT}
    return named | {"actions": [action], "circumstances": conditions}


# --------------------------------------------------------------------------------------------- Cedar's side


def theirs(case: Case) -> set[tuple[str, int, str]]:
    asked = [
        (str(user), source, scope)
        for user in range(len(case.users))
        for source in range(len(case.sources))
        for scope in ("READ", "WRITE")
    ]
    requests = [
        {
            "principal": f'User::"{user}"',
            "action": f'Action::"{scope}"',
            "resource": f'DataSource::"{source}"',
            "context": {},
        }
        for user, source, scope in asked
    ]
    answers = cedarpy.is_authorized_batch(requests, "\n".join(map(cedar_policy, case.rules)), entities(case))
    assert not any(answer.diagnostics.errors for answer in answers)
    return {key for key, answer in zip(asked, answers, strict=True) if answer.allowed}


def cedar_policy(rule: Rule) -> str:
    reached, met = cedar_tags(rule.tags), cedar(rule.tree)
    head = f'(principal, action == Action::"{rule.scope}", resource) when {{ {reached} }}'
    return f"forbid{head} unless {{ {met} }};" if rule.guardrail else f"permit{head} when {{ {met} }};"


def cedar_tags(tags: list[tuple[str, str]]) -> str:
    if not tags:
        return "true"
    (_, first), *others = tags
    folded = f"resource in {entity('Tag', first)}"
    for operator, tag in others:
        folded = f"({folded}) {'&&' if operator == 'and' else '||'} resource in {entity('Tag', tag)}"
    return folded


def cedar(tree: Tree) -> str:
    match tree:
        case ("TRUE" | "FALSE" as constant,):
            return str(constant).lower()
        case ("and", *parts):
            return "(" + " && ".join(map(cedar, parts)) + ")"
        case ("or", *parts):
            return "(" + " || ".join(map(cedar, parts)) + ")"
        case ("not", part):
            return f"!({cedar(part)})"
        case ("@isInGroups", *groups):
            return "(" + " && ".join(f"principal in {entity('Group', group)}" for group in groups) + ")"
        case (_, name, value):
            return f"principal.attributes.contains({{name: {quoted(name)}, value: {quoted(value)}}})"
    raise AssertionError


def entity(kind: str, name: str) -> str:
    return f"{kind}::{quoted(name)}"


def quoted(value: str) -> str:
    """A Cedar string, each character by its code point."""
    return '"' + "".join(f"\\u{{{ord(character):x}}}" for character in value) + '"'


def entities(case: Case) -> list[JsonObject]:
    users = [
        {
            "uid": {"type": "User", "id": str(n)},
            "attrs": {
                "attributes": [{"name": name, "value": value} for name, values in facts.items() for value in values]
            },
            "parents": [{"type": "Group", "id": group} for group in groups],
        }
        for n, (groups, facts) in enumerate(case.users)
    ]
    sources = [
        {
            "uid": {"type": "DataSource", "id": str(n)},
            "attrs": {},
            "parents": [{"type": "Tag", "id": tag} for tag in tags],
        }
        for n, tags in enumerate(case.sources)
    ]
    above = {tag: tag.rpartition(".")[0] for tags in case.sources for name in tags for tag in prefixes(name)}
    paths = [
        {
            "uid": {"type": "Tag", "id": tag},
            "attrs": {},
            "parents": [{"type": "Tag", "id": parent}] if "." in tag else [],
        }
        for tag, parent in above.items()
    ]
    return users + sources + paths


def prefixes(tag: str) -> list[str]:
    """``a.b.c`` with ``a.b`` and ``a``."""
    parts = tag.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


@given(cases())
def test_cedar_lets_in_the_same_users(case: Case) -> None:
    assert ours(case) == theirs(case)
