"""The people of the demo: who works where, under whom, with which attributes.

An organisation of divisions, departments and teams with Zipf sizes; most people are employees with the same basic
bundle, some are contractors or service accounts; some have attributes nobody else has. Groups are in ``groups``.
"""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.catalog import Database, Object
from immuta_assets.demo.tenant.draw import (
    chance,
    draw_identifier,
    draw_moment,
    draw_some,
    format_moment,
    zipf_choices,
    zipf_sizes,
)

FIRST_ID = 1_001
"""First profile id; the ones below belong to the planted stories."""
IAMS: tuple[Object, ...] = (
    {"id": "bim", "displayname": "Immuta Accounts", "type": "bim"},
    {"id": "okta-prod", "displayname": "Okta", "type": "okta"},
    {"id": "ldap-hq", "displayname": "Corporate LDAP", "type": "ldap"},
    {"id": "entra-lumenbio", "displayname": "Entra ID (Lumen Bio)", "type": "saml"},
    {"id": "legacy-ad", "type": "activeDirectory"},
)
MEMBER_LEVEL = 3
"""Level of a seat in a team; above are leads of teams, heads of departments, and the head of the company."""
Attributes = dict[str, list[str]]


class Seat(NamedTuple):
    """A place in the organisation; ``boss`` is the index of the seat above."""

    division: str
    department: str
    team: str
    city: str
    level: int
    boss: int | None

    @property
    def leads(self) -> bool:
        """Whether other seats are below this one."""
        return self.level < MEMBER_LEVEL


class Person(NamedTuple):
    """A user of the tenant."""

    profile_id: int
    global_user_id: str
    iam: str
    userid: str
    name: str
    email: str | None
    kind: str
    seat: Seat
    title: str
    roles: tuple[str, ...]
    disabled: bool
    attributes: Attributes

    @property
    def region(self) -> str:
        """Region of the place of work."""
        return words.CITIES[self.seat.city]


def plan_seats(count: int) -> list[Seat]:
    """Plan the organisation: one head of the company, of every department, of every team."""
    found = [Seat("Executive Office", "Executive Office", "Executive Office", "Zürich", 0, None)]
    units = [(division, unit) for division, units in words.DIVISIONS.items() for unit in units]
    for (division, department), size in zip(units, zipf_sizes(count - 1, len(units), 0.8), strict=True):
        head = len(found)
        for number, team_size in enumerate(zipf_sizes(size, max(1, size // 12), 0.5)):
            lead = len(found)
            for index in range(lead, lead + team_size):
                level, boss = (1, 0) if index == head else (2, head) if index == lead else (MEMBER_LEVEL, lead)
                found.append(Seat(division, department, *_name_team(department, number), level, boss))
    return found


def _name_team(department: str, number: int) -> tuple[str, str]:
    round_, place = divmod(number, len(words.CITIES))
    city = tuple(words.CITIES)[place]
    return f"{department} {city}{f' {round_ + 1}' if round_ else ''}", city


def hire(rng: random.Random, count: int, databases: Sequence[Database]) -> list[Person]:
    """Fill a number of seats with people and service accounts, bosses before those they lead."""
    taken: Counter[str] = Counter()
    domain_tags = zipf_choices(rng, words.list_domain_tags(), 0.6)
    people: list[Person] = []
    for index, seat in enumerate(plan_seats(count)):
        person = _draw_person(rng, FIRST_ID + index, seat, taken)
        boss = people[seat.boss] if seat.boss is not None else None
        person.attributes.update(_draw_attributes(rng, person, boss, domain_tags, databases))
        people.append(person)
    return people


def _draw_person(rng: random.Random, profile_id: int, seat: Seat, taken: Counter[str]) -> Person:
    kind = "employee" if seat.leads else rng.choices(("employee", "contractor", "service"), (80, 16, 4))[0]
    name, local = _draw_service_name(rng, seat) if kind == "service" else _draw_name(rng)
    taken[local] += 1
    local = local if taken[local] == 1 else f"{local}{taken[local]}"
    iam, userid, email = _name_account(kind, seat, local, profile_id)
    return Person(
        profile_id=profile_id,
        global_user_id=draw_identifier(rng),
        iam=iam,
        userid=userid,
        name=name,
        email=email,
        kind=kind,
        seat=seat,
        title=_draw_title(rng, seat),
        roles=tuple(role for role, share in words.ROLES.items() if kind == "employee" and chance(rng, share)),
        disabled=seat.level > 0 and chance(rng, 0.04),
        attributes={},
    )


def _draw_name(rng: random.Random) -> tuple[str, str]:
    """Draw a display name and the ASCII spelling of it that accounts use."""
    if chance(rng, 0.05):
        return rng.choice(words.EAST_ASIAN_NAMES)
    first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
    plain = unicodedata.normalize("NFKD", f"{first}.{last}".translate(words.LATIN))
    return f"{first} {last}", plain.encode("ascii", "ignore").decode().lower()


def _draw_service_name(rng: random.Random, seat: Seat) -> tuple[str, str]:
    job = rng.choice(("airflow", "dbt", "fivetran", "tableau", "powerbi", "ml_scoring", "reverse_etl", "backup"))
    local = f"svc_{job}_{seat.department.split()[0].lower()}"
    return f"Service account {job} ({seat.department})", local


def _name_account(kind: str, seat: Seat, local: str, profile_id: int) -> tuple[str, str, str | None]:
    """Return identity manager, user id and e-mail."""
    mail = f"{local}@{words.MAIL}"
    if kind == "service":
        return "bim", local, None
    if kind == "contractor":
        return "ldap-hq", f"x{profile_id:06d}", mail
    if seat.division == "Research":
        return "entra-lumenbio", f"{local}@lumenbio.example", f"{local}@lumenbio.example"
    return "okta-prod", mail, mail


def _draw_title(rng: random.Random, seat: Seat) -> str:
    if not seat.leads:
        return rng.choice(words.TITLES)
    return ("Chief Executive Officer", f"Head of {seat.department}", f"Team Lead {seat.team}")[seat.level]


def _draw_attributes(
    rng: random.Random,
    person: Person,
    boss: Person | None,
    domain_tags: Iterator[str],
    databases: Sequence[Database],
) -> Attributes:
    found: Attributes = {
        "Department": [person.seat.department],
        "Title": [person.title],
        "Cost Center": [f"CC-{sum(map(ord, person.seat.team)) % 9_000 + 1_000}"],
        "Clearance": list(words.CLEARANCES[: rng.choices((1, 2, 3, 4), (6, 34, 45, 15))[0]]),
    }
    if person.kind == "employee":
        found["Employment Status"] = ["Offboarding" if chance(rng, 0.02) else "Active"]
        found["Training"] = [course for course in words.TRAININGS if chance(rng, 0.7 if "Privacy" in course else 0.2)]
    else:
        found["Region"] = [person.region]
    if boss is not None:
        found["Manager"] = [boss.userid]
    return {**found, **_draw_data_access(rng, domain_tags, databases), **_draw_one_offs(rng)}


def _draw_data_access(rng: random.Random, domain_tags: Iterator[str], databases: Sequence[Database]) -> Attributes:
    """Attributes that name data: tags, hosts, databases and schemas, some of them with a wildcard."""
    found: Attributes = {}
    if chance(rng, 0.35):
        found["Data Domain"] = sorted({next(domain_tags) for _ in range(rng.randint(1, 3))})
    if chance(rng, 0.03):
        found["Data Domain"] = [f"Domain.{rng.choice(tuple(words.DOMAINS))}.*"]
    if chance(rng, 0.08):
        found["Data Access"] = sorted(map(_format_reach, draw_some(rng, databases, 1, 2)))
    if chance(rng, 0.06):
        found["Schema Access"] = [f"{database.name}.{'*'}" for database in draw_some(rng, databases, 1, 2)]
    if chance(rng, 0.12):
        found["Approved Data Classes"] = draw_some(
            rng, ("PII.*", "PII.Email", "PII.Phone", "Financial.*", "Health.Note"), 1, 2
        )
    if chance(rng, 0.1):
        found["Scope"] = [rng.choice(("us.finance.*", "us.*", "eu.finance.payments", "eu.*", "apac.sales.orders"))]
    return found


def _format_reach(database: Database) -> str:
    """Return the path of a database; an analytics database stands for its whole host."""
    host = database.platform.hostname
    return f"{host}.*" if database.name.upper().endswith("_ANALYTICS") else f"{host}.{database.name}"


def _draw_one_offs(rng: random.Random) -> Attributes:
    if not chance(rng, 0.06):
        return {}
    return {f"Exception {rng.choice(words.CODENAMES).title()}": [f"EXC-{rng.randint(10_001, 10_020)}"]}


def write_users(
    rng: random.Random, people: Sequence[Person], products: Mapping[int, list[str]], at: datetime
) -> Iterator[Object]:
    """Write people as ``GET /bim/user`` hits; ``products`` maps profile ids to the tags of products they may use."""
    yield _write_system_account(at)
    for person in people:
        created = draw_moment(rng, at, 3, 6 * 365)
        marketplace = {"Immuta Marketplace": products[person.profile_id]} if person.profile_id in products else {}
        yield {
            "id": person.profile_id + 50_000,
            "iamid": person.iam,
            "userid": person.userid,
            "globalUserId": person.global_user_id,
            "profile": _write_profile(rng, person),
            "permissions": _draw_permissions(rng, person),
            "authorizations": {**person.attributes, **marketplace},
            "disabled": person.disabled,
            "systemGenerated": False,
            "lastLogin": format_moment(draw_moment(rng, at, 0, 60)) if chance(rng, 0.85) else None,
            "createdAt": format_moment(created),
            "updatedAt": format_moment(created + (at - created) * rng.random()),
        }


def _write_profile(rng: random.Random, person: Person) -> Object:
    login = person.email or person.userid
    external = {
        "snowflakeUser": login.upper() if chance(rng, 0.88) else None,
        "databricksUser": login if chance(rng, 0.75) else None,
        "trinoUser": login.split("@")[0] if chance(rng, 0.1) else None,
    }
    return {
        "id": person.profile_id,
        "name": person.name,
        "email": person.email,
        "organization": person.seat.department,
        "position": person.title,
        "externalUserIds": {platform: user for platform, user in external.items() if user},
    }


def _draw_permissions(rng: random.Random, person: Person) -> list[str]:
    if person.seat.department == "Data & Analytics" and person.seat.leads:
        return ["GOVERNANCE", "USER_ADMIN", "AUDIT"]
    if person.kind == "service":
        return ["CREATE_DATA_SOURCE"]
    return draw_some(rng, ("CREATE_DATA_SOURCE", "CREATE_PROJECT", "AUDIT"), 1, 2) if chance(rng, 0.15) else []


def _write_system_account(at: datetime) -> Object:
    return {
        "id": 1,
        "iamid": "bim",
        "userid": "immuta_system_account",
        "globalUserId": "00000000-0000-4000-8000-000000000001",
        "profile": {"id": 1, "name": "Immuta System Account"},
        "permissions": [],
        "authorizations": {},
        "systemGenerated": True,
        "disabled": False,
        "createdAt": format_moment(at.replace(year=at.year - 6, day=1)),
    }
