"""The engine against the second reading of docs/policy_semantics.md, on tenants large enough for profiles to matter.

What lives here: demos of each preset's proportions, tenants in which few kinds of users and data sources come back
again and again, and tenants in which no two are alike. Small and odd ones are in ``test_outcomes_property``.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from agreement import agreed, read_back
from strategies import DUMPED_AT, MOMENTS, JsonObject, RawTenant

from immuta_assets.demo.tenant import PRESETS, Preset, write_demo
from immuta_assets.outcomes.compact import Outcomes
from immuta_assets.outcomes.evaluation import COLLECTIONS, evaluate
from immuta_assets.tenant import dump

# ------------------------------------------------------------------------------------- the presets' shapes


def scaled(preset: Preset) -> Preset:
    """About 250,000 pairs in the preset's proportion of users to data sources, and 100 policies."""
    factor = math.sqrt(500 * 500 / (preset.users * preset.data_sources))
    return Preset(round(preset.users * factor), round(preset.data_sources * factor), 100)


def raw_objects(folder: Path) -> RawTenant:
    """The collections of a dump as they are written."""
    files = {path.name.split(".")[0]: path for path in folder.iterdir()}
    return {name: [json.loads(line) for line in files[name].read_text().splitlines()] for name in COLLECTIONS}


@pytest.mark.parametrize("name", PRESETS)
def test_they_agree_on_a_demo_of_each_presets_shape(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, name, scaled(PRESETS[name]))
    write_demo(tmp_path, preset=name, at=datetime(2026, 11, 20, 5, tzinfo=UTC))
    verdict = agreed(raw_objects(tmp_path), dump.read(tmp_path, COLLECTIONS))
    assert len(verdict.rows) > 100_000
    assert len({(row.scope, row.source) for row in verdict.rows}) == 4


# ------------------------------------------------------------------- tenants with few profiles, and with many

GROUPS = ["A", "B", "C", "PII"]
TAGS = ["PII", "PII.SSN", "Finance", "B"]
VALUES = ["PII.*", "PII.SSN", "Finance", "north", "south"]
CALLS = [
    "@isInGroups('A')",
    "@isInGroups('B','C')",
    "@hasAttribute('x','north')",
    "@hasAttribute('x','@schema')",
    "@hasTagAsAttribute('x','dataSource')",
    "@hasTagAsAttribute('x','column')",
    "@hasTagAsGroup('dataSource')",
    "@hasTagAsGroup('column')",
]
OWN_TAG = "@hasTagAsAttribute('own','dataSource')"


class Person(NamedTuple):
    """What policies may know of a user."""

    values: list[str]
    groups: list[str]
    own: str | None = None


class Table(NamedTuple):
    """What policies may know of a data source."""

    tags: list[str]
    column_tags: list[str]
    schema: str


def some(rng: Random, names: list[str]) -> list[str]:
    return rng.sample(names, rng.randint(0, 2))


def person(rng: Random) -> Person:
    return Person(some(rng, VALUES), some(rng, GROUPS))


def table(rng: Random) -> Table:
    return Table(some(rng, TAGS), some(rng, TAGS), rng.choice(["north", "south"]))


def expression(rng: Random) -> str:
    first, second, third = rng.sample(CALLS, 3)
    return rng.choice([f"{first} OR {second}", f"{first} OR NOT {second}", f"({first} OR {second}) AND NOT {third}"])


def policy(number: int, expression: str, tag: str | None = None, **rule: object) -> JsonObject:
    """A policy on every data source, or on those with a tag."""
    action = {"type": "subscription", "subscriptionType": "advanced", "advanced": expression, **rule}
    where = [{"type": "tags", "tag": {"name": tag}}] if tag else []
    common = {"id": number, "name": "p", "type": "subscription", "createdAt": DUMPED_AT}
    return common | {"actions": [action], "circumstances": where}


def policies(rng: Random) -> list[JsonObject]:
    """In each scope grants, grants for members only, a guardrail and a legacy one, each on a tag."""
    kinds: list[JsonObject] = [
        *[{"accessType": "GRANT"}] * 3,
        *[{"accessType": "GRANT", "automaticSubscription": False}] * 3,
        {"accessType": "GUARDRAIL"},
        {"shareResponsibility": False},
    ]
    rules = [kind | {"accessGrant": scope} for kind in kinds for scope in ("READ", "WRITE")]
    rng.shuffle(rules)
    return [policy(number, expression(rng), rng.choice(TAGS), **rule) for number, rule in enumerate(rules, start=1)]


def member(rng: Random, users: int, data_sources: int) -> JsonObject:
    profile, group = {"profile": rng.randint(1, users)}, {"group": rng.randint(1, len(GROUPS))}
    return rng.choice([profile, profile, profile, group]) | {
        "dataSource": rng.randint(1, data_sources),
        "state": rng.choice(["subscribed", "subscribed", "expert", "owner", "pending", "ingest"]),
        "policy": rng.choice([True, False]),
        "accessGrant": rng.choice(["READ", "WRITE"]),
        "expiration": rng.choice([None, None, *MOMENTS]),
    }


def tenant_of(rng: Random, people: list[Person], tables: list[Table], *more: JsonObject) -> RawTenant:
    """A tenant with these people and tables, both numbered from 1 on, and more policies than the drawn ones."""
    return {
        "tenant": [{"tenantId": "t", "url": "https://acme.example", "dumpedAt": DUMPED_AT}],
        "users": [user(number, someone) for number, someone in enumerate(people, start=1)],
        "groups": [{"id": number, "iamid": "bim", "name": name} for number, name in enumerate(GROUPS, start=1)],
        "group_members": [
            {"group": GROUPS.index(name) + 1, "profile": {"id": number}}
            for number, someone in enumerate(people, start=1)
            for name in someone.groups
        ],
        "data_sources": [data_source(number, each) for number, each in enumerate(tables, start=1)],
        "columns": [
            {"dataSource": number, "metadata": [{"name": "c", "dataType": "text", "tags": named(each.column_tags)}]}
            for number, each in enumerate(tables, start=1)
        ],
        "data_source_members": [member(rng, len(people), len(tables)) for _ in range(200)],
        "policies": [*policies(rng), *more],
        "domains": [],
    }


def user(number: int, someone: Person) -> JsonObject:
    ids = {"iamid": "bim", "userid": f"login{number}", "globalUserId": f"u{number}", "profile": {"id": number}}
    return ids | {"authorizations": {"x": someone.values, "own": [someone.own] if someone.own else []}}


def data_source(number: int, each: Table) -> JsonObject:
    ids = {"id": number, "name": f"table {number}", "createdAt": DUMPED_AT, "blobHandlerType": "Snowflake"}
    return ids | {"remoteSchema": each.schema, "tags": named(each.tags)}


def named(tags: list[str]) -> list[JsonObject]:
    return [{"name": tag} for tag in tags]


def judged(tenant: RawTenant) -> Outcomes:
    """The outcomes of a tenant on which both readings agree."""
    agreed(tenant)
    return evaluate(read_back(tenant)).outcomes


def user_profiles(outcomes: Outcomes) -> int:
    return len(set(outcomes.profile_of_user.tolist()))


def data_source_profiles(outcomes: Outcomes) -> list[int]:
    """How many there are in each scope."""
    return [len(set(scope.profile_of_source.tolist())) for scope in outcomes.scopes.values()]


@pytest.mark.parametrize("seed", range(20))
def test_they_agree_where_few_profiles_come_back_again_and_again(seed: int) -> None:
    rng = Random(seed)
    people, tables = [person(rng) for _ in range(5)], [table(rng) for _ in range(4)]
    outcomes = judged(tenant_of(rng, rng.choices(people, k=60), rng.choices(tables, k=40)))
    assert user_profiles(outcomes) <= 5
    assert max(data_source_profiles(outcomes)) <= 4


@pytest.mark.parametrize("seed", range(20))
def test_they_agree_where_nobody_and_nothing_shares_a_profile(seed: int) -> None:
    rng = Random(seed)
    people = [person(rng)._replace(own=f"own.{number}") for number in range(60)]
    tables = [each._replace(tags=[*each.tags, f"own.{number}"]) for number in range(60) for each in [table(rng)]]
    by_own_tag = policy(98, OWN_TAG), policy(99, f"NOT {OWN_TAG}", accessGrant="WRITE")
    outcomes = judged(tenant_of(rng, people, tables, *by_own_tag))
    assert all(len(scope.admitted.reasons) and len(scope.manual.users) for scope in outcomes.scopes.values())
    assert user_profiles(outcomes) == 60
    assert data_source_profiles(outcomes) == [60, 60]
