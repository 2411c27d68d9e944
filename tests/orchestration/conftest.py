"""A dump of a small tenant with one of everything, its settings, and a way to export it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from immuta_assets.orchestration.run import ExportResult, run_export
from immuta_assets.settings import Settings, load
from immuta_assets.tenant import dump

DUMPED_AT = datetime(2026, 5, 4, 6, 30, tzinfo=UTC)
CREATED = "2026-01-01T00:00:00Z"

SMALL: dict[str, list[Mapping[str, object]]] = {
    "tenant": [{"tenantId": "acme", "url": "https://acme.example", "dumpedAt": DUMPED_AT.isoformat()}],
    "users": [
        {
            "iamid": "okta",
            "userid": "ada",
            "globalUserId": "u-1",
            "profile": {"id": 1, "name": "Ada", "email": "a@b.c"},
        },
        {"iamid": "okta", "userid": "bob", "globalUserId": "u-2", "profile": {"id": 2, "name": "Bob"}},
    ],
    "groups": [{"id": 7, "iamid": "okta", "name": "Analysts"}],
    "group_members": [{"group": 7, "profile": {"id": 1}}],
    "data_sources": [
        {
            "id": 10,
            "name": "orders",
            "blobHandlerType": "Snowflake",
            "createdAt": CREATED,
            "createdBy": 1,
            "tags": [{"name": "PII"}],
        }
    ],
    "columns": [{"dataSource": 10, "metadata": [{"name": "id", "dataType": "text", "tags": [{"name": "PII.Id"}]}]}],
    "data_source_members": [{"dataSource": 10, "profile": 2, "state": "owner"}],
    "policies": [
        {
            "id": 100,
            "name": "Analysts read",
            "type": "subscription",
            "createdAt": CREATED,
            "createdBy": 1,
            "actions": [
                {"type": "subscription", "subscriptionType": "advanced", "advanced": "@isInGroups('Analysts')"}
            ],
        }
    ],
    "domains": [
        {
            "id": "d-1",
            "name": "Sales",
            "createdBy": 1,
            "dataSources": [{"dataSourceId": 10}],
            "permissions": [{"profileId": 1, "permission": "Manage Policies"}],
        }
    ],
    "access_requests": [
        {
            "id": "r-1",
            "requestingUser": {"globalUserId": "u-1"},
            "user": {"globalUserId": "u-1"},
            "status": "approved",
            "createdAt": CREATED,
            "updatedAt": CREATED,
            "dataProduct": {"id": "p-1"},
        }
    ],
    "approval_records": [{"id": "a-1", "dataAccessRequestId": "r-1", "status": "approved", "updatedAt": CREATED}],
    "access_agreements": [{"id": "g-1", "dataAccessRequestId": "r-1", "name": "Terms"}],
    "data_products": [{"id": "p-1", "name": "Orders", "domain": {"id": "d-1"}, "assets": [{"dataSourceId": 10}]}],
}

WriteDump = Callable[..., Path]
Export = Callable[..., ExportResult]


@pytest.fixture
def write_dump(tmp_path: Path) -> WriteDump:
    """Write the small tenant, with other objects for the collections given by keyword; return the folder."""

    def write(**changed: list[Mapping[str, object]]) -> Path:
        for collection, objects in (SMALL | changed).items():
            dump.write(tmp_path / "dump", collection, objects)
        return tmp_path / "dump"

    return write


@pytest.fixture
def settings(tmp_path: Path, write_dump: WriteDump) -> Settings:
    """Return settings to export the small tenant below ``tmp_path`` in both layouts."""
    return load(
        tenant=str(write_dump()),
        store=tmp_path / "store",
        destination=tmp_path / "published",
        connections=tmp_path / "connections.yaml",
        layouts="prpr1,prpr2",
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def export(settings: Settings, instance: dg.DagsterInstance) -> Export:
    """Run the whole export, with other settings given by keyword."""
    return lambda **changed: run_export(settings.model_copy(update=changed), instance=instance)
