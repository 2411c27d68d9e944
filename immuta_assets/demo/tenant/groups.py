"""The groups of the demo and who is in them.

Groups follow the organisation (company, divisions, departments, teams, regions), roles, and data (groups named like a
tag or a database); a heavy tail has a handful of members each. Add a rule that gives many people a group in
``_list_standing_groups``, and a group with few members in ``_draw_tail_groups``.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.catalog import Database, Object
from immuta_assets.demo.tenant.draw import chance, draw_some, zipf_choices
from immuta_assets.demo.tenant.people import Attributes, Person

FIRST_ID = 1_001
"""First group id; the ones below belong to the planted stories."""
ODD_NAMES = ("O'Brien's reviewers", 'Projekt "Übersee"', "数据治理", "us.finance.payments", "C:\\shares\\legal")
"""Names that any reader of the export has to survive: quotes, dots, backslashes, other scripts."""


class CompanyGroup(NamedTuple):
    """A group with the profile ids of its members."""

    group_id: int
    iam: str
    name: str
    attributes: Attributes
    members: Sequence[int]


def form_groups(rng: random.Random, people: Sequence[Person], databases: Sequence[Database]) -> list[CompanyGroup]:
    """Form all groups; roles first, then in the order of their first member."""
    standing: dict[tuple[str, str], list[int]] = {("okta-prod", role): [] for role in words.ROLES}
    tags = zipf_choices(rng, words.list_domain_tags(), 0.6)
    for person in people:
        for key in _list_standing_groups(rng, person, tags, databases):
            standing.setdefault(key, []).append(person.profile_id)
    named = [*standing.items(), *_draw_tail_groups(rng, people)]
    return [
        CompanyGroup(FIRST_ID + index, iam, name, _list_attributes(name), members)
        for index, ((iam, name), members) in enumerate(named)
    ]


def _list_standing_groups(
    rng: random.Random, person: Person, tags: Iterator[str], databases: Sequence[Database]
) -> Iterator[tuple[str, str]]:
    seat = person.seat
    if person.kind == "employee":
        yield from (("okta-prod", name) for name in words.BIRTHRIGHT_GROUPS)
        yield ("okta-prod", f"Region {person.region}")
        yield ("okta-prod", f"Division {seat.division}")
    yield ("ldap-hq", f"Dept {seat.department}")
    if seat.department != "Executive Office":
        yield ("ldap-hq", f"Team {seat.team}")
    yield from (("entra-lumenbio" if seat.division == "Research" else "okta-prod", role) for role in person.roles)
    if seat.leads:
        yield ("okta-prod", "People Managers")
    if chance(rng, 0.25):
        yield from (("ldap-hq", tag) for tag in sorted({next(tags), next(tags)}))
    if chance(rng, 0.1):
        yield from (("ldap-hq", f"sg-{database.name}-readers") for database in draw_some(rng, databases, 1, 2))


def _draw_tail_groups(rng: random.Random, people: Sequence[Person]) -> Iterator[tuple[tuple[str, str], list[int]]]:
    profiles = [person.profile_id for person in people]
    for number in range(len(people) // 10):
        name = f"proj-{rng.choice(words.CODENAMES)}-{number + 1:03d}"
        yield ("ldap-hq", name), sorted(draw_some(rng, profiles, 1, 6))
    for name in ODD_NAMES:
        yield ("bim", name), sorted(draw_some(rng, profiles, 3, 12))
    yield ("bim", "Owners of nothing yet"), []


def _list_attributes(name: str) -> Attributes:
    """Return the attributes that members inherit."""
    kind, _, value = name.partition(" ")
    if kind in {"Region", "Division"}:
        return {kind: [value]}
    if name == "All Employees":
        return {"Workforce": ["Employee"]}
    return {"Role": [name]} if name in words.ROLES else {}


def write_groups(groups: Iterable[CompanyGroup]) -> Iterator[Object]:
    """Write groups as ``GET /bim/group`` hits."""
    for group in groups:
        yield {
            "id": group.group_id,
            "iamid": group.iam,
            "name": group.name,
            "gid": f"g-{group.group_id}" if group.iam != "bim" else None,
            "email": f"{group.name.lower().replace(' ', '-')}@{words.MAIL}" if group.name.startswith("Dept") else None,
            "description": f"Synchronised from {group.iam}." if group.iam != "bim" else None,
            "authorizations": group.attributes,
        }


def write_memberships(groups: Iterable[CompanyGroup]) -> Iterator[Object]:
    """Write memberships as ``GET /bim/group/{id}/user`` hits; one names a profile that does not exist."""
    for group in groups:
        yield from ({"group": group.group_id, "profile": {"id": profile_id}} for profile_id in group.members)
    yield {"group": FIRST_ID, "profile": {"id": 999_999_002}}
