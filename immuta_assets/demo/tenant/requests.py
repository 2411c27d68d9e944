"""The demo's Request app: data products, requests for access, approvals, agreements.

An approved request that has not expired gives its user an attribute (``collect_tags_by_user``), and each data source of
a product a tag (``collect_tags_by_data_source``). The policy of ``write_marketplace_policy`` brings both together.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from immuta_assets.demo.tenant import words
from immuta_assets.demo.tenant.catalog import Object, Table
from immuta_assets.demo.tenant.draw import chance, draw_identifier, draw_moment, draw_some, format_moment, zipf_choices
from immuta_assets.demo.tenant.people import Person
from immuta_assets.demo.tenant.policies import MARKETPLACE_TAG

STATUSES = ("APPROVED", "PENDING", "DENIED", "REVOKED", "CANCELED", "EXPIRED")
UNKNOWN_USER = "00000000-0000-4000-8000-999999999005"
UNKNOWN_REQUEST = "00000000-0000-4000-8000-999999999006"


class Product(NamedTuple):
    """A data product: tables of one domain."""

    product_id: str
    domain: str
    subdomain: str
    tables: Sequence[Table]

    @property
    def tag(self) -> str:
        """Tag on the product's data sources, and attribute value of users with access."""
        return f"{MARKETPLACE_TAG}.{self.product_id}"

    @property
    def name(self) -> str:
        """Name in the Request app."""
        return f"{self.domain}: {self.subdomain}"


class Request(NamedTuple):
    """A request for access."""

    request_id: str
    user: Person
    requestor: Person
    target: Object
    product: Product | None
    status: str
    created_at: datetime
    expires_at: datetime | None


def draw_products(rng: random.Random, tables: Sequence[Table]) -> list[Product]:
    """Make about a third of the subdomains' tables, a handful each, into products."""
    found = []
    for tag in words.list_domain_tags():
        candidates = [table for table in tables if table.domain_tag == tag and not table.deleted]
        if candidates and chance(rng, 0.35):
            _, domain, subdomain = tag.split(".")
            found.append(Product(draw_identifier(rng), domain, subdomain, draw_some(rng, candidates, 2, 8)))
    return found


def draw_requests(
    rng: random.Random, people: Sequence[Person], products: Sequence[Product], tables: Sequence[Table], at: datetime
) -> list[Request]:
    """Draw requests: half as many as people, most of them for the most popular products."""
    popular = zipf_choices(rng, products, 0.8)
    count = max(len(STATUSES) * 5, len(people) // 2)
    statuses = (rng.choice(("APPROVED", STATUSES[index % len(STATUSES)])) for index in range(count))
    return [
        _draw_request(rng, status, people, _draw_target(rng, next(popular), rng.choice(tables)), at)
        for status in statuses
    ]


def _draw_target(rng: random.Random, product: Product, table: Table) -> tuple[Object, Product | None]:
    """Draw what is asked for, mostly the product, and return it with the product, if it is one."""
    kind = rng.choices(("dataProduct", "dataSource", "column"), (80, 14, 6))[0]
    if kind == "dataProduct":
        return {kind: {"id": product.product_id, "name": product.name}}, product
    return {kind: {"id": table.data_source_id if kind == "dataSource" else f"{table.data_source_id * 100}"}}, None


def _draw_request(
    rng: random.Random, status: str, people: Sequence[Person], target: tuple[Object, Product | None], at: datetime
) -> Request:
    user = rng.choice(people)
    return Request(
        request_id=draw_identifier(rng),
        user=user,
        requestor=rng.choice(people) if chance(rng, 0.2) else user,
        target=target[0],
        product=target[1],
        status=status,
        created_at=draw_moment(rng, at, 1, 20) if status == "PENDING" else draw_moment(rng, at, 70, 400),
        expires_at=_draw_expiration(rng, status, at),
    )


def _draw_expiration(rng: random.Random, status: str, at: datetime) -> datetime | None:
    if status == "EXPIRED":
        return draw_moment(rng, at, 1, 60)
    return at + timedelta(days=rng.randint(5, 200)) if status == "APPROVED" and chance(rng, 0.3) else None


def collect_tags_by_data_source(products: Sequence[Product]) -> dict[int, list[str]]:
    """Return the product tags of each data source."""
    found: dict[int, list[str]] = {}
    for product in products:
        for table in product.tables:
            found.setdefault(table.data_source_id, []).append(product.tag)
    return found


def collect_tags_by_user(requests: Sequence[Request]) -> dict[int, list[str]]:
    """Return the product tags that each user's profile has as attribute values."""
    found: dict[int, set[str]] = {}
    for request in requests:
        if request.status == "APPROVED" and request.product:
            found.setdefault(request.user.profile_id, set()).add(request.product.tag)
    return {profile_id: sorted(tags) for profile_id, tags in found.items()}


def write_data_products(
    rng: random.Random, products: Sequence[Product], domain_ids: Mapping[str, str], stewards: Sequence[Person]
) -> Iterator[Object]:
    """Write data products; the last one also names a data source that does not exist."""
    for product in products:
        lost = [{"dataSourceId": 999_999_007}] if product is products[-1] else []
        yield {
            "id": product.product_id,
            "name": product.name,
            "domain": {"id": domain_ids[product.domain]},
            "description": f"Everything about {product.subdomain}, ready to use.",
            "createdBy": {"globalUserId": rng.choice(stewards).global_user_id},
            "smes": [{"globalUserId": person.global_user_id} for person in draw_some(rng, stewards, 0, 3)],
            "suspended": chance(rng, 0.08),
            "assets": [*({"dataSourceId": table.data_source_id} for table in product.tables), *lost],
        }


def write_access_requests(rng: random.Random, requests: Sequence[Request]) -> Iterator[Object]:
    """Write ``GET /api/access-request`` items; one is of a user who does not exist."""
    for request in requests:
        yield {
            "id": request.request_id,
            "type": "DATA_ACCESS",
            "requestingUser": _write_person(request.requestor),
            "user": _write_person(request.user),
            "status": request.status,
            "form": {"id": f"form-{rng.randint(1, 3)}", "responses": _draw_responses(rng)}
            if chance(rng, 0.9)
            else None,
            "metadata": {},
            "expiration": format_moment(request.expires_at) if request.expires_at else None,
            "createdAt": format_moment(request.created_at),
            "updatedAt": format_moment(request.created_at + timedelta(hours=rng.randint(1, 20))),
            **request.target,
        }
    first = requests[0]
    yield {
        "id": "00000000-0000-4000-8000-999999999008",
        "requestingUser": {"globalUserId": UNKNOWN_USER},
        "user": {"globalUserId": UNKNOWN_USER},
        "status": "CANCELED",
        "createdAt": format_moment(first.created_at),
        **first.target,
    }


def _write_person(person: Person) -> Object:
    return {"globalUserId": person.global_user_id, "username": person.userid, "name": person.name}


def _draw_responses(rng: random.Random) -> Object:
    return {
        "Why do you need access?": rng.choice(
            ("Quarterly report", "New dashboard", 'Für das Projekt "Übersee"', "模型训练")
        ),
        "Where will the data be used?": rng.choice(("Snowflake", "Databricks", "Export")),
        "Access duration": rng.choice(("30 days", "90 days", "Until revoked")),
        "Agreed": [True],
    }


def write_approval_records(
    rng: random.Random, requests: Sequence[Request], stewards: Sequence[Person], stewards_group: int
) -> Iterator[Object]:
    """Write one or two approval records per request, in every status."""
    for request in requests:
        yield _write_record(rng, request, request.status, rng.choice(stewards))
        if chance(rng, 0.3):
            second = "BLOCKED" if request.status == "PENDING" else request.status
            yield _write_record(rng, request, second, rng.choice(stewards), stewards_group)
    yield {"id": UNKNOWN_REQUEST, "dataAccessRequestId": UNKNOWN_REQUEST, "approvers": [], "status": "CANCELED"}


def _write_record(
    rng: random.Random, request: Request, status: str, reviewer: Person, group_id: int | None = None
) -> Object:
    decided = status not in {"PENDING", "BLOCKED"}
    return {
        "id": draw_identifier(rng),
        "dataAccessRequestId": request.request_id,
        "approvers": [
            {"type": "USER", "id": reviewer.profile_id, "displayName": reviewer.name},
            *([{"type": "GROUP", "id": group_id, "displayName": "Data Stewards"}] if group_id else []),
        ],
        "actionBy": {"globalUserId": reviewer.global_user_id} if decided else None,
        "reviewerSource": rng.choice(("DATA_PRODUCT_OWNER", "MANAGER", "GOVERNANCE")) if decided else None,
        "status": status,
        "reason": rng.choice(("Fits the purpose.", "Not needed for the role.", "Naïve request; see O'Brien."))
        if decided
        else None,
        "updatedAt": format_moment(request.created_at + timedelta(hours=rng.randint(21, 900))) if decided else None,
    }


def write_access_agreements(rng: random.Random, requests: Sequence[Request]) -> Iterator[Object]:
    """Write the data use agreements that were signed with about half of the requests."""
    for request in requests:
        for name in draw_some(rng, ("Internal Use Only", "No Re-identification", "GDPR Addendum 2026"), 0, 1):
            yield {"id": draw_identifier(rng), "dataAccessRequestId": request.request_id, "name": name}
