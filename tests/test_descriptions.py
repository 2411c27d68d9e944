"""Every column says what its reader needs: what it means, its values, why it may be null."""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import pytest

from immuta_assets.audit.identities.principals import Principals
from immuta_assets.audit.identities.unknown_users import UnknownUsers
from immuta_assets.audit.queries.events import QueryEvents
from immuta_assets.audit.queries.plan import Plan
from immuta_assets.audit.queries.readings import Coverage, Readings
from immuta_assets.audit.queries.status import Status
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.outcomes.profiles import FRAMES
from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.tenant.collections import COLLECTIONS

SCHEMAS: dict[str, type[dy.Schema]] = {
    **{f"tenant/{name}": schema for name, schema in COLLECTIONS.items()},
    **{f"outcomes/{name}": schema for name, schema in FRAMES.items()},
    **{f"{layout.version}/{table}": schema for layout in LAYOUTS.values() for table, schema in layout.tables.items()},
    "query_history/statements": Statements,
    "query_history/accesses": Accesses,
    "query_history/readings": Readings,
    "query_history/plan": Plan,
    "audit/query_events": QueryEvents,
    "audit/principals": Principals,
    "audit/coverage": Coverage,
    "audit/status": Status,
    "audit/unknown_users": UnknownUsers,
}


def list_columns(*kinds: type[dy.Column]) -> Iterator[object]:
    for place, schema in SCHEMAS.items():
        for name, column in schema.columns().items():
            if not kinds or isinstance(column, kinds):
                yield pytest.param(column, id=f"{place}.{name}")


@pytest.mark.parametrize("column", [*list_columns()])
def test_a_description_is_sentences_that_say_more_than_a_word(column: dy.Column) -> None:
    description = column.description or ""
    assert description.endswith(".")
    assert len(description.split()) > 2


@pytest.mark.parametrize("column", [*list_columns(dy.Enum)])
def test_the_description_of_a_column_of_closed_values_names_each(column: dy.Enum) -> None:
    assert [value for value in column.categories if value not in (column.description or "")] == []


@pytest.mark.parametrize("column", [*list_columns(dy.Datetime)])
def test_the_description_of_a_moment_names_its_zone(column: dy.Datetime) -> None:
    assert "UTC" in (column.description or "")


@pytest.mark.parametrize("column", [*list_columns()])
def test_the_description_of_a_column_says_when_it_is_null(column: dy.Column) -> None:
    assert not column.nullable or "null" in (column.description or "").lower()
