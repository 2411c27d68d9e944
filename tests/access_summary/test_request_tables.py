"""access-requests, request-determinations and request-duas, value by value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from immuta_assets.access_summary.requests import (
    build_access_requests,
    build_request_determinations,
    build_request_duas,
)
from immuta_assets.tenant.info import TenantInfo

Collection = Callable[..., pl.LazyFrame]
Rows = Callable[..., list[Any]]
DAYS = [datetime(2026, 2, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
NAIVE = [day.replace(tzinfo=None) for day in DAYS]


def test_a_request_shows_who_asked_for_what_for_whom(tenant: TenantInfo, collection: Collection, rows: Rows) -> None:
    request = {
        "request_id": "r",
        "global_user_id": "recipient",
        "requestor_global_user_id": "requestor",
        "target_id": "p",
        "target_type": "DATA_PRODUCT",
        "created_at": DAYS[0],
        "expires_at": DAYS[3],
    }
    table = build_access_requests(tenant, collection("access_requests", request), collection("approval_records"))
    columns = ("request_id", "global_user_id", "global_requestor_id", "target_id", "target_type")
    assert rows("access-requests", table, *columns) == [("r", "recipient", "requestor", "p", "DATA_PRODUCT")]
    assert rows("access-requests", table, "request_date", "expiration_date") == [(NAIVE[0], NAIVE[3])]


def test_a_request_without_a_form_has_empty_answers(tenant: TenantInfo, collection: Collection, rows: Rows) -> None:
    requests = collection(
        "access_requests", {"request_id": "a"}, {"request_id": "b", "form_id": "f", "responses": '{"why": "audit"}'}
    )
    table = build_access_requests(tenant, requests, collection("approval_records"))
    assert rows("access-requests", table, "request_form_id", "request_responses") == [
        ("", "{}"),
        ("f", '{"why": "audit"}'),
    ]


@pytest.mark.parametrize(
    ("status", "request_date", "record_dates", "final"),
    [
        ("APPROVED", DAYS[1], [DAYS[3], DAYS[2], None], NAIVE[3]),
        ("DENIED", DAYS[1], [DAYS[0]], NAIVE[0]),
        ("CANCELED", DAYS[1], [], NAIVE[1]),
        ("EXPIRED", DAYS[1], [None], NAIVE[1]),
        ("REVOKED", None, [], None),
        ("PENDING", DAYS[1], [DAYS[2]], None),
    ],
)
def test_the_final_date_is_that_of_the_latest_approval_record_else_of_the_request(
    tenant: TenantInfo,
    collection: Collection,
    rows: Rows,
    status: str,
    request_date: datetime | None,
    record_dates: list[datetime | None],
    final: datetime | None,
) -> None:
    requests = collection("access_requests", {"request_id": "r", "status": status, "updated_at": request_date})
    records = [
        {"approval_id": str(i), "request_id": "r", "updated_at": date} for i, date in enumerate(record_dates)
    ] + [{"approval_id": "of another", "request_id": "other", "updated_at": datetime(2030, 1, 1, tzinfo=UTC)}]
    table = build_access_requests(tenant, requests, collection("approval_records", *records))
    assert rows("access-requests", table, "determination", "final_determination_date") == [(status, final)]


@pytest.mark.parametrize(
    ("status", "determination", "progress"),
    [
        ("PENDING", "PENDING", "WAITING"),
        ("BLOCKED", "PENDING", "WAITING"),
        ("APPROVED", "APPROVED", "COMPLETED"),
        ("DENIED", "DENIED", "COMPLETED"),
        ("CANCELED", "CANCELED", "COMPLETED"),
        ("REVOKED", "REVOKED", "COMPLETED"),
        ("EXPIRED", "EXPIRED", "COMPLETED"),
    ],
)
def test_an_approval_record_is_waiting_or_completed(
    tenant: TenantInfo, collection: Collection, rows: Rows, status: str, determination: str, progress: str
) -> None:
    approvers = '[{"id": "u", "type": "user"}]'
    record = {"status": status, "approvers": approvers, "updated_at": DAYS[0]}
    table = build_request_determinations(tenant, collection("approval_records", record))
    waiting = progress == "WAITING"
    columns = ("reviewer_determination", "status", "pending_reviewers", "determination_date")
    assert rows("request-determinations", table, *columns) == [
        (determination, progress, approvers if waiting else "[]", None if waiting else NAIVE[0])
    ]


def test_a_determination_shows_who_decided_and_why(tenant: TenantInfo, collection: Collection, rows: Rows) -> None:
    record = {
        "approval_id": "a",
        "request_id": "unknown",
        "reviewer_global_user_id": "uuid-1",
        "reviewer_source": "Data source owner",
        "reason": "needed",
        "status": "APPROVED",
    }
    table = build_request_determinations(tenant, collection("approval_records", record))
    columns = ("approval_id", "request_id", "global_reviewer_id", "reviewer_source", "justification")
    assert rows("request-determinations", table, *columns) == [
        ("a", "unknown", "uuid-1", "Data source owner", "needed")
    ]


def test_an_agreement_is_listed_once_per_request(tenant: TenantInfo, collection: Collection, rows: Rows) -> None:
    signed = [{"agreement_id": "d", "request_id": request, "name": "Terms"} for request in ("r2", "r1", "r2")]
    table = build_request_duas(tenant, collection("access_agreements", *signed))
    assert rows("request-duas", table, "request_id", "dua_id", "name") == [("r1", "d", "Terms"), ("r2", "d", "Terms")]
