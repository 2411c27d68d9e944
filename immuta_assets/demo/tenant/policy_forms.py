"""Building blocks of policies: the shapes of actions and circumstances as the API returns them.

What a single rule looks like belongs here; which rules the demo has belongs to ``company_policies`` and
``unit_policies``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from immuta_assets.demo.tenant.catalog import Database, Object
from immuta_assets.demo.tenant.draw import format_moment
from immuta_assets.demo.tenant.people import Person

EVERYWHERE = "everywhere"
"""Circumstances of a policy on all data sources: the key is absent."""
Where = list[Object] | str | None


class Setting(NamedTuple):
    """What policies speak about."""

    databases: Sequence[Database]
    domain_ids: Mapping[str, str]
    owner: Person
    at: datetime

    def format_days_ago(self, days: float) -> str:
        """Return a moment before the dump, as the API writes it."""
        return format_moment(self.at - timedelta(days=days))


class PolicyDraft(NamedTuple):
    """A policy before it gets its id: what it is called, its rule, where it applies, and keys that differ."""

    name: str
    action: Object
    where: Where
    extra: Object = {}  # noqa: RUF012 - never changed

    def write(self, policy_id: int, **common: object) -> Object:
        """Return the policy as a ``GET /policy/global`` item."""
        circumstances = {} if self.where == EVERYWHERE else {"circumstances": self.where}
        return {
            "id": policy_id,
            "name": self.name,
            "type": "subscription",
            "actions": [self.action],
            **circumstances,
            "staged": False,
            "deleted": False,
            "systemGenerated": False,
            "template": False,
            **common,
            **self.extra,
        }


def _build_action(level: str, **options: object) -> Object:
    return {"type": "subscription", "subscriptionType": level, "automaticSubscription": True, **options}


def admit_anyone(**options: object) -> Object:
    """Let in everybody."""
    return _build_action("automatic", **options)


def admit_approved(**options: object) -> Object:
    """Let in whoever asks and is approved."""
    return _build_action("approval", **options)


def admit_selected(**options: object) -> Object:
    """Let in individual users whom an owner selects."""
    return _build_action("manual", **options)


def admit_entitled(operator: str, *conditions: Object, **options: object) -> Object:
    """Let in users with groups and attributes, in the structured form."""
    return _build_action("policy", exceptions={"operator": operator, "conditions": list(conditions)}, **options)


def admit_by_expression(expression: str, **options: object) -> Object:
    """Let in users who meet an expression."""
    return _build_action("advanced", advanced=expression, **options)


def require_group(name: str) -> Object:
    """Ask for a group, in the structured form."""
    return {"type": "groups", "group": {"name": name}}


def require_attribute(name: str, value: str) -> Object:
    """Ask for an attribute value, in the structured form."""
    return {"type": "authorizations", "authorization": {"auth": name, "value": value}}


def match_tag(name: str, operator: str = "or") -> Object:
    """Apply to data sources with the tag or a tag below it."""
    return {"operator": operator, "type": "tags", "tag": {"name": name, "hasLeafNodes": "." not in name}}


def match_column_tag(name: str, operator: str = "or") -> Object:
    """Apply to data sources with a column that has the tag or a tag below it."""
    return {"operator": operator, "type": "columnTags", "columnTag": {"name": name, "displayName": name}}


def match_column_name(regex: str, operator: str = "or") -> Object:
    """Apply to data sources with a column whose name is found by the expression, in any case."""
    payload = {"regex": regex, "caseInsensitive": True}
    return {"operator": operator, "type": "columnRegex", "columnRegex": payload}


def match_name(regex: str, operator: str = "or") -> Object:
    """Apply to data sources whose name is found by the expression, in this case."""
    payload = {"regex": regex, "caseInsensitive": False}
    return {"operator": operator, "type": "dataSourceNameRegex", "dataSourceNameRegex": payload}


def match_place(kind: str, name: str, operator: str = "or") -> Object:
    """Apply to data sources in a ``schema``, in a ``database`` or behind a ``connection``."""
    return {"operator": operator, "type": kind, kind: {"name": name}}


def match_domain(domain_id: str, operator: str = "or") -> Object:
    """Apply to data sources in a domain."""
    return {"operator": operator, "type": "domain", "domain": {"id": domain_id}}


def match_created(start: str | None, end: str | None, operator: str = "or") -> Object:
    """Apply to data sources registered from ``start`` to before ``end``; a side may be open."""
    bounds = {side: moment for side, moment in (("start", start), ("end", end)) if moment}
    return {"operator": operator, "type": "createdBetween", "createdBetween": bounds}


GUARDRAIL = {"accessType": "GUARDRAIL"}
GRANT = {"accessType": "GRANT"}
WRITE = {"accessGrant": "WRITE"}
