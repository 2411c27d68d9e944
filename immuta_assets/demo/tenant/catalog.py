"""What the demo's data catalogue holds: databases, data sources with their tags, domains.

Databases are planned first and without chance (``plan_databases``), because people, policies and tables all speak of
them. Then tables are drawn into them (``draw_tables``) and written as API objects (``write_data_sources``,
``write_domains``). Columns are written by ``columns``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.draw import chance, draw_identifier, draw_moment, draw_some, format_moment, zipf_sizes

Object = dict[str, object]

SLOTS = len(words.TABLE_FORMS) * sum(len(words.list_subjects("Finance", sub)) for sub in words.DOMAINS["Finance"])
"""Different tables that one database can hold."""
SENSITIVITIES = ("Low", "Medium", "High", "Critical")
ACCESS_MODELS = ("Open", "Self Service", "On Request", "By Invitation")
ODD_TAGS = ("O'Brien review", 'Quality."Gold" standard', "Região.São Paulo", "分类.机密")
"""Names that any reader of the export has to survive: quotes, dots, other scripts."""
FIRST_ID = 1_001
"""First data source id; the ones below belong to the planted stories."""


class Database(NamedTuple):
    """A database of one domain on one platform."""

    name: str
    domain: str
    platform: words.DemoConnection


class Table(NamedTuple):
    """A table or view that is registered as a data source."""

    data_source_id: int
    database: Database
    subdomain: str
    subject: str
    form: str
    personal: bool
    sensitivity: str
    access_model: str | None
    deleted: bool
    created_at: datetime

    @property
    def lower(self) -> bool:
        """Whether the platform writes names in lower case."""
        return self.database.platform.technology != "Snowflake"

    @property
    def schema(self) -> str:
        """Schema on the platform."""
        return _set_case(self.subdomain, lower=self.lower)

    @property
    def name(self) -> str:
        """Table name on the platform."""
        return _set_case(self.form.format(self.subject), lower=self.lower)

    @property
    def domain_tag(self) -> str:
        """Tag of the subdomain."""
        return f"Domain.{self.database.domain}.{self.subdomain}"


def _set_case(text: str, *, lower: bool) -> str:
    text = text.replace(" ", "_")
    return text.lower() if lower else text.upper()


def _size_domains(tables: int) -> dict[str, int]:
    return dict(zip(words.DOMAINS, zipf_sizes(tables, len(words.DOMAINS), 0.7), strict=True))


def plan_databases(tables: int) -> list[Database]:
    """Plan the databases that a number of tables needs: at least two for every domain."""
    names = [
        (domain, variant)
        for domain, size in _size_domains(tables).items()
        for variant in words.DATABASE_VARIANTS[: max(2, math.ceil(size / (0.77 * SLOTS)))]
    ]
    return [_plan_database(index, domain, variant) for index, (domain, variant) in enumerate(names)]


def _plan_database(index: int, domain: str, variant: str) -> Database:
    platform = words.PLATFORMS[index % len(words.PLATFORMS)]
    return Database(_set_case(f"{domain} {variant}", lower=platform.technology != "Snowflake"), domain, platform)


def draw_tables(rng: random.Random, count: int, at: datetime) -> list[Table]:
    """Draw the tables, each different from all others; the largest domains come first in Zipf's order."""
    homes: dict[str, list[Database]] = {domain: [] for domain in words.DOMAINS}
    for database in plan_databases(count):
        homes[database.domain].append(database)
    places = [
        (homes[domain][slot // SLOTS], slot % SLOTS)
        for domain, size in _size_domains(count).items()
        for slot in sorted(rng.sample(range(SLOTS * len(homes[domain])), size))
    ]
    return [_draw_table(rng, FIRST_ID + index, place, at) for index, place in enumerate(places)]


def _draw_table(rng: random.Random, data_source_id: int, place: tuple[Database, int], at: datetime) -> Table:
    database, slot = place
    subjects = [
        (subdomain, subject, personal)
        for subdomain in words.DOMAINS[database.domain]
        for subject, personal in words.list_subjects(database.domain, subdomain)
    ]
    subdomain, subject, personal = subjects[slot % len(subjects)]
    sensitivity = _draw_sensitivity(rng, personal=personal)
    return Table(
        data_source_id=data_source_id,
        database=database,
        subdomain=subdomain,
        subject=subject,
        form=tuple(words.TABLE_FORMS)[slot // len(subjects)],
        personal=personal,
        sensitivity=sensitivity,
        access_model=_draw_access_model(rng, sensitivity),
        deleted=chance(rng, 0.03),
        created_at=draw_moment(rng, at, 2, 5 * 365),
    )


def _draw_sensitivity(rng: random.Random, *, personal: bool) -> str:
    weights = (5, 40, 40, 15) if personal else (50, 38, 10, 2)
    return rng.choices(SENSITIVITIES, weights)[0]


def _draw_access_model(rng: random.Random, sensitivity: str) -> str | None:
    """Draw at most one model per table: two policies that leave the choice to people would conflict."""
    if sensitivity in {"Low", "Medium"}:
        return rng.choices((*ACCESS_MODELS, None), (29, 6, 12, 0, 53))[0]
    return rng.choices((*ACCESS_MODELS, None), (0, 0, 20, 10, 70))[0]


def _write_tag(name: str, source: str, context: str, **more: str) -> Object:
    return {"name": name, "source": source, "context": context, **more}


def _draw_tags(rng: random.Random, table: Table, products: Iterable[str]) -> Iterator[Object]:
    added = format_moment(table.created_at)
    yield _write_tag(table.domain_tag, "collibra", "catalog", addedOn=added, description=f"Owned by {table.subdomain}.")
    yield _write_tag(f"Sensitivity.{table.sensitivity}", "curated", "manual", addedOn=added)
    yield _write_tag(f"Layer.{words.TABLE_FORMS[table.form]}", "curated", "manual")
    if table.access_model:
        yield _write_tag(f"Access Model.{table.access_model}", "curated", "manual", addedOn=added)
    if "-eu" in table.database.platform.hostname:
        yield _write_tag("Residency.EU", "collibra", "catalog")
    if table.database.platform.technology == "Databricks" and chance(rng, 0.3):
        yield _write_tag("certified", "databricksUnityCatalog", "catalog", addedOn=added)
    if table.personal and chance(rng, 0.6):
        yield _write_tag("Discovered.Entity.Person", "curated", "sdd", addedOn=added)
    if chance(rng, 0.02):
        yield _write_tag("New", "curated", "schemaEvolution", addedOn=added)
    if chance(rng, 0.01):
        yield _write_tag(rng.choice(ODD_TAGS), "curated", "manual")
    yield from (_write_tag(product, "marketplace", "marketplace", addedOn=added) for product in products)


def write_data_sources(
    rng: random.Random,
    tables: Sequence[Table],
    *,
    products: Mapping[int, Sequence[str]],
    domain_ids: Mapping[str, str],
    when_selected: Sequence[int],
    creators: Sequence[int],
) -> Iterator[Object]:
    """Write tables as ``GET /dataSource/{id}`` objects.

    ``products`` maps data source ids to the tags of the data products they are in; ``when_selected`` are ids of
    policies that data owners apply by hand.
    """
    for table in tables:
        selected = [{"id": rng.choice(when_selected)}] if chance(rng, 0.03) else []
        yield {
            **_write_location(table),
            "description": f"{table.subject.replace('_', ' ').capitalize()} records of {table.subdomain}."
            if chance(rng, 0.8)
            else None,
            "deleted": table.deleted,
            "createdAt": format_moment(table.created_at),
            "createdBy": rng.choice(creators),
            "status": rng.choices(("passed", "failed", "unknown", "skipped"), (90, 4, 4, 2))[0],
            "tags": list(_draw_tags(rng, table, products.get(table.data_source_id, ()))),
            "globalPolicies": selected,
            "domainId": domain_ids[table.database.domain] if chance(rng, 0.9) else None,
        }


def _write_location(table: Table) -> Object:
    return {
        "id": table.data_source_id,
        "name": f"{table.database.name}.{table.schema}.{table.name}",
        "blobHandlerType": table.database.platform.technology,
        "connectionString": table.database.platform.connection,
        "hostname": table.database.platform.hostname,
        "database": table.database.name,
        "remoteSchema": table.schema,
        "remoteTable": table.name,
        "dataSourceType": "VIEW" if table.form.startswith("V_") else "TABLE",
    }


def draw_domain_ids(rng: random.Random) -> dict[str, str]:
    """Draw the id of every domain, by name."""
    return {domain: draw_identifier(rng) for domain in words.DOMAINS}


def write_domains(
    rng: random.Random, ids: Mapping[str, str], tables: Sequence[Table], governors: Sequence[int], stewards: int
) -> Iterator[Object]:
    """Write domains as ``GET /domain/{id}`` objects; ``governors`` are profiles, ``stewards`` is a group.

    One domain also lists a data source that does not exist.
    """
    listed: dict[str, list[Object]] = {domain: [] for domain in ids}
    for table in tables:
        listed[table.database.domain].append({"dataSourceId": table.data_source_id})
    listed["Legal"].append({"dataSourceId": 999_999_001})
    for domain, domain_id in ids.items():
        yield {
            "id": domain_id,
            "type": "domain",
            "name": domain,
            "description": f"Data products and tables of {domain}.",
            "createdBy": rng.choice(governors),
            "dataSources": listed[domain],
            "permissions": list(_write_permissions(rng, governors, stewards)),
        }


def _write_permissions(rng: random.Random, governors: Sequence[int], stewards: int) -> Iterator[Object]:
    for profile_id in draw_some(rng, governors, 2, 4):
        yield {"profileId": profile_id, "permission": "Manage Policies"}
    yield {"profileId": rng.choice(governors), "permission": "Manage Data Products"}
    yield {"profileId": rng.choice(governors), "permission": "Audit Activity"}
    yield {"groupId": stewards, "permission": "Manage Identifiers"}
