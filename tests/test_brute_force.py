"""One small test per rule of docs/policy_semantics.md, for the engine and for the brute force that watches over it."""

from __future__ import annotations

from typing import Any

import pytest
from agreement import agreed
from brute_force import Conflict, parse, text

JsonObject = dict[str, Any]
NOON = "2026-11-20T12:00:00Z"


def user(number: int, **keys: Any) -> JsonObject:
    return {"iamid": "bim", "userid": f"login{number}", "globalUserId": f"u{number}", "profile": {"id": number}} | keys


def source(number: int = 1, **keys: Any) -> JsonObject:
    return {"id": number, "name": f"source {number}", "createdAt": NOON, "blobHandlerType": "Snowflake"} | keys


def group(number: int, name: str, **keys: Any) -> JsonObject:
    return {"id": number, "iamid": "bim", "name": name} | keys


def within(number: int, *profiles: int) -> list[JsonObject]:
    return [{"group": number, "profile": {"id": profile}} for profile in profiles]


def member(profile: int, state: str = "subscribed", data_source: int = 1, **keys: Any) -> JsonObject:
    return {"dataSource": data_source, "profile": profile, "state": state} | keys


def policy(number: int, expression: str | None = None, /, circumstances: Any = (), **rule: Any) -> JsonObject:
    """A policy on an expression or, without one, of level anyone; circumstances absent unless given."""
    level = (
        {"subscriptionType": "automatic"}
        if expression is None
        else {"subscriptionType": "advanced", "advanced": expression}
    )
    raw = {
        "id": number,
        "name": "p",
        "type": "subscription",
        "createdAt": NOON,
        "actions": [{"type": "subscription"} | level | rule],
    }
    return raw if circumstances == () else raw | {"circumstances": circumstances}


def guardrail(number: int, expression: str, **keys: Any) -> JsonObject:
    return policy(number, expression, accessType="GUARDRAIL", **keys)


def legacy(number: int, expression: str, **keys: Any) -> JsonObject:
    return policy(number, expression, shareResponsibility=False, **keys)


def tenant(*policies: JsonObject, **collections: list[JsonObject]) -> dict[str, list[JsonObject]]:
    """User 1 is in group A and has x=1, user 2 is in group B; one data source."""
    return {
        "tenant": [{"tenantId": "t", "url": "https://acme.example", "dumpedAt": NOON}],
        "users": [user(1, authorizations={"x": ["1"]}), user(2)],
        "groups": [group(1, "A"), group(2, "B")],
        "group_members": within(1, 1) + within(2, 2),
        "data_sources": [source()],
        "policies": list(policies),
    } | collections


def outcome(*policies: JsonObject, **collections: list[JsonObject]) -> list[tuple[Any, ...]]:
    """Rows without data source, merged policy and ownership."""
    rows = agreed(tenant(*policies, **collections)).rows
    return [(row.global_user_id, row.scope, row.source, row.policy_ids) for row in rows]


def let_in(*policies: JsonObject, **collections: list[JsonObject]) -> set[str]:
    return {row.global_user_id for row in agreed(tenant(*policies, **collections)).rows}


def reached(circumstances: Any, **keys: Any) -> bool:
    """Whether a grant with these circumstances reaches a data source with these keys."""
    columns = [{"dataSource": 1, "metadata": [{"name": "SSN", "dataType": "text", "tags": [{"name": "PII.SSN"}]}]}]
    return bool(let_in(policy(1, circumstances=circumstances), data_sources=[source(**keys)], columns=columns))


A, B = "@isInGroups('A')", "@isInGroups('B')"
BROKEN = "@isInGroups("


# 1 Inputs


def test_users_have_the_attributes_of_their_groups() -> None:
    groups = [group(1, "A"), group(2, "B", authorizations={"x": ["1"]})]
    assert let_in(policy(1, "@hasAttribute('x','1')"), groups=groups) == {"u1", "u2"}


@pytest.mark.parametrize(
    "keys", [{"staged": True}, {"deleted": True}, {"type": "data"}, {"actions": [{"type": "visibility"}]}]
)
def test_policies_out_of_force_are_ignored(keys: JsonObject) -> None:
    assert let_in(policy(1) | keys) == set()


def test_the_first_subscription_action_is_the_rule() -> None:
    first, second = policy(1, A), policy(1, B)
    actions = [{"type": "visibility"}, *first["actions"], *second["actions"]]
    assert let_in(first | {"actions": actions}) == {"u1"}


def test_access_is_to_read_unless_said_otherwise() -> None:
    assert outcome(policy(1, A), policy(2, B, accessGrant="WRITE")) == [
        ("u1", "READ", "POLICY", (1,)),
        ("u2", "WRITE", "POLICY", (2,)),
    ]


# 2 Does a policy apply to a data source?


def tagged(tag: str, **keys: Any) -> JsonObject:
    return {"type": "tags", "tag": {"name": tag}} | keys


def test_null_circumstances_mean_when_selected() -> None:
    assert reached([])
    assert not reached(None)
    assert not reached(None, globalPolicies=[{"id": 2}])
    assert reached(None, globalPolicies=[{"id": 1}])


def test_a_tag_covers_the_tags_below_it() -> None:
    assert reached([tagged("PII")], tags=[{"name": "PII.SSN"}])
    assert reached([tagged("PII.SSN")], tags=[{"name": "PII.SSN"}])
    assert not reached([tagged("PII.SSN")], tags=[{"name": "PII"}])
    assert not reached([tagged("PII")], tags=[{"name": "PIIX"}])
    assert not reached([tagged("pii")], tags=[{"name": "PII"}])


@pytest.mark.parametrize(
    ("condition", "keys", "holds"),
    [
        ({"type": "columnTags", "columnTag": {"name": "PII"}}, {}, True),
        ({"type": "columnTags", "columnTag": {"name": "PII.SSN.x"}}, {}, False),
        ({"type": "columnRegex", "columnRegex": {"regex": "S$"}}, {}, False),
        ({"type": "columnRegex", "columnRegex": {"regex": "sn$"}}, {}, False),
        ({"type": "columnRegex", "columnRegex": {"regex": "sn$", "caseInsensitive": True}}, {}, True),
        ({"type": "dataSourceNameRegex", "dataSourceNameRegex": {"regex": r"\d$"}}, {}, True),
        ({"type": "schema", "schema": {"name": "s"}}, {"remoteSchema": "s"}, True),
        ({"type": "schema", "schema": {"name": "s"}}, {"remoteSchema": "S"}, False),
        ({"type": "schema", "schema": {"name": ""}}, {"remoteSchema": None}, False),
        ({"type": "database", "database": {"name": "d"}}, {"database": "d"}, True),
        ({"type": "connection", "connection": {"name": "c"}}, {"connectionString": "c"}, True),
        ({"type": "domain", "domain": {"id": 7}}, {"domainId": "7"}, True),
        ({"type": "domain", "domain": {"id": 8}}, {"domainId": "7"}, False),
        ({"type": "createdBetween", "createdBetween": {"start": NOON}}, {}, True),
        ({"type": "createdBetween", "createdBetween": {"end": NOON}}, {}, False),
        ({"type": "createdBetween", "createdBetween": {"end": "2026-11-20T12:00:01+00:00"}}, {}, True),
    ],
)
def test_conditions_of_each_type(condition: JsonObject, keys: JsonObject, *, holds: bool) -> None:
    assert reached([condition], **keys) is holds


def test_a_domain_lists_data_sources() -> None:
    condition = {"type": "domain", "domain": {"id": "d"}}
    domains = [{"id": "d", "name": "D", "dataSources": [{"dataSourceId": 1}]}]
    assert let_in(policy(1, circumstances=[condition]), domains=domains) == {"u1", "u2"}


def test_conditions_fold_from_the_left() -> None:
    yes, no = {"tags": [{"name": "y"}]}, "n"
    # not as n or (y and n), which would hit
    assert not reached([tagged(no), tagged("y", operator="or"), tagged(no, operator="and")], **yes)
    # not as n and (n or y), which would miss
    assert reached([tagged(no, operator="and"), tagged(no, operator="and"), tagged("y")], **yes)


UNUSABLE = [
    {"type": "nosuch", "nosuch": {"name": "x"}},
    {"type": "tags"},
    {"type": "tags", "tag": {}},
    {"type": "schema", "schema": None},
    {"type": "createdBetween", "createdBetween": {"start": "yesterday"}},
    {"type": "columnRegex", "columnRegex": {"regex": "("}},
    {"type": "columnRegex", "columnRegex": {"regex": "a{99999999999}"}},
]


@pytest.mark.parametrize("condition", UNUSABLE)
def test_an_unusable_condition_fails_closed(condition: JsonObject) -> None:
    assert let_in(policy(1, circumstances=[condition])) == set()
    assert let_in(policy(1), guardrail(2, A, circumstances=[condition])) == {"u1"}


def test_unusable_conditions_count_item_by_item() -> None:
    [unusable, *_] = UNUSABLE
    sources = [source(tags=[{"name": "y"}])]
    either, both = [unusable, tagged("y", operator="or")], [unusable, tagged("n", operator="and")]
    assert let_in(policy(1, circumstances=either), data_sources=sources) == {"u1", "u2"}
    assert let_in(policy(1), guardrail(2, A, circumstances=both), data_sources=sources) == {"u1", "u2"}


def test_an_unknown_operator_makes_a_condition_unusable_except_on_the_first() -> None:
    sources = [source(tags=[{"name": "y"}])]
    later, first = [tagged("y"), tagged("y", operator="xor")], [tagged("y", operator="xor")]
    assert agreed(tenant(policy(1, circumstances=later), policy(2, circumstances=first))).unusable == {(1, 1)}
    assert let_in(policy(1, circumstances=later), data_sources=sources) == set()
    assert let_in(policy(1, circumstances=first), data_sources=sources) == {"u1", "u2"}
    misses = [tagged("n"), tagged("n", operator="xor")]
    assert let_in(policy(1), guardrail(2, A, circumstances=misses), data_sources=sources) == {"u1"}


def test_a_legacy_policy_reached_by_an_unusable_condition_grants_nothing() -> None:
    [unusable, *_] = UNUSABLE
    assert let_in(legacy(1, A, circumstances=[unusable])) == set()
    assert let_in(legacy(1, A, circumstances=[unusable]), legacy(2, "@hasAttribute('x','1')")) == {"u1"}
    assert let_in(legacy(1, B, circumstances=[unusable]), legacy(2, A)) == set()


@pytest.mark.parametrize(
    ("restrictions", "holds"),
    [
        ({}, True),
        ({"users": [], "groups": None}, True),
        ({"users": [{"iamid": "bim", "username": "login2"}]}, True),
        ({"users": [{"iamid": "okta", "username": "login2"}]}, False),
        ({"groups": ["B"]}, True),
        ({"groups": ["A"]}, False),
        ({"users": [{"iamid": "bim", "username": "login1"}], "groups": ["B"]}, True),
    ],
)
def test_owner_restrictions_ask_for_such_an_owner(restrictions: JsonObject, *, holds: bool) -> None:
    owned = [member(2, "owner", policy=True)]
    rows = let_in(policy(1) | {"ownerRestrictions": restrictions}, data_source_members=owned)
    assert rows == ({"u1", "u2"} if holds else set())


# 3 Does a user meet a policy?


@pytest.mark.parametrize(
    ("level", "everybody"),
    [
        ("automatic", True),
        ("anyone", True),
        ("AUTOMATIC", True),
        ("approval", False),
        ("manual", False),
        ("MANUAL", False),
    ],
)
def test_levels_without_conditions(level: str, *, everybody: bool) -> None:
    assert bool(let_in(policy(1, subscriptionType=level))) is everybody


@pytest.mark.parametrize("level", ["policy", "entitlements", "ENTITLEMENTS"])
def test_structured_conditions(level: str) -> None:
    conditions = [
        {"type": "groups", "group": {"name": "A", "iam": "ignored"}},
        {"type": "authorizations", "authorization": {"auth": "x", "value": "@schema"}},
    ]
    rule: JsonObject = {"subscriptionType": level, "exceptions": {"operator": "and", "conditions": conditions}}
    [row] = agreed(tenant(policy(1, **rule), data_sources=[source(remoteSchema="1")])).rows
    assert row.merged_policy == "((@isInGroups('A') AND @hasAttribute('x','@schema')))"
    assert let_in(policy(1, **rule | {"advanced": B})) == {"u2"}
    assert let_in(policy(1, **rule | {"advanced": ""}), data_sources=[source(remoteSchema="1")]) == {"u1"}
    assert let_in(policy(1, **rule | {"subscriptionType": "advanced"})) == set()


@pytest.mark.parametrize(
    "exceptions",
    [
        None,
        {},
        {"operator": "and", "conditions": []},
        {"operator": "any", "conditions": [{"type": "groups", "group": {"name": "A"}}]},
        {"operator": "or", "conditions": [{"type": "groups", "group": {"name": "A"}}, {"type": "purposes"}]},
        {"operator": "or", "conditions": [{"type": "groups", "group": {}}]},
    ],
)
def test_unusable_structured_conditions_make_a_policy_invalid(exceptions: JsonObject | None) -> None:
    verdict = agreed(tenant(policy(5, subscriptionType="policy", exceptions=exceptions)))
    assert (verdict.rows, verdict.invalid) == ([], {5})


def test_require_manual_subscription_asks_for_a_place_on_the_member_list() -> None:
    grant = policy(1, automaticSubscription=False)
    assert outcome(grant) == []
    for keys in ({"policy": True}, {"state": "ingest"}, {"policy": True, "accessGrant": "WRITE"}):
        assert outcome(grant, data_source_members=[member(1) | keys]) == [("u1", "READ", "POLICY", (1,))]
    for keys in ({"state": "pending"}, {"approved": False}, {"expiration": NOON}):
        assert outcome(grant, data_source_members=[member(1) | keys]) == []
    by_group = [{"dataSource": 1, "group": 2, "state": "subscribed", "policy": True}]
    assert outcome(grant, data_source_members=by_group) == [("u2", "READ", "POLICY", (1,))]


def test_automatic_subscription_is_ignored_on_guardrails() -> None:
    assert let_in(legacy(1, A, automaticSubscription=False)) == {"u1"}


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("@hasAttribute('x','1')", True),
        ("@hasAttribute('x','2')", False),
        ("@hasAttribute('X','1')", False),
        ("@isInGroups('A','B')", False),
        ("@isInGroups('A','A')", True),
        ("@hasTagAsAttribute('x','dataSource')", True),
        ("@hasTagsAsAttribute('x','column')", False),
        ("@hasTagAsGroup('column')", True),
        ("@hasTagAsGroup('dataSource')", False),
        ("@hasAttribute('@database','1')", True),
        ("@hasAttribute('x','1@table@hostname@schema')", True),
        ("@isInGroups('@hostname@schemaA')", False),
        ("NOT @isInGroups('B') AND @isInGroups('A')", True),
        ("@isInGroups('A') OR @isInGroups('A') AND @isInGroups('B')", True),
        ("(@isInGroups('A') OR @isInGroups('A')) and @isInGroups('B')", False),
    ],
)
def test_functions_and_operators(expression: str, *, holds: bool) -> None:
    sources = [source(database="x", remoteSchema=None, tags=[{"name": "1"}])]
    columns = [{"dataSource": 1, "metadata": [{"name": "c", "dataType": "text", "tags": [{"name": "A"}]}]}]
    assert let_in(
        policy(1, expression), data_sources=sources, columns=columns, users=[user(1, authorizations={"x": ["1"]})]
    ) == ({"u1"} if holds else set())


@pytest.mark.parametrize(
    ("value", "wanted", "holds"),
    [
        ("us.default.*", "us.default", True),
        ("us.default.*", "us.default.orders", True),
        ("us.default.*", "us.defaults", False),
        ("us.default.*", "US.default", False),
        ("us.default", "us.default.*", False),
        ("us*", "us.default", False),
        ("us.default.*", "@hostname.@database", True),
        ("@database", "@database", False),
        ("@schema", "@@database", True),
        ("@databases", "@databases", True),
        ("@database_", "@database_", True),
        ("default-x", "@database-x", True),
    ],
)
def test_wildcards_and_variables(value: str, wanted: str, *, holds: bool) -> None:
    someone = [user(1, authorizations={"x": [value]})]
    sources = [source(database="schema" if wanted.startswith("@@") else "default", remoteSchema="boom", hostname="us")]
    assert bool(let_in(policy(1, f"@hasAttribute('x','{wanted}')"), users=someone, data_sources=sources)) is holds


def test_strings_unescape_both_ways() -> None:
    assert parse(r"@isInGroups('O''Brien', 'O\'Brien', 'a\\b', 'a\b')") == (
        "@isInGroups",
        "O'Brien",
        "O'Brien",
        "a\\b",
        "ab",
    )


INVALID = [
    "",
    " ",
    "TRUE",
    "@isInGroups('A') OR FALSE",
    "@isInGroups()",
    "@isInGroups('A',)",
    "@isInGroups('A'",
    "@isInGroups('A' 'B')",
    "@isInGroups('A') @isInGroups('B')",
    "@isInGroups('A') AND",
    "NOT",
    "@isingroups('A')",
    "isInGroups('A')",
    "@nosuch('A')",
    "@hasAttribute('A')",
    "@hasAttribute('A','B','C')",
    "@hasTagAsGroup('datasource')",
    "@hasTagAsAttribute('A','columns')",
    "@isInGroups('A') XOR @isInGroups('B')",
    "@isInGroups('A') ANDNOT @isInGroups('B')",
    '@isInGroups("A")',
    "@isInGroups('A\\')",
    "(" * 201 + "@isInGroups('A')" + ")" * 201,
    "NOT " * 201 + "@isInGroups('A')",
]


@pytest.mark.parametrize("expression", INVALID)
def test_an_invalid_policy_counts_as_false(expression: str) -> None:
    verdict = agreed(tenant(policy(1, expression), policy(2, A)))
    assert ({row.global_user_id for row in verdict.rows}, verdict.invalid) == ({"u1"}, {1})
    assert let_in(guardrail(1, expression), policy(2)) == set()


def test_two_hundred_levels_are_allowed() -> None:
    assert let_in(policy(1, "(" * 200 + A + ")" * 200)) == {"u1"}
    assert let_in(policy(1, "NOT " * 200 + A)) == {"u1"}


def test_an_unknown_level_is_an_invalid_grant() -> None:
    verdict = agreed(tenant(policy(1, subscriptionType="nosuch", shareResponsibility=False), legacy(2, A)))
    assert (verdict.rows, verdict.invalid) == ([], {1})


# 4 How the policies on one data source combine


def test_guardrails_narrow_grants_and_let_nobody_in_themselves() -> None:
    assert outcome(guardrail(1, A)) == []
    assert outcome(guardrail(3, A), policy(2), policy(4, B)) == [("u1", "READ", "POLICY", (2, 3))]
    assert outcome(guardrail(1, A), guardrail(2, B), policy(3)) == []


def test_access_type_wins_over_share_responsibility() -> None:
    assert let_in(policy(1, A, accessType="GRANT", shareResponsibility=False), policy(2, B)) == {"u1", "u2"}
    assert let_in(policy(1, A, accessType="GUARDRAIL", shareResponsibility=True)) == set()
    assert let_in(policy(1, shareResponsibility=False)) == {"u1", "u2"}


def test_legacy_guardrails_grant_where_no_grant_applies() -> None:
    assert outcome(legacy(1, A)) == [("u1", "READ", "POLICY", (1,))]
    assert outcome(legacy(2, A), guardrail(1, "@hasAttribute('x','1')")) == [("u1", "READ", "POLICY", (1, 2))]
    assert outcome(legacy(1, A), policy(2, B)) == []
    assert outcome(legacy(1, A), policy(2, BROKEN)) == []
    assert outcome(legacy(1, A), policy(2, B, accessGrant="WRITE")) == [
        ("u1", "READ", "POLICY", (1,)),
        ("u2", "WRITE", "POLICY", (2,)),
    ]


def test_unconditional_grants_conflict_and_only_manual_members_stay() -> None:
    conflicting = [policy(9), policy(1, subscriptionType="approval"), policy(3, A)]
    verdict = agreed(tenant(*conflicting, data_source_members=[member(2)]))
    assert verdict.conflicts == [Conflict(1, "READ", (1, 9))]
    assert [(row.global_user_id, row.source) for row in verdict.rows] == [("u2", "MANUAL")]
    assert agreed(tenant(*conflicting, data_sources=[source(deleted=True)])).conflicts == []
    selected = agreed(tenant(policy(1), policy(2, subscriptionType="manual")))
    assert selected.conflicts == [Conflict(1, "READ", (1, 2))]
    apart = agreed(tenant(policy(1), policy(2, accessGrant="WRITE"), guardrail(3, A)))
    assert apart.conflicts == []


@pytest.mark.parametrize(
    ("keys", "counts"),
    [
        ({}, True),
        ({"state": "expert"}, True),
        ({"state": "owner"}, True),
        ({"state": "ingest"}, False),
        ({"state": "pending"}, False),
        ({"approved": None}, True),
        ({"approved": False}, False),
        ({"policy": True}, False),
        ({"expiration": NOON}, False),
        ({"expiration": "2026-11-20T12:00:00.000001Z"}, True),
        ({"expiration": "2026-11-20T12:30:00+01:00"}, False),
    ],
)
def test_manual_members(keys: JsonObject, *, counts: bool) -> None:
    assert outcome(data_source_members=[member(1) | keys]) == ([("u1", "READ", "MANUAL", None)] if counts else [])


def test_a_group_entry_stands_for_its_members_that_are_users() -> None:
    entry = {"dataSource": 1, "group": 2, "state": "subscribed", "accessGrant": "WRITE"}
    memberships = within(2, 2, 77)
    assert outcome(data_source_members=[entry], group_members=memberships) == [("u2", "WRITE", "MANUAL", None)]


def test_guardrails_of_the_scope_hold_for_subscribers_and_experts_not_for_owners() -> None:
    entries = [member(2, "expert"), member(2, accessGrant="WRITE"), member(1, "owner", accessGrant="WRITE")]
    rows = outcome(guardrail(1, A), guardrail(2, B, accessGrant="WRITE"), data_source_members=entries)
    assert rows == [("u1", "WRITE", "MANUAL", None), ("u2", "WRITE", "MANUAL", None)]
    both = [member(2, "owner", accessGrant="WRITE"), member(2)]
    assert outcome(guardrail(1, A), data_source_members=both) == [("u2", "WRITE", "MANUAL", None)]


def test_an_owner_is_one_in_every_row_whatever_the_entry() -> None:
    entries = [member(1, "owner", policy=True, accessGrant="WRITE")]
    rows = agreed(tenant(policy(1), data_source_members=entries)).rows
    assert [(row.global_user_id, row.is_owner) for row in rows] == [("u1", True), ("u2", False)]
    gone = [member(1, "owner", expiration=NOON)]
    assert not any(row.is_owner for row in agreed(tenant(policy(1), data_source_members=gone)).rows)


def test_disabled_data_sources_and_users_and_system_accounts_have_no_rows() -> None:
    entries = [member(1, "owner")]
    assert outcome(policy(1), data_sources=[source(deleted=True)], data_source_members=entries) == []
    people = [user(1, disabled=True), user(2, systemGenerated=True), user(3, disabled=None)]
    assert let_in(policy(1), users=people) == {"u3"}


# 5 policy-outcomes


def test_one_row_by_policy_and_one_by_hand() -> None:
    entries = [member(1), member(1, "expert"), member(1, "owner")]
    assert outcome(policy(1, A), data_source_members=entries) == [
        ("u1", "READ", "MANUAL", None),
        ("u1", "READ", "POLICY", (1,)),
    ]


@pytest.mark.parametrize(
    ("policies", "merged"),
    [
        ([policy(1, A)], "((@isInGroups('A')))"),
        ([policy(1)], "((TRUE))"),
        ([legacy(7, A), legacy(3, "@hasAttribute('x','1')")], "(@hasAttribute('x','1')) AND (@isInGroups('A'))"),
        (
            [policy(10, A), policy(2, B), guardrail(21, A), guardrail(3, "NOT @isInGroups('B')")],
            "(NOT @isInGroups('B')) AND (@isInGroups('A')) AND ((@isInGroups('B')) OR (@isInGroups('A')))",
        ),
        (
            [policy(1, A), policy(2, BROKEN), policy(3, subscriptionType="manual")],
            "((@isInGroups('A')) OR (FALSE) OR (FALSE))",
        ),
    ],
)
def test_the_merged_policy(policies: list[JsonObject], merged: str) -> None:
    [row] = agreed(tenant(*policies, users=[user(1, authorizations={"x": ["1"]})])).rows
    assert row.merged_policy == merged


def test_variables_stay_in_the_merged_policy() -> None:
    [row] = agreed(tenant(policy(1, "@isInGroups('@database')"), data_sources=[source(database="A")])).rows
    assert row.merged_policy == "((@isInGroups('@database')))"


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("@isInGroups( 'A' ,'B' )", "@isInGroups('A','B')"),
        (r"@isInGroups('O\'Brien \\ x')", r"@isInGroups('O''Brien \\ x')"),
        ("@hasTagsAsAttribute('A','column')", "@hasTagAsAttribute('A','column')"),
        (f"({A} and {B}) AND {A}", f"{A} AND {B} AND {A}"),
        (f"{A} or ({B} Or {A})", f"{A} OR {B} OR {A}"),
        (f"({A} AND {B}) OR {A}", f"{A} AND {B} OR {A}"),
        (f"({A} OR {B}) AND {A}", f"({A} OR {B}) AND {A}"),
        (f"not(({A}))", f"NOT {A}"),
        (f"NOT (NOT {A})", f"NOT NOT {A}"),
        (f"NOT ({A} AND {B}) AND {A}", f"NOT ({A} AND {B}) AND {A}"),
        (f"NOT {A} AND {B}", f"NOT {A} AND {B}"),
    ],
)
def test_canonical_text(given: str, canonical: str) -> None:
    assert text(parse(given)) == canonical
    assert parse(canonical) == parse(given)
