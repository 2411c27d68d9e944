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
from immuta_assets.demo.tenant.draw import format_moment, make_generator
from immuta_assets.demo.tenant.groups import CompanyGroup
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
    groups: Sequence[CompanyGroup]
    products: Sequence[Product]
    requests: Sequence[Request]

    @property
    def stewards(self) -> list[Person]:
        """People with the role of a data steward, and heads of departments: they own and decide."""
        return [person for person in self.people if "Data Stewards" in person.roles or person.seat.level == 1]

    def find_group_id(self, name: str) -> int:
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
    company = _draw_company(PRESETS[preset], seed, at)
    planted = stories.write_objects(at)
    lines: dict[str, int] = {}
    for collection, objects in _write_collections(company, PRESETS[preset], seed).items():
        lines[collection] = dump.write(folder, collection, chain(planted.get(collection, ()), objects))
        logger.info("wrote %s %s", f"{lines[collection]:,}", collection.replace("_", " "))
    return lines


def _draw_company(size: Preset, seed: int, at: datetime) -> Company:
    databases = catalog.plan_databases(size.data_sources)
    tables = catalog.draw_tables(make_generator(seed, "tables"), size.data_sources, at)
    staff = people.hire(make_generator(seed, "people"), size.users, databases)
    products = requests.draw_products(make_generator(seed, "products"), tables)
    return Company(
        at=at,
        databases=databases,
        tables=tables,
        domain_ids=catalog.draw_domain_ids(make_generator(seed, "domain ids")),
        people=staff,
        groups=groups.form_groups(make_generator(seed, "groups"), staff, databases),
        products=products,
        requests=requests.draw_requests(make_generator(seed, "requests"), staff, products, tables, at),
    )


def _write_collections(company: Company, size: Preset, seed: int) -> dict[str, Iterable[Object]]:
    """Return the objects of every collection, most of them made while they are written."""

    def draw(part: str) -> random.Random:
        return make_generator(seed, f"write {part}")

    owner = company.stewards[0]
    setting = Setting(company.databases, company.domain_ids, owner, company.at)
    rules, when_selected = policies.write_policies(draw("policies"), size.policies, setting, company.stewards)
    return {
        "tenant": [{"tenantId": "alderbrook", "url": words.URL, "dumpedAt": format_moment(company.at)}],
        **_write_identities(company, draw("identities")),
        **_write_catalogue(company, draw("catalogue"), when_selected),
        **_write_sharing(company, draw("sharing")),
        **_write_request_app(company, draw("request app")),
        "policies": rules,
    }


def _write_identities(company: Company, rng: random.Random) -> dict[str, Iterable[Object]]:
    approved = requests.collect_tags_by_user(company.requests)
    return {
        "iams": people.IAMS,
        "users": people.write_users(rng, company.people, approved, company.at),
        "groups": groups.write_groups(company.groups),
        "group_members": groups.write_memberships(company.groups),
    }


def _write_catalogue(company: Company, rng: random.Random, when_selected: Sequence[int]) -> dict[str, Iterable[Object]]:
    products = requests.collect_tags_by_data_source(company.products)
    governors = [person.profile_id for person in company.stewards]
    sources = catalog.write_data_sources(
        rng,
        company.tables,
        products=products,
        domain_ids=company.domain_ids,
        when_selected=when_selected,
        creators=governors,
    )
    stewards = company.find_group_id("Data Stewards")
    return {
        "data_sources": sources,
        "columns": columns.write_dictionaries(rng, company.tables),
        "tags": tags.write_tags(rng, [product.tag for product in company.products]),
        "domains": catalog.write_domains(rng, company.domain_ids, company.tables, governors, stewards),
    }


def _write_sharing(company: Company, rng: random.Random) -> dict[str, Iterable[Object]]:
    owners = [person.profile_id for person in company.stewards]
    small = [group.group_id for group in company.groups if len(group.members) < SMALL_GROUP]
    members = sharing.write_data_source_members(
        rng, company.tables, owners=owners, people=company.profiles, groups=small, at=company.at
    )
    return {
        "data_source_members": members,
        "projects": sharing.write_projects(rng, company.tables, company.profiles, small, company.at),
        "purposes": sharing.write_purposes(owners),
    }


def _write_request_app(company: Company, rng: random.Random) -> dict[str, Iterable[Object]]:
    stewards = company.find_group_id("Data Stewards")
    return {
        "data_products": requests.write_data_products(rng, company.products, company.domain_ids, company.stewards),
        "access_requests": requests.write_access_requests(rng, company.requests),
        "approval_records": requests.write_approval_records(rng, company.requests, company.stewards, stewards),
        "access_agreements": requests.write_access_agreements(rng, company.requests),
    }
