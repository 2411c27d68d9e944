"""The demo tenant: a made-up company's whole tenant dump, generated, the same for the same preset, seed and moment.

This module puts the parts together; each part is a module of its own, drawing from ``words``. Situations with known
answers are in ``stories``. Sizes belong here, in ``PRESETS``.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from immuta_assets.demo.tenant import (
    catalog,
    columns,
    groups,
    people,
    policies,
    requests,
    sharing,
    stories,
    tags,
    words,
)
from immuta_assets.demo.tenant.catalog import Database, Object, Table
from immuta_assets.demo.tenant.draw import generator, iso
from immuta_assets.demo.tenant.groups import Group
from immuta_assets.demo.tenant.people import Person
from immuta_assets.demo.tenant.policy_forms import Setting
from immuta_assets.demo.tenant.requests import Product, Request
from immuta_assets.tenant import dump

logger = logging.getLogger(__name__)


class Preset(NamedTuple):
    """How large a demo is; what the planted stories need comes on top."""

    users: int
    data_sources: int
    policies: int


PRESETS: dict[str, Preset] = {
    "small": Preset(200, 300, 40),
    "laptop": Preset(2_000, 5_000, 200),
    "enterprise": Preset(10_000, 20_000, 200),
    "wide": Preset(5_000, 50_000, 100),
}
"""Sizes by name."""
SMALL_GROUP = 100
"""Groups below this number of members are given access by hand."""


class Company(NamedTuple):
    """Everything that is drawn before the first line is written, because several collections speak of it."""

    at: datetime
    databases: Sequence[Database]
    tables: Sequence[Table]
    domain_ids: Mapping[str, str]
    people: Sequence[Person]
    groups: Sequence[Group]
    products: Sequence[Product]
    requests: Sequence[Request]

    @property
    def stewards(self) -> list[Person]:
        """People with the role of a data steward, and heads of departments: they own and decide."""
        return [person for person in self.people if "Data Stewards" in person.roles or person.seat.level == 1]

    def group_id(self, name: str) -> int:
        """Return the id of the first group with a name."""
        return next(group.group_id for group in self.groups if group.name == name)

    @property
    def profiles(self) -> list[int]:
        """Profile ids of all people."""
        return [person.profile_id for person in self.people]


def write_demo(folder: Path, *, preset: str = "small", seed: int = 0, at: datetime) -> dict[str, int]:
    """Write the demo tenant into a folder and return the number of lines of every collection.

    ``at``, with a time zone, becomes the moment of the dump (to the millisecond); all other dates derive from it.
    Raises ``ValueError`` for an unknown preset or a moment without a zone.
    """
    if preset not in PRESETS:
        message = f"preset {preset!r} does not exist; use one of {', '.join(PRESETS)}"
        raise ValueError(message)
    if at.tzinfo is None:
        message = f"the demo needs a moment with a time zone, not {at.isoformat()}"
        raise ValueError(message)
    at = at.replace(microsecond=at.microsecond // 1_000 * 1_000)
    company = _found(PRESETS[preset], seed, at)
    planted = stories.objects(at)
    lines: dict[str, int] = {}
    for collection, objects in _collections(company, PRESETS[preset], seed).items():
        lines[collection] = dump.write(folder, collection, chain(planted.get(collection, ()), objects))
        logger.info("wrote %s %s", f"{lines[collection]:,}", collection.replace("_", " "))
    return lines


def _found(size: Preset, seed: int, at: datetime) -> Company:
    databases = catalog.databases(size.data_sources)
    tables = catalog.draw_tables(generator(seed, "tables"), size.data_sources, at)
    staff = people.hire(generator(seed, "people"), size.users, databases)
    products = requests.draw_products(generator(seed, "products"), tables)
    return Company(
        at=at,
        databases=databases,
        tables=tables,
        domain_ids=catalog.domain_ids(generator(seed, "domain ids")),
        people=staff,
        groups=groups.form(generator(seed, "groups"), staff, databases),
        products=products,
        requests=requests.draw_requests(generator(seed, "requests"), staff, products, tables, at),
    )


def _collections(company: Company, size: Preset, seed: int) -> dict[str, Iterable[Object]]:
    """Return the objects of every collection, most of them made while they are written."""

    def draw(part: str) -> random.Random:
        return generator(seed, f"write {part}")

    owner = company.stewards[0]
    setting = Setting(company.databases, company.domain_ids, owner, company.at)
    rules, when_selected = policies.policies(draw("policies"), size.policies, setting, company.stewards)
    return {
        "tenant": [{"tenantId": "alderbrook", "url": words.URL, "dumpedAt": iso(company.at)}],
        **_identities(company, draw("identities")),
        **_catalogue(company, draw("catalogue"), when_selected),
        **_sharing(company, draw("sharing")),
        **_request_app(company, draw("request app")),
        "policies": rules,
    }


def _identities(company: Company, rng: random.Random) -> dict[str, Iterable[Object]]:
    approved = requests.tags_by_user(company.requests)
    return {
        "iams": people.IAMS,
        "users": people.users(rng, company.people, approved, company.at),
        "groups": groups.objects(company.groups),
        "group_members": groups.memberships(company.groups),
    }


def _catalogue(company: Company, rng: random.Random, when_selected: Sequence[int]) -> dict[str, Iterable[Object]]:
    products = requests.tags_by_data_source(company.products)
    governors = [person.profile_id for person in company.stewards]
    sources = catalog.data_sources(
        rng,
        company.tables,
        products=products,
        domain_ids=company.domain_ids,
        when_selected=when_selected,
        creators=governors,
    )
    stewards = company.group_id("Data Stewards")
    return {
        "data_sources": sources,
        "columns": columns.dictionaries(rng, company.tables),
        "tags": tags.objects(rng, [product.tag for product in company.products]),
        "domains": catalog.domains(rng, company.domain_ids, company.tables, governors, stewards),
    }


def _sharing(company: Company, rng: random.Random) -> dict[str, Iterable[Object]]:
    owners = [person.profile_id for person in company.stewards]
    small = [group.group_id for group in company.groups if len(group.members) < SMALL_GROUP]
    members = sharing.data_source_members(
        rng, company.tables, owners=owners, people=company.profiles, groups=small, at=company.at
    )
    return {
        "data_source_members": members,
        "projects": sharing.projects(rng, company.tables, company.profiles, small, company.at),
        "purposes": sharing.purposes(owners),
    }


def _request_app(company: Company, rng: random.Random) -> dict[str, Iterable[Object]]:
    stewards = company.group_id("Data Stewards")
    return {
        "data_products": requests.data_products(rng, company.products, company.domain_ids, company.stewards),
        "access_requests": requests.access_requests(rng, company.requests),
        "approval_records": requests.approval_records(rng, company.requests, company.stewards, stewards),
        "access_agreements": requests.access_agreements(rng, company.requests),
    }
