"""Who has access to what, worked out the slow and obvious way: the second reading of docs/policy_semantics.md.

What lives here: sections 1 to 5 of that document in plain loops over the raw objects of a tenant dump
(docs/tenant_dump.md), with its own parser of the expression language. It shares no code with ``immuta_assets`` and must
never import it: the property tests are worth as much as the two readings are independent. Change it when the document
changes, never to make a test pass. Being readable beside the document matters more than speed: what a tenant says is
worked out once (``remembered``), but every user is held to every policy on every data source.

Left out on purpose: the one-second limit on a regex (section 2), which needs a clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, wraps
from typing import Any, Literal, NamedTuple, TypeVar, TypeVarTuple

Object = Mapping[str, Any]
Tree = tuple[Any, ...]
"""An expression: ("and", tree, …), ("or", tree, …), ("not", tree), (function, argument, …), ("TRUE",) or ("FALSE",)."""


class Tenant(dict[str, Sequence[Object]]):
    """Collection name → raw objects, and the facts that were already worked out about them."""

    def __init__(self, collections: Mapping[str, Sequence[Object]]) -> None:
        super().__init__(collections)
        self.facts: dict[tuple[object, ...], Any] = {}


Ids = TypeVarTuple("Ids")
Fact = TypeVar("Fact")


def remembered(work_out: Callable[[Tenant, *Ids], Fact]) -> Callable[[Tenant, *Ids], Fact]:
    """Work a fact about a tenant out once; ``ids`` say whom or what it is about."""

    @wraps(work_out)
    def recall(tenant: Tenant, *ids: *Ids) -> Fact:
        if (work_out, *ids) not in tenant.facts:
            tenant.facts[work_out, *ids] = work_out(tenant, *ids)
        fact: Fact = tenant.facts[work_out, *ids]
        return fact

    return recall


class Row(NamedTuple):
    """One row of policy-outcomes (section 5)."""

    global_user_id: str
    data_source_id: int
    scope: str
    source: str
    policy_ids: tuple[int, ...] | None
    merged_policy: str | None
    is_owner: bool


class Conflict(NamedTuple):
    """Policies that shut each other out (section 4.3)."""

    data_source_id: int
    scope: str
    policy_ids: tuple[int, ...]


class Verdict(NamedTuple):
    """Everything the document says about one tenant; the rows are sorted by ``sortable``."""

    rows: list[Row]
    conflicts: list[Conflict]
    invalid: set[int]
    unusable: set[tuple[int, int]]


def judge(collections: Mapping[str, Sequence[Object]]) -> Verdict:
    """Apply sections 1 to 5 to a tenant: collection name → raw objects."""
    tenant = Tenant(collections)
    policies = subscription_policies(tenant)
    rows: list[Row] = []
    conflicts: list[Conflict] = []
    for source in tenant.get("data_sources", []):
        # 4.5 nobody is subscribed to a disabled data source, so nothing conflicts there either
        for scope in () if source.get("deleted") else ("READ", "WRITE"):
            here = Gate(tenant, source, scope, policies)
            if here.conflict:
                conflicts.append(Conflict(source["id"], scope, here.conflict))
            rows.extend(here.rows())
    invalid = {policy.id for policy in policies if policy.invalid}
    unusable = set(unusable_conditions(policies, tenant))
    return Verdict(sorted(rows, key=sortable), sorted(conflicts), invalid, unusable)


def sortable(row: Row) -> tuple[object, ...]:
    """A sort key: nulls first."""
    return (
        row.data_source_id,
        row.global_user_id,
        row.scope,
        row.source,
        row.policy_ids or (),
        row.merged_policy or "",
    )


# ----------------------------------------------------------------------------------------------- 1 Inputs


class User(NamedTuple):
    """A user of the tenant with effective attributes (direct ∪ those of every group) and names of groups."""

    profile: int
    global_user_id: str
    iam: str
    name: str
    has_outcomes: bool
    attributes: dict[str, set[str]]
    groups: set[str]


@remembered
def users(tenant: Tenant) -> list[User]:
    found = []
    for user in tenant.get("users", []):
        profile = user["profile"]["id"]
        groups = [group for group in tenant.get("groups", []) if profile in members_of(tenant, group["id"])]
        attributes: dict[str, set[str]] = {}
        for holder in [user, *groups]:
            for name, values in (holder.get("authorizations") or {}).items():
                attributes.setdefault(name, set()).update(values)
        # 4.5 disabled users and system accounts have no outcomes
        has_outcomes = not user.get("disabled") and not user.get("systemGenerated")
        names = {group["name"] for group in groups}
        found.append(
            User(profile, user["globalUserId"], user["iamid"], user["userid"], has_outcomes, attributes, names)
        )
    return found


@remembered
def members_of(tenant: Tenant, group: int) -> set[int]:
    memberships = tenant.get("group_members", [])
    return {member["profile"]["id"] for member in memberships if member["group"] == group}


def tags_of(source: Object) -> set[str]:
    return {tag["name"] for tag in source.get("tags") or []}


@remembered
def columns_of(tenant: Tenant, source: int) -> list[Object]:
    dictionaries = [line for line in tenant.get("columns", []) if line["dataSource"] == source]
    return [column for line in dictionaries for column in line.get("metadata") or []]


@remembered
def column_tags_of(tenant: Tenant, source: int) -> set[str]:
    return {tag["name"] for column in columns_of(tenant, source) for tag in column.get("tags") or []}


class Policy(NamedTuple):
    """A subscription policy as sections 1, 3 and 4.2 read it."""

    id: int
    raw: Object
    scope: str
    kind: Literal["grant", "guardrail", "legacy guardrail"]
    level: str | None
    automatic: bool
    tree: Tree
    text: str
    invalid: bool


def subscription_policies(tenant: Tenant) -> list[Policy]:
    """All policies that count, by ascending id."""
    policies = []
    for raw in tenant.get("policies", []):
        rules = [action for action in raw["actions"] if action.get("type") == "subscription"]
        if raw["type"] == "subscription" and not raw.get("staged") and not raw.get("deleted") and rules:
            policies.append(subscription_policy(raw, rules[0]))
    return sorted(policies, key=lambda policy: policy.id)


def subscription_policy(raw: Object, rule: Object) -> Policy:
    level = LEVELS.get(rule.get("subscriptionType"))
    try:
        tree, invalid = requirement(rule, level), False
    except InvalidPolicyError:
        tree, invalid = ("FALSE",), True
    return Policy(
        id=raw["id"],
        raw=raw,
        scope=rule.get("accessGrant") or "READ",
        kind=kind(rule, level),
        level=level,
        automatic=rule.get("automaticSubscription") is not False,
        tree=tree,
        text=text(tree),
        invalid=invalid,
    )


# ------------------------------------------------------------- 2 Does a policy apply to a data source?


class UnusableConditionError(Exception):
    """A condition of a policy's circumstances cannot be used."""


def applies(policy: Policy, tenant: Tenant, source: Object, *, unusable: bool) -> bool:
    """Whether a policy applies to a data source, where unusable conditions count as ``unusable``."""
    if not owners_allowed(policy, tenant, source):
        return False
    if "circumstances" not in policy.raw or policy.raw["circumstances"] == []:
        return True
    if policy.raw["circumstances"] is None:
        return policy.id in {named["id"] for named in source.get("globalPolicies") or []}
    result = None
    for position, condition in enumerate(policy.raw["circumstances"]):
        operator = operator_of(condition)
        try:
            holds = item_holds(position, condition, tenant, source)
        except UnusableConditionError:
            holds = unusable
            if operator not in ("and", "or"):
                operator = "or" if unusable else "and"
        if result is None:
            result = holds
        elif operator == "and":
            result = result and holds
        else:
            result = result or holds
    return bool(result)


def unusable_conditions(policies: list[Policy], tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Policy id and position, counted from 0, of each unusable condition; no data source makes it usable or not."""
    any_source = {"id": None, "name": "", "createdAt": "2000-01-01T00:00:00Z"}
    for policy in policies:
        for position, condition in enumerate(policy.raw.get("circumstances") or []):
            try:
                item_holds(position, condition, tenant, any_source)
            except UnusableConditionError:
                yield policy.id, position


def operator_of(condition: Object) -> Any:
    return "or" if condition.get("operator") is None else condition["operator"]


def item_holds(position: int, condition: Object, tenant: Tenant, source: Object) -> bool:
    """An unknown operator makes a condition unusable, except the first, whose operator is ignored."""
    if position > 0 and operator_of(condition) not in ("and", "or"):
        raise UnusableConditionError
    return condition_holds(condition, tenant, source)


def condition_holds(condition: Object, tenant: Tenant, source: Object) -> bool:  # noqa: PLR0911  # a row of the table each
    match condition.get("type"):
        case "tags":
            wanted = payload(condition, "tag", "name")
            return any(covers(wanted, tag) for tag in tags_of(source))
        case "columnTags":
            wanted = payload(condition, "columnTag", "name")
            return any(covers(wanted, tag) for tag in column_tags_of(tenant, source["id"]))
        case "columnRegex":
            regex = compiled(condition, "columnRegex")
            return any(regex.search(column["name"]) for column in columns_of(tenant, source["id"]))
        case "dataSourceNameRegex":
            return compiled(condition, "dataSourceNameRegex").search(source["name"]) is not None
        case "schema":
            return payload(condition, "schema", "name") == source.get("remoteSchema")
        case "database":
            return payload(condition, "database", "name") == source.get("database")
        case "connection":
            return payload(condition, "connection", "name") == source.get("connectionString")
        case "domain":
            return in_domain(payload(condition, "domain", "id"), tenant, source)
        case "createdBetween":
            return created_between(condition, moment(source["createdAt"]))
        case _:
            raise UnusableConditionError


def payload(condition: Object, key: str, name: str) -> str:
    value = condition[key].get(name) if isinstance(condition.get(key), dict) else None
    if name == "id" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise UnusableConditionError
    return value


def covers(tag: str, other: str) -> bool:
    """``PII`` covers ``PII`` and ``PII.SSN``, not ``PIIX``; never the other way."""
    return other == tag or other.startswith(tag + ".")


def compiled(condition: Object, key: str) -> re.Pattern[str]:
    regex = payload(condition, key, "regex")
    try:
        return re.compile(regex, re.IGNORECASE if condition[key].get("caseInsensitive") else 0)
    except (re.error, OverflowError, RecursionError):
        raise UnusableConditionError from None


def in_domain(domain: str, tenant: Tenant, source: Object) -> bool:
    if source.get("domainId") is not None and str(source["domainId"]) == domain:
        return True
    for other in tenant.get("domains", []):
        if str(other["id"]) == domain:
            return source["id"] in {listed["dataSourceId"] for listed in other.get("dataSources") or []}
    return False


def created_between(condition: Object, created: datetime) -> bool:
    between = condition.get("createdBetween")
    if not isinstance(between, dict):
        raise UnusableConditionError
    try:
        start, end = (moment(between[side]) if between.get(side) is not None else None for side in ("start", "end"))
    except (TypeError, ValueError):
        raise UnusableConditionError from None
    return (start is None or start <= created) and (end is None or created < end)


def moment(value: str) -> datetime:
    """A timestamp; raises ValueError without an offset."""
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        raise ValueError
    return parsed


def owners_allowed(policy: Policy, tenant: Tenant, source: Object) -> bool:
    """ownerRestrictions: besides, an owner among those users or in one of those groups."""
    restrictions = policy.raw.get("ownerRestrictions") or {}
    wanted_users = [(user["iamid"], user["username"]) for user in restrictions.get("users") or []]
    wanted_groups = set(restrictions.get("groups") or [])
    if not wanted_users and not wanted_groups:
        return True
    owners = owners_of(tenant, source["id"])
    owning = [user for user in users(tenant) if user.profile in owners]
    return any((user.iam, user.name) in wanted_users or user.groups & wanted_groups for user in owning)


# ------------------------------------------------------------------- 3 Does a user meet a policy?

LEVELS: dict[str | None, str] = {
    "automatic": "anyone",
    "anyone": "anyone",
    "AUTOMATIC": "anyone",
    "approval": "approval",
    "manual": "individual",
    "policy": "policy",
    "entitlements": "policy",
    "ENTITLEMENTS": "policy",
    "advanced": "advanced",
    "ADVANCED": "advanced",
}


class InvalidPolicyError(Exception):
    """A policy counts as FALSE and is reported."""


def requirement(rule: Object, level: str | None) -> Tree:
    match level:
        case "anyone":
            return ("TRUE",)
        case "approval" | "individual":
            return ("FALSE",)
        case "policy":
            return parse(rule["advanced"]) if rule.get("advanced") else structured(rule.get("exceptions") or {})
        case "advanced":
            return parse(rule.get("advanced") or "")
        case _:
            raise InvalidPolicyError


def structured(exceptions: Object) -> Tree:
    operator, conditions = exceptions.get("operator"), exceptions.get("conditions")
    if operator not in ("and", "or") or not isinstance(conditions, list) or not conditions:
        raise InvalidPolicyError
    trees = [structured_condition(condition) for condition in conditions]
    return trees[0] if len(trees) == 1 else (operator, *trees)


def structured_condition(condition: Any) -> Tree:
    match condition:
        case {"type": "groups", "group": {"name": str(name)}}:
            return ("@isInGroups", name)
        case {"type": "authorizations", "authorization": {"auth": str(name), "value": str(value)}}:
            return ("@hasAttribute", name, value)
        case _:
            raise InvalidPolicyError


def meets(tree: Tree, tenant: Tenant, user: User, source: Object) -> bool:
    """Whether a user meets a tree that is grounded for a data source."""
    head, *rest = tree
    match head:
        case "and":
            return all(meets(part, tenant, user, source) for part in rest)
        case "or":
            return any(meets(part, tenant, user, source) for part in rest)
        case "not":
            return not meets(rest[0], tenant, user, source)
        case "TRUE" | "FALSE":
            return bool(head == "TRUE")
        case _:
            return call_holds(tree, tenant, user, source)


def call_holds(call: Tree, tenant: Tenant, user: User, source: Object) -> bool:
    match call:
        case ["@hasAttribute", name, wanted]:
            return any(matches(value, wanted) for value in user.attributes.get(name, ()))
        case ["@isInGroups", *names]:
            return all(name in user.groups for name in names)
        case ["@hasTagAsAttribute", name, place]:
            tags = tags_on(place, tenant, source)
            return any(matches(value, tag) for value in user.attributes.get(name, ()) for tag in tags)
        case _:
            [_, place] = call
            return any(tag in user.groups for tag in tags_on(place, tenant, source))


def tags_on(place: str, tenant: Tenant, source: Object) -> set[str]:
    return tags_of(source) if place == "dataSource" else column_tags_of(tenant, source["id"])


def matches(value: str, wanted: str) -> bool:
    """Wildcards stand only in the user's value."""
    return value == wanted or (value.endswith(".*") and covers(value.removesuffix(".*"), wanted))


def grounded(tree: Tree, source: Object) -> Tree:
    """The tree with a data source's own values in place of variables."""
    head, *rest = tree
    return head, *(grounded(part, source) if isinstance(part, tuple) else replaced(part, source) for part in rest)


def replaced(argument: str, source: Object) -> str:
    """One pass: what is put in is not looked at again."""
    keys = {"database": "database", "schema": "remoteSchema", "table": "remoteTable", "hostname": "hostname"}
    done, rest = "", argument
    while rest:
        for name, key in keys.items():
            after = rest[len(name) + 1 :]
            if rest.startswith("@" + name) and not (after and is_word(after[0])):
                done, rest = done + (source.get(key) or ""), after
                break
        else:
            done, rest = done + rest[0], rest[1:]
    return done


def is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


# The expression language. Each pair of parentheses and each NOT is one level of nesting.

DEEPEST = 200


def parse(expression: str) -> Tree:
    """The tree of an expression; raises ``InvalidPolicyError``."""
    parser = Parser(expression)
    tree = parser.alternatives(0)
    if parser.peek() != "":
        raise InvalidPolicyError
    return tree


def joined(operator: str, trees: list[Tree]) -> Tree:
    """Nested ANDs (ORs) are one list."""
    flat = [inner for tree in trees for inner in (tree[1:] if tree[0] == operator else [tree])]
    return trees[0] if len(trees) == 1 else (operator, *flat)


class Parser:
    """Recursive descent: alternatives (OR) of sequences (AND) of units (NOT, parentheses, calls)."""

    def __init__(self, expression: str) -> None:
        self.rest = expression

    def peek(self) -> str:
        """The next word, @name or single character, without taking it; empty at the end."""
        self.rest = self.rest.lstrip(" \t\r\n\f")
        end = 1 if self.rest.startswith("@") else 0
        while end < len(self.rest) and is_word(self.rest[end]):
            end += 1
        return self.rest[: max(end, 1)]

    def take(self) -> str:
        token = self.peek()
        self.rest = self.rest[len(token) :]
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise InvalidPolicyError

    def alternatives(self, depth: int) -> Tree:
        sequences = [[self.unit(depth)]]
        while (operator := self.peek().lower()) in ("and", "or"):
            self.take()
            if operator == "or":
                sequences.append([])
            sequences[-1].append(self.unit(depth))
        return joined("or", [joined("and", sequence) for sequence in sequences])

    def unit(self, depth: int) -> Tree:
        if depth > DEEPEST:
            raise InvalidPolicyError
        word = self.take()
        if word.lower() == "not":
            return ("not", self.unit(depth + 1))
        if word == "(":
            tree = self.alternatives(depth + 1)
            self.expect(")")
            return tree
        return self.call(word)

    def call(self, function: str) -> Tree:
        self.expect("(")
        arguments = [self.string()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.string())
        self.expect(")")
        match function.replace("@hasTagsAsAttribute", "@hasTagAsAttribute"), *arguments:
            case ["@isInGroups", *_] | ["@hasAttribute", _, _]:
                return (function, *arguments)
            case ["@hasTagAsAttribute", name, "dataSource" | "column" as place]:
                return ("@hasTagAsAttribute", name, place)
            case ["@hasTagAsGroup", "dataSource" | "column" as place]:
                return (function, place)
            case _:
                raise InvalidPolicyError

    def string(self) -> str:
        self.expect("'")
        value = ""
        while self.rest:
            character, self.rest = self.rest[0], self.rest[1:]
            if character == "\\" and self.rest:
                value, self.rest = value + self.rest[0], self.rest[1:]
            elif character == "'" and self.rest.startswith("'"):
                value, self.rest = value + "'", self.rest[1:]
            elif character == "'":
                return value
            else:
                value += character
        raise InvalidPolicyError


# ------------------------------------------------- 4 How the policies on one data source combine


def kind(rule: Object, level: str | None) -> Literal["grant", "guardrail", "legacy guardrail"]:
    """4.2"""
    if rule.get("accessType") is not None:
        return "guardrail" if rule["accessType"] == "GUARDRAIL" else "grant"
    if level in ("policy", "advanced") and rule.get("shareResponsibility") is False:
        return "legacy guardrail"
    return "grant"


@remembered
def entries(tenant: Tenant, source: int) -> list[Object]:
    """4.4 approved, not pending, not expired"""
    dumped_at = moment(tenant["tenant"][0]["dumpedAt"])
    return [
        entry
        for entry in tenant.get("data_source_members", [])
        if entry["dataSource"] == source
        and entry.get("approved") is not False
        and entry["state"] != "pending"
        and (entry.get("expiration") is None or moment(entry["expiration"]) > dumped_at)
    ]


def people(tenant: Tenant, listed: Sequence[Object]) -> set[int]:
    """4.4 a group entry stands for its members"""
    named = (members_of(tenant, e["group"]) if e.get("group") is not None else {e["profile"]} for e in listed)
    return set().union(*named)


@remembered
def owners_of(tenant: Tenant, source: int) -> set[int]:
    """4.4 whatever the entry's ``policy`` flag and scope"""
    return people(tenant, [entry for entry in entries(tenant, source) if entry["state"] == "owner"])


class Gate:
    """One data source in one scope: the policies on it, and whom they and the member list let in."""

    def __init__(self, tenant: Tenant, source: Object, scope: str, policies: list[Policy]) -> None:
        self.tenant, self.source, self.scope = tenant, source, scope
        mine = [policy for policy in policies if policy.scope == scope]
        # 2 unusable conditions: true for a guardrail, false for a grant
        guardrails = [p for p in mine if p.kind != "grant" and applies(p, tenant, source, unusable=True)]
        grants = [p for p in mine if p.kind == "grant" and applies(p, tenant, source, unusable=False)]
        self.guardrails = [p._replace(tree=grounded(p.tree, source)) for p in guardrails]
        self.grants = [p._replace(tree=grounded(p.tree, source)) for p in grants]
        # 2 a legacy guardrail that is here only thanks to an unusable condition is a plain guardrail
        legacy = [p for p in self.guardrails if p.kind == "legacy guardrail"]
        self.legacy = any(applies(p, tenant, source, unusable=False) for p in legacy)
        listed = entries(tenant, source["id"])
        self.listed, self.owners = people(tenant, listed), owners_of(tenant, source["id"])
        # 4.4 manual members of this scope
        manual = [e for e in listed if not e.get("policy") and (e.get("accessGrant") or "READ") == scope]
        self.owners_by_hand = people(tenant, [e for e in manual if e["state"] == "owner"])
        self.others_by_hand = people(tenant, [e for e in manual if e["state"] in ("subscribed", "expert")])

    @cached_property
    def conflict(self) -> tuple[int, ...]:
        """4.3"""
        exclusive = [p.id for p in self.grants if p.level in ("anyone", "approval", "individual")]
        return tuple(exclusive) if len(exclusive) > 1 else ()

    def rows(self) -> Iterator[Row]:
        """5: one row per user and source."""
        for user in users(self.tenant):
            if not user.has_outcomes:
                continue
            key = (user.global_user_id, self.source["id"], self.scope)
            is_owner = user.profile in self.owners
            policy_ids = self.by_policy(user)
            if policy_ids is not None:
                yield Row(*key, "POLICY", policy_ids, self.merged_policy, is_owner)
            if self.by_hand(user):
                yield Row(*key, "MANUAL", None, None, is_owner)

    def by_policy(self, user: User) -> tuple[int, ...] | None:
        """4.1 to 4.3: ids of the guardrails and of the grants that subscribe the user, or None"""
        if self.conflict or not self.passes_guardrails(user):
            return None
        guardrails = [p.id for p in self.guardrails]
        if not self.grants:
            return tuple(guardrails) if self.legacy else None
        grants = [p.id for p in self.grants if self.subscribes(p, user)]
        return tuple(sorted(guardrails + grants)) if grants else None

    def passes_guardrails(self, user: User) -> bool:
        return all(meets(p.tree, self.tenant, user, self.source) for p in self.guardrails)

    def subscribes(self, grant: Policy, user: User) -> bool:
        """3 automaticSubscription: false asks for a place on the member list, in either scope"""
        let_in = grant.automatic or user.profile in self.listed
        return let_in and meets(grant.tree, self.tenant, user, self.source)

    def by_hand(self, user: User) -> bool:
        """4.4: owner entries always count, the others where the user meets the guardrails"""
        if user.profile in self.owners_by_hand:
            return True
        return user.profile in self.others_by_hand and self.passes_guardrails(user)

    @cached_property
    def merged_policy(self) -> str:
        """5"""
        parts = [f"({p.text})" for p in self.guardrails]
        if self.grants:
            parts.append("(" + " OR ".join(f"({p.text})" for p in self.grants) + ")")
        return " AND ".join(parts)


# ------------------------------------------------------------------------------ 5 Canonical text


def text(tree: Tree) -> str:
    """Canonical text."""
    head, *rest = tree
    match head:
        case "and":
            return " AND ".join(f"({text(part)})" if part[0] == "or" else text(part) for part in rest)
        case "or":
            return " OR ".join(text(part) for part in rest)
        case "not":
            return f"NOT ({text(rest[0])})" if rest[0][0] in ("and", "or") else f"NOT {text(rest[0])}"
        case "TRUE" | "FALSE":
            return str(head)
        case _:
            return f"{head}(" + ",".join(quoted(argument) for argument in rest) + ")"


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
