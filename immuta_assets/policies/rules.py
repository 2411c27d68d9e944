"""Global subscription policies as objects: level, scope, kind, expression, and how people read them.

The rules are those of docs/policy_semantics.md, sections 1 to 4.2 and 6. Add here what follows from a policy alone;
what follows from a policy *and* a data source belongs to ``targets``, and from several policies to ``outcomes``.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from immuta_assets.policies.expression import (
    Call,
    Condition,
    ExpressionError,
    conjoin,
    disjoin,
    format_expression,
    list_calls,
    parse_expression,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

Json = Any
"""A value as ``json.loads`` gives it, not checked yet."""


class Level(StrEnum):
    """Restriction levels of a subscription policy, as the policy builder names them."""

    ANYONE = "anyone"
    APPROVAL = "approval"
    INDIVIDUAL = "individual users"
    ENTITLEMENTS = "groups/attributes"
    ADVANCED = "advanced"
    UNKNOWN = "unknown"


_LEVELS = {
    "automatic": Level.ANYONE,
    "anyone": Level.ANYONE,
    "AUTOMATIC": Level.ANYONE,
    "approval": Level.APPROVAL,
    "manual": Level.INDIVIDUAL,
    "policy": Level.ENTITLEMENTS,
    "entitlements": Level.ENTITLEMENTS,
    "ENTITLEMENTS": Level.ENTITLEMENTS,
    "advanced": Level.ADVANCED,
    "ADVANCED": Level.ADVANCED,
}
CONFLICTING_LEVELS = frozenset({Level.ANYONE, Level.APPROVAL, Level.INDIVIDUAL})
"""Two grants of these levels on one data source and scope conflict."""

_WHO = {Level.ANYONE: "*", Level.APPROVAL: "approved users", Level.INDIVIDUAL: "selected users"}


@dataclass(frozen=True)
class SubscriptionPolicy:
    """One active global subscription policy.

    ``condition`` is the expression a user has to meet, True for everybody, False for nobody (approval, individual
    users, invalid). ``legacy`` marks a guardrail that is one by ``shareResponsibility: false``. ``circumstances`` is
    None for "when selected by data owners" and an empty list for every data source. ``invalid`` says what is wrong.
    """

    policy_id: int
    name: str
    scope: Literal["READ", "WRITE"]
    access_type: Literal["GRANT", "GUARDRAIL"]
    legacy: bool
    level: Level
    condition: Condition
    automatic: bool
    source_text: str
    invalid: str | None
    circumstances: list[dict[str, Json]] | None
    owner_users: frozenset[tuple[str, str]]
    owner_groups: frozenset[str]
    created_at: datetime
    created_by: int | None
    created_by_name: str | None
    system_generated: bool

    @property
    def is_guardrail(self) -> bool:
        """Whether the policy only restricts."""
        return self.access_type == "GUARDRAIL"

    @cached_property
    def merged_text(self) -> str:
        """The condition as it appears in ``merged_policy``: canonical text, TRUE or FALSE."""
        return str(self.condition).upper() if isinstance(self.condition, bool) else format_expression(self.condition)

    @property
    def text(self) -> str:
        """The condition as ``policy-metadata.policy`` shows it: an invalid one as it was written."""
        return self.source_text if self.invalid else self.merged_text

    @property
    def who(self) -> str:
        """Whom the policy lets in, for ``policy-metadata.who``."""
        if self.invalid:
            return "nobody (invalid)"
        if isinstance(self.condition, bool):
            return _WHO[self.level]
        return ", ".join(dict.fromkeys(name for call in list_calls(self.condition) for name in _name_principals(call)))

    @property
    def object(self) -> str:
        """Which data sources the policy targets, for ``policy-metadata.object``."""
        if self.circumstances is None:
            return "when selected"
        return ", ".join(_name_target(item) for item in self.circumstances) or "*"


def parse_policies(policies: pl.DataFrame) -> list[SubscriptionPolicy]:
    """Return the active subscription policies of the collection ``policies``, by ascending id.

    Staged and deleted policies, other types, and policies without a subscription action are left out; the last are
    logged.
    """
    active = policies.filter(pl.col("type") == "subscription", ~pl.col("staged"), ~pl.col("deleted")).sort("policy_id")
    found = [_parse_policy(row) for row in active.iter_rows(named=True)]
    if ruleless := [row["policy_id"] for row in active.iter_rows(named=True) if _find_rule(row) is None]:
        logger.warning("%s subscription policies have no subscription action: %s", f"{len(ruleless):,}", ruleless)
    return [policy for policy in found if policy is not None]


def _find_rule(row: Mapping[str, Json]) -> dict[str, Json] | None:
    return next((action for action in json.loads(row["actions"]) if action.get("type") == "subscription"), None)


def _parse_policy(row: Mapping[str, Json]) -> SubscriptionPolicy | None:
    rule = _find_rule(row)
    if rule is None:
        return None
    level = _LEVELS.get(rule.get("subscriptionType") or "", Level.UNKNOWN)
    condition = _parse_condition(rule, level)
    access_type, legacy = _parse_kind(rule, level)
    restrictions = json.loads(row["owner_restrictions"] or "{}")
    return SubscriptionPolicy(
        policy_id=row["policy_id"],
        name=row["name"],
        scope=rule.get("accessGrant") or "READ",
        access_type=access_type,
        legacy=legacy,
        level=level,
        condition=condition.value,
        automatic=rule.get("automaticSubscription") is not False,
        source_text=condition.source,
        invalid=condition.invalid,
        circumstances=json.loads(row["circumstances"] or "[]"),
        owner_users=frozenset((user["iamid"], user["username"]) for user in restrictions.get("users") or ()),
        owner_groups=frozenset(restrictions.get("groups") or ()),
        created_at=row["created_at"],
        created_by=row["created_by"],
        created_by_name=row["created_by_name"],
        system_generated=row["system_generated"],
    )


def _parse_kind(rule: Mapping[str, Json], level: Level) -> tuple[Literal["GRANT", "GUARDRAIL"], bool]:
    if explicit := rule.get("accessType"):
        return explicit, False
    legacy = level in {Level.ENTITLEMENTS, Level.ADVANCED} and rule.get("shareResponsibility") is False
    return ("GUARDRAIL", True) if legacy else ("GRANT", False)


@dataclass(frozen=True)
class _Demand:
    value: Condition
    source: str = ""
    invalid: str | None = field(default=None)


def _parse_condition(rule: Mapping[str, Json], level: Level) -> _Demand:
    advanced, exceptions = rule.get("advanced") or "", rule.get("exceptions")
    match level:
        case Level.ANYONE:
            return _Demand(value=True)
        case Level.APPROVAL | Level.INDIVIDUAL:
            return _Demand(value=False)
        case Level.UNKNOWN:
            source = advanced or _encode_compact(exceptions)
            return _Demand(value=False, source=source, invalid="unknown subscriptionType")
        case Level.ENTITLEMENTS if not advanced:
            return _parse_structured(exceptions)
        case _:
            return _parse_advanced(advanced)


def _parse_advanced(source: str) -> _Demand:
    try:
        return _Demand(parse_expression(source), source)
    except ExpressionError as error:
        return _Demand(value=False, source=source, invalid=str(error))


def _encode_compact(value: Json) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _parse_structured(exceptions: Json) -> _Demand:
    """Parse the structured form of a groups/attributes policy into the expression it renders to."""
    source = _encode_compact(exceptions)
    conditions, operator = (exceptions or {}).get("conditions"), (exceptions or {}).get("operator")
    if not isinstance(conditions, list) or not conditions:
        return _Demand(value=False, source=source, invalid="no conditions at exceptions.conditions")
    if operator not in ("and", "or"):
        return _Demand(value=False, source=source, invalid="neither 'and' nor 'or' at exceptions.operator")
    operands = [_parse_structured_call(condition) for condition in conditions]
    valid = tuple(operand for operand in operands if operand is not None)
    if len(valid) < len(operands):
        position = operands.index(None)
        return _Demand(
            value=False, source=source, invalid=f"unknown or malformed condition at exceptions.conditions[{position}]"
        )
    return _Demand(conjoin(valid) if operator == "and" else disjoin(valid), source)


def _parse_structured_call(condition: Json) -> Call | None:
    match condition:
        case {"type": "groups", "group": {"name": str(name)}}:
            return Call("isInGroups", (name,))
        case {"type": "authorizations", "authorization": {"auth": str(name), "value": str(value)}}:
            return Call("hasAttribute", (name, value))
        case _:
            return None


def _name_principals(call: Call) -> tuple[str, ...]:
    match call:
        case Call("hasAttribute", (name, value)):
            return (f"{name}={value}",)
        case Call("hasTagAsAttribute", (name, _)):
            return (f"{name}=<tag>",)
        case Call("hasTagAsGroup"):
            return ("<tag>",)
        case _:
            return call.arguments


def _name_target(item: dict[str, Json]) -> str:
    match item:
        case {"type": "tags", "tag": {"name": str(name)}}:
            return name
        case {"type": "createdBetween", "createdBetween": {**window}}:
            return f"createdBetween:{window.get('start') or '..'}/{window.get('end') or '..'}"
        case {"type": str(kind)}:
            return f"{kind}:{_name_value(item, kind)}"
        case _:
            return "?"


_PAYLOAD_KEYS = {"columnTags": "columnTag"}


def _name_value(item: dict[str, Json], kind: str) -> str:
    match item.get(_PAYLOAD_KEYS.get(kind, kind)):
        case {"name": str(value)} | {"id": str(value)} | {"regex": str(value)}:
            return value
        case {"id": int(number)}:
            return str(number)
        case _:
            return "?"
