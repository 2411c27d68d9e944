"""Building blocks of policies: the shapes of actions and circumstances as the API returns them.

What a single rule looks like belongs here; which rules the demo has belongs to ``company_policies`` and
``unit_policies``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from immuta_assets.demo.tenant.catalog import Database, Object
from immuta_assets.demo.tenant.draw import iso
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

    def days_ago(self, days: float) -> str:
        """Return a moment before the dump, as the API writes it."""
        return iso(self.at - timedelta(days=days))


class Draft(NamedTuple):
    """A policy before it gets its id: what it is called, its rule, where it applies, and keys that differ."""

    name: str
    action: Object
    where: Where
    extra: Object = {}  # noqa: RUF012 - never changed

    def written(self, policy_id: int, **common: object) -> Object:
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


def _action(level: str, **options: object) -> Object:
    return {"type": "subscription", "subscriptionType": level, "automaticSubscription": True, **options}


def anyone(**options: object) -> Object:
    """Let in everybody."""
    return _action("automatic", **options)


def approved(**options: object) -> Object:
    """Let in whoever asks and is approved."""
    return _action("approval", **options)


def selected(**options: object) -> Object:
    """Let in individual users whom an owner selects."""
    return _action("manual", **options)


def entitled(operator: str, *conditions: Object, **options: object) -> Object:
    """Let in users with groups and attributes, in the structured form."""
    return _action("policy", exceptions={"operator": operator, "conditions": list(conditions)}, **options)


def advanced(expression: str, **options: object) -> Object:
    """Let in users who meet an expression."""
    return _action("advanced", advanced=expression, **options)


def group(name: str) -> Object:
    """Ask for a group, in the structured form."""
    return {"type": "groups", "group": {"name": name}}


def attribute(name: str, value: str) -> Object:
    """Ask for an attribute value, in the structured form."""
    return {"type": "authorizations", "authorization": {"auth": name, "value": value}}


def tagged(name: str, operator: str = "or") -> Object:
    """Apply to data sources with the tag or a tag below it."""
    return {"operator": operator, "type": "tags", "tag": {"name": name, "hasLeafNodes": "." not in name}}


def columns_tagged(name: str, operator: str = "or") -> Object:
    """Apply to data sources with a column that has the tag or a tag below it."""
    return {"operator": operator, "type": "columnTags", "columnTag": {"name": name, "displayName": name}}


def columns_named(regex: str, operator: str = "or") -> Object:
    """Apply to data sources with a column whose name is found by the expression, in any case."""
    payload = {"regex": regex, "caseInsensitive": True}
    return {"operator": operator, "type": "columnRegex", "columnRegex": payload}


def named(regex: str, operator: str = "or") -> Object:
    """Apply to data sources whose name is found by the expression, in this case."""
    payload = {"regex": regex, "caseInsensitive": False}
    return {"operator": operator, "type": "dataSourceNameRegex", "dataSourceNameRegex": payload}


def located(kind: str, name: str, operator: str = "or") -> Object:
    """Apply to data sources in a ``schema``, in a ``database`` or behind a ``connection``."""
    return {"operator": operator, "type": kind, kind: {"name": name}}


def in_domain(domain_id: str, operator: str = "or") -> Object:
    """Apply to data sources in a domain."""
    return {"operator": operator, "type": "domain", "domain": {"id": domain_id}}


def created(start: str | None, end: str | None, operator: str = "or") -> Object:
    """Apply to data sources registered from ``start`` to before ``end``; a side may be open."""
    bounds = {side: moment for side, moment in (("start", start), ("end", end)) if moment}
    return {"operator": operator, "type": "createdBetween", "createdBetween": bounds}


GUARDRAIL = {"accessType": "GUARDRAIL"}
GRANT = {"accessType": "GRANT"}
WRITE = {"accessGrant": "WRITE"}
