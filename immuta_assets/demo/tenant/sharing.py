"""Access that people of the demo give each other: members of data sources, projects, purposes.

Entries that a policy made are only a sample here (``policy`` true); most access by policy follows from the policies.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.catalog import Object, Table
from immuta_assets.demo.tenant.draw import chance, draw_moment, format_moment, zipf_choices

UNKNOWN_DATA_SOURCE = 999_999_003
UNKNOWN_PROFILE = 999_999_004


def write_data_source_members(
    rng: random.Random,
    tables: Sequence[Table],
    *,
    owners: Sequence[int],
    people: Sequence[int],
    groups: Sequence[int],
    at: datetime,
) -> Iterator[Object]:
    """Write entries of ``GET /dataSource/{id}/access``: every data source has an owner, few have many members."""
    crowd = zipf_choices(rng, (0, 1, 2, 3, 5, 9), 1.1)
    for table in tables:
        yield from _write_owners(rng, table, owners, groups)
        if chance(rng, 0.3):
            yield _write_entry(rng, table, {"profile": rng.choice(people)}, "expert", at)
        if chance(rng, 0.06):
            yield _write_entry(rng, table, {"group": rng.choice(groups)}, "subscribed", at)
        for profile_id in rng.sample(people, next(crowd)):
            yield _write_entry(rng, table, {"profile": profile_id}, _draw_state(rng), at)
    yield {"dataSource": UNKNOWN_DATA_SOURCE, "profile": people[0], "state": "subscribed"}
    yield {"dataSource": tables[0].data_source_id, "profile": UNKNOWN_PROFILE, "state": "subscribed"}


def _write_owners(rng: random.Random, table: Table, owners: Sequence[int], groups: Sequence[int]) -> Iterator[Object]:
    own = {"dataSource": table.data_source_id, "state": "owner", "createdAt": format_moment(table.created_at)}
    yield own | {"profile": rng.choice(owners), "policy": False, "approved": True}
    if chance(rng, 0.05):
        yield own | {"group": rng.choice(groups), "policy": False, "approved": True}


def _draw_state(rng: random.Random) -> str:
    return rng.choices(("subscribed", "pending", "ingest"), (90, 8, 2))[0]


def _write_entry(rng: random.Random, table: Table, member: Object, state: str, at: datetime) -> Object:
    joined = table.created_at + (at - table.created_at) * rng.random()
    entry: Object = {
        "dataSource": table.data_source_id,
        **member,
        "state": state,
        "policy": state == "subscribed" and chance(rng, 0.3),
        "approved": state != "pending" and chance(rng, 0.98),
        "createdAt": format_moment(joined),
    }
    if chance(rng, 0.15):
        entry["expiration"] = format_moment(at + timedelta(days=rng.randint(-60, 180), hours=1))
    if chance(rng, 0.1):
        entry["accessGrant"] = rng.choice(("READ", "WRITE", "WRITE"))
    return entry


_PURPOSES = (
    ("Fraud Prevention", "I use the data only to prevent fraud."),
    ("Marketing Analytics", "I respect the consent of our customers."),
    ("Marketing Analytics.Churn", None),
    ("Clinical Research", "I follow good clinical practice."),
    ("Regulatory Reporting", "I report to the regulator only."),
    ("Re-identification Prohibited", "I do not try to find out who somebody is."),
)


def write_purposes(governors: Sequence[int]) -> Iterator[Object]:
    """Write ``GET /governance/purpose`` items; the last one is deleted."""
    for purpose_id, (name, acknowledgement) in enumerate(_PURPOSES, 1):
        yield {
            "id": purpose_id,
            "name": name,
            "acknowledgement": acknowledgement,
            "description": f"Data may be used for: {name}.",
            "addedByProfile": governors[purpose_id % len(governors)],
            "deleted": purpose_id == len(_PURPOSES),
        }


def write_projects(
    rng: random.Random, tables: Sequence[Table], people: Sequence[int], groups: Sequence[int], at: datetime
) -> Iterator[Object]:
    """Write ``GET /project/{id}`` objects with members and data sources."""
    for project_id in range(1, max(8, len(people) // 50) + 1):
        leader, *members = rng.sample(people, rng.randint(4, 12))
        created = draw_moment(rng, at, 10, 900)
        yield {
            "id": project_id,
            "name": f"{rng.choice(words.CODENAMES).title()} {rng.choice(tuple(words.DOMAINS))} {project_id}",
            "projectKey": f"project {project_id}",
            "status": rng.choice(("active", "active", "archived")),
            "description": None,
            "deleted": chance(rng, 0.1),
            "createdBy": leader,
            "createdAt": format_moment(created),
            "subscriptionType": rng.choice(("approval", "manual", "policy")),
            "purposes": [{"id": number, "name": _PURPOSES[number - 1][0]} for number in rng.sample(range(1, 6), 2)],
            "members": list(_write_project_members(rng, leader, members, groups, created)),
            "dataSources": [
                {
                    "dataSourceId": table.data_source_id,
                    "addedBy": leader,
                    "addedOn": format_moment(created),
                    "comment": None,
                }
                for table in rng.sample(tables, rng.randint(2, 8))
            ],
        }


def _write_project_members(
    rng: random.Random, leader: int, members: Sequence[int], groups: Sequence[int], created: datetime
) -> Iterator[Object]:
    joined = {"createdAt": format_moment(created), "subscriptionType": "manual"}
    yield {"profile": leader, "state": "owner", **joined}
    yield from ({"profile": member, "state": "subscribed", **joined} for member in members)
    if chance(rng, 0.4):
        yield {"group": rng.choice(groups), "state": "subscribed", **joined}
