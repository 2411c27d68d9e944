"""What query events say: the two documented ones, ids, and that every line says what the frame says."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_rows import DATABRICKS, LATER, RECEIVED, SNOWFLAKE, access, data_source, frame, tag

from immuta_assets.audit.events import uam
from immuta_assets.audit.identities.resolution import IdentifiedStatements
from immuta_assets.audit.queries import objects
from immuta_assets.audit.queries.events import NAMESPACE, QueryEvents, make_events
from immuta_assets.audit.queries.revisions import revise_events
from immuta_assets.platforms.history import ACCESS_STATES, STATUSES, Accesses
from immuta_assets.platforms.origin import Origin
from immuta_assets.tenant.collections import Columns, DataSources, Tags

DOCUMENTED = [
    json.loads(line) for line in Path(__file__).with_name("documented_events.jsonl").read_text("utf-8").splitlines()
]
Tenant = dict[str, list[dict[str, Any]]]
Hour = tuple[list[dict[str, Any]], list[dict[str, Any]], Tenant]
USER = {"profile_id": 10, "global_user_id": "g-10", "iam_id": "bim", "user_id": "taylor@acme.example", "name": "Taylor"}
OMITTED = {"id", "identityProvider", "profileId", "datasourceId", "tags", "securityProfile", "inferred"}

in_order = partial(json.loads, object_pairs_hook=tuple)
"""JSON with the order of its keys."""


def made(
    statements: list[dict[str, Any]],
    accesses: list[dict[str, Any]],
    origin: Origin = SNOWFLAKE,
    received_at: datetime = RECEIVED,
    tenant: Tenant | None = None,
) -> pl.DataFrame:
    """Events of rows of which only the keys that matter are given."""
    known = tenant or {}
    catalog = objects.build_catalog(
        frame(DataSources, *known.get("data_sources", [])),
        frame(Columns, *known.get("columns", [])),
        frame(Tags, *known.get("tags", [])),
        origin.platform,
        origin.hosts,
    )
    told = make_events(frame(IdentifiedStatements, *statements), frame(Accesses, *accesses), catalog, origin).collect()
    return QueryEvents.validate(revise_events(told, QueryEvents.create_empty(lazy=True), received_at))


def said(result: pl.DataFrame, origin: Origin = SNOWFLAKE) -> list[Any]:
    return [json.loads(line) for line in uam.encode_lines(result, origin.platform)]


def event_id(origin: Origin, *names: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "\0".join([origin.tenant_id, origin.platform.name, origin.account, *names])))


def test_the_documented_snowflake_event_follows_from_platform_rows() -> None:
    documented = DOCUMENTED[0]
    payload, context = documented["auditPayload"], documented["auditPayload"]["technologyContext"]
    accessed, target = payload["objectsAccessed"][0], documented["targets"][0]
    origin = Origin(documented["tenantId"], SNOWFLAKE.platform, "example", context["host"])
    columns = sorted(column["name"] for column in accessed["columns"])
    statement: dict[str, Any] = {
        "query_id": payload["queryId"], "user_name": context["snowflakeUsername"],
        "session_id": documented["sessionId"], "started_at": datetime.fromisoformat(payload["startTime"]),
        "ended_at": datetime.fromisoformat(payload["endTime"]), "duration_ms": 163_000, "status": "SUCCESS",
        "text": payload["query"], "rows_produced": 3, "user_agent": documented["userAgent"],
        "client_ip": context["clientIp"], "role_name": context["roleName"], "warehouse_id": "3",
        "warehouse_name": context["warehouseName"], "cluster_number": 1,
        "profile_id": 10, "iam_id": "bim", "user_id": documented["actor"]["id"], "name": "Taylor",
    }  # fmt: skip
    result = made(
        [statement],
        [access(payload["queryId"], accessed["name"], accessed_columns=columns)],
        origin,
        datetime.fromisoformat(documented["receivedTimestamp"]),
        {"data_sources": [data_source(accessed["name"], data_source_id=3, name=target["name"])]},
    )

    # What the example can not mean: one data source with two ids, columns in no order, a classification that is not in
    # a tenant, an id out of nowhere, and times that are not in UTC.
    accessed["columns"].sort(key=lambda column: column["name"])
    target["id"] = accessed["datasourceId"]
    payload["securityProfile"]["sensitivity"]["score"] = "INDETERMINATE"
    documented["id"] = event_id(origin, payload["queryId"])
    documented["eventTimestamp"] = payload["startTime"] = "2023-03-21T17:39:45.040Z"
    payload["endTime"] = "2023-03-21T17:05:07.040Z"
    documented["receivedTimestamp"] = "2023-03-22T17:22:04.979Z"
    assert [in_order(line) for line in uam.encode_lines(result, origin.platform)] == [in_order(json.dumps(documented))]


def test_the_documented_unity_catalog_event_follows_from_platform_rows() -> None:
    documented = DOCUMENTED[1]
    payload, context = documented["auditPayload"], documented["auditPayload"]["technologyContext"]
    accessed, target = payload["objectsAccessed"][0], documented["targets"][0]
    tagged = accessed["columns"][0]["tags"][0]
    origin = Origin(documented["tenantId"], DATABRICKS.platform, "dbc", context["host"])
    statement: dict[str, Any] = {
        "query_id": payload["queryId"], "user_name": context["account"]["username"],
        "session_id": documented["sessionId"], "started_at": datetime.fromisoformat(payload["startTime"]),
        "ended_at": datetime.fromisoformat(payload["endTime"]), "duration_ms": 23_568, "status": "SUCCESS",
        "text": payload["query"], "rows_produced": 2, "warehouse_id": context["warehouseId"],
        "workspace_id": context["workspaceId"], "service": "WAREHOUSE", "account_id": context["account"]["id"],
        "profile_id": 10, "iam_id": "bim", "user_id": documented["actor"]["id"], "name": "Taylor",
    }  # fmt: skip
    result = made(
        [statement],
        [access(payload["queryId"], accessed["name"], accessed_columns=["status_description"])],
        origin,
        datetime.fromisoformat(documented["receivedTimestamp"]),
        {
            "data_sources": [data_source(accessed["name"].upper(), origin, data_source_id=2034, name=target["name"])],
            "columns": [
                {
                    "data_source_id": 2034,
                    "name": "STATUS_DESCRIPTION",
                    "tags": [tag(tagged["name"], source="collibra", context="catalog")],
                }
            ],
            "tags": [{"name": tagged["name"], "tag_id": "122"}],
        },
    )

    # The example's id is the statement's, which can not be that of several events.
    documented["id"] = event_id(origin, payload["queryId"])
    assert [in_order(line) for line in uam.encode_lines(result, origin.platform)] == [in_order(json.dumps(documented))]


def test_a_statement_without_objects_is_one_event_without_targets() -> None:
    [event] = said(made([{"query_id": "q"}], []))
    assert event["targets"] == event["auditPayload"]["objectsAccessed"] == event["relatedResources"] == []
    assert event["id"] == event_id(SNOWFLAKE, "q")


def test_the_first_object_by_name_has_the_id_of_the_statement_and_each_other_one_its_own() -> None:
    result = made([{"query_id": "q"}], [access("q", "DB.S.B"), access("q", "DB.S.A"), access("q", "DB.S.C")])
    assert result.select("object_name", "id").rows() == [
        ("DB.S.A", event_id(SNOWFLAKE, "q")),
        ("DB.S.B", event_id(SNOWFLAKE, "q", "DB.S.B")),
        ("DB.S.C", event_id(SNOWFLAKE, "q", "DB.S.C")),
    ]


def test_an_object_of_no_statement_is_no_event() -> None:
    assert made([{"query_id": "q"}], [access("other", "DB.S.A")])["object_name"].to_list() == [None]


@pytest.mark.parametrize(
    ("origin", "omitted"),
    [(SNOWFLAKE, {"identityProvider"}), (DATABRICKS, {"identityProvider", "profileId"})],
    ids=lambda value: value.platform if isinstance(value, Origin) else None,
)
def test_an_actor_nobody_knows_is_unknown_and_has_no_identity_provider(origin: Origin, omitted: set[str]) -> None:
    statements: list[dict[str, Any]] = [{"query_id": "known", **USER}, {"query_id": "unknown", "user_name": "BOT"}]
    known, unknown = (event["actor"] for event in said(made(statements, [], origin), origin))
    assert (known["type"], known["id"], known["name"]) == ("USER_ACTOR", "taylor@acme.example", "Taylor")
    assert (unknown["type"], unknown["id"], unknown["name"]) == ("unknown",) * 3
    assert known.keys() - unknown.keys() == omitted


def test_the_platform_name_of_an_unknown_actor_stays_in_the_context() -> None:
    [snowflake] = said(made([{"query_id": "q", "user_name": "BOT"}], []))
    [databricks] = said(made([{"query_id": "q", "user_name": "bot@acme.example"}], [], DATABRICKS), DATABRICKS)
    assert snowflake["auditPayload"]["technologyContext"]["snowflakeUsername"] == "BOT"
    assert databricks["auditPayload"]["technologyContext"]["account"]["username"] == "bot@acme.example"


def test_a_user_without_a_display_name_is_named_by_id() -> None:
    [event] = said(made([{"query_id": "q", **USER, "name": None}], []))
    assert event["actor"]["name"] == "taylor@acme.example"


def test_an_object_that_is_not_registered_has_its_own_name_and_no_id() -> None:
    [event] = said(made([{"query_id": "q"}], [access("q", "DB.S.A", accessed_columns=["X"])]))
    assert event["targets"] == [{"type": "DATASOURCE", "name": "DB.S.A", "technology": "SNOWFLAKE"}]
    [accessed] = event["auditPayload"]["objectsAccessed"]
    assert "datasourceId" not in accessed
    assert [column["name"] for column in accessed["columns"]] == ["X"]


@pytest.mark.parametrize(
    ("origin", "registered", "found"),
    [
        (SNOWFLAKE, "DB.S.A", True),
        (SNOWFLAKE, '"DB"."S"."A"', True),
        (SNOWFLAKE, "db.s.a", False),
        (SNOWFLAKE, "DB.S.B", False),
        (DATABRICKS, "db.S.a", True),
        (DATABRICKS, "`DB`.s.A", True),
        (DATABRICKS, "DB.S.B", False),
    ],
)
def test_identifiers_compare_as_on_the_platform(origin: Origin, registered: str, found: bool) -> None:  # noqa: FBT001
    tenant = {"data_sources": [data_source(registered, origin)]}
    [event] = said(made([{"query_id": "q"}], [access("q", "DB.S.A")], origin, tenant=tenant), origin)
    assert ("id" in event["targets"][0]) == found


@pytest.mark.parametrize(
    "other", [{"technology": "Databricks"}, {"hostname": "elsewhere.snowflake.example"}, {"table": None}]
)
def test_a_data_source_of_another_platform_host_or_name_is_not_meant(other: dict[str, Any]) -> None:
    tenant = {"data_sources": [data_source("DB.S.A", **other)]}
    [event] = said(made([{"query_id": "q"}], [access("q", "DB.S.A")], tenant=tenant))
    assert "id" not in event["targets"][0]


def test_a_workspace_has_a_host_of_its_own() -> None:
    origin = DATABRICKS._replace(workspace_hosts={"2": "dbc-2.databricks.example"})
    statements = [{"query_id": "q1", "workspace_id": "1"}, {"query_id": "q2", "workspace_id": "2"}, {"query_id": "q3"}]
    result = made(statements, [], origin)
    hosts = [event["auditPayload"]["technologyContext"]["host"] for event in said(result, origin)]
    assert hosts == ["dbc-1.databricks.example", "dbc-2.databricks.example", "dbc-1.databricks.example"]
    before = made(statements, [], DATABRICKS)
    assert result["id"].equals(before["id"])
    assert (result["content_hash"] == before["content_hash"]).to_list() == [True, False, True]


def test_data_sources_are_found_on_the_hosts_of_all_workspaces() -> None:
    origin = DATABRICKS._replace(workspace_hosts={"2": "dbc-2.databricks.example"})
    elsewhere = [data_source("main.s.a", origin, hostname=f"DBC-{number}.databricks.example") for number in (2, 3)]
    found = [
        said(made([{"query_id": "q"}], [access("q", "main.s.a")], origin, tenant={"data_sources": [one]}), origin)
        for one in elsewhere
    ]
    assert ["id" in event["targets"][0] for [event] in found] == [True, False]


def test_of_data_sources_of_one_object_an_enabled_one_counts_then_the_oldest() -> None:
    ids = {1: True, 3: False, 2: False}
    tenant = {"data_sources": [data_source("DB.S.A", data_source_id=i, deleted=off) for i, off in ids.items()]}
    [event] = said(made([{"query_id": "q"}], [access("q", "DB.S.A")], tenant=tenant))
    assert event["targets"][0]["id"] == event["auditPayload"]["objectsAccessed"][0]["datasourceId"] == "2"


def test_tags_of_columns_and_data_source_are_told_with_defaults() -> None:
    tenant: Tenant = {
        "data_sources": [data_source("DB.S.A", tags=[tag("Gone")])],
        "columns": [{"data_source_id": 7, "name": "X", "tags": [tag("PII"), tag("EU", source="collibra")]}],
        "tags": [{"name": "PII", "tag_id": "1"}, {"name": "Gone", "deleted": True}],
    }
    accesses = [access("q", "DB.S.A", accessed_columns=["X", "Y"])]
    [event] = said(made([{"query_id": "q"}], accesses, tenant=tenant))
    [accessed] = event["auditPayload"]["objectsAccessed"]
    shared = {"type": "TAG", "context": "manual", "deleted": False, "transient": False}
    assert accessed["tags"] == [shared | {"name": "Gone", "source": "curated", "deleted": True}]
    assert [column["tags"] for column in accessed["columns"]] == [
        [shared | {"id": "1", "name": "PII", "source": "curated"}, shared | {"name": "EU", "source": "collibra"}],
        [],
    ]


def test_inferred_columns_say_so_on_both_platforms() -> None:
    accesses = [access("q", f"DB.S.{name}", accessed_columns=["X"], inferred=name == "A") for name in "AB"]

    def inferred(origin: Origin) -> list[Any]:
        told = said(made([{"query_id": "q"}], accesses, origin), origin)
        return [event["auditPayload"]["objectsAccessed"][0]["columns"][0].get("inferred") for event in told]

    assert inferred(SNOWFLAKE) == [True, False]
    assert inferred(DATABRICKS) == [True, None]


def test_a_text_is_cut_at_2048_characters_and_kept_whole_beside() -> None:
    text = "é🦆\n" * 1_000
    result = made([{"query_id": "q", "text": text}], [])
    [event] = said(result)
    assert event["auditPayload"]["query"] == text[:2048]
    assert result["text"].to_list() == [text]


def test_a_failure_tells_its_reason_and_a_success_none() -> None:
    error = {"error_code": "3001", "error_message": "Not authorized"}
    rows: list[dict[str, Any]] = [{"query_id": status, "status": status, **error} for status in STATUSES]
    told = {event["actionStatus"]: event for event in said(made(rows, []))}
    assert {status: told[status]["actionStatusReason"] for status in STATUSES} == {
        "SUCCESS": None, "FAILURE": "Not authorized", "UNAUTHORIZED": "Not authorized",
    }  # fmt: skip
    assert [told[status]["auditPayload"]["errorCode"] for status in STATUSES] == [None, "3001", "3001"]


def test_times_have_milliseconds_and_a_duration_is_in_seconds() -> None:
    moment = datetime(2026, 3, 1, 0, 0, 0, 999_999, tzinfo=UTC)
    [event] = said(made([{"query_id": "q", "started_at": moment, "duration_ms": 557}], []))
    assert event["eventTimestamp"] == "2026-03-01T00:00:00.999Z"
    assert event["auditPayload"]["duration"] == 0.557


@pytest.mark.parametrize(
    "change",
    [
        {"text": "SELECT 2"},
        {"text": "x" * 3_000},
        {"ended_at": LATER},
        {"rows_produced": 5},
        {"user_agent": "DBeaver"},
        {"status": "FAILURE"},
        {"user_id": "t"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_content_hash_changes_with_what_the_event_says(change: dict[str, Any]) -> None:
    row = {"query_id": "q", **USER}
    assert made([row], [])["content_hash"][0] != made([row | change], [])["content_hash"][0]


def test_the_content_hash_does_not_depend_on_receipt_or_bookkeeping() -> None:
    hashes = [
        made([{"query_id": "q", "access_state": state}], [], received_at=moment)["content_hash"][0]
        for state, moment in zip(ACCESS_STATES, [RECEIVED, LATER] * 3, strict=False)
    ]
    assert len(set(hashes)) == 1


def test_a_text_that_differs_where_it_is_cut_is_another_content() -> None:
    hashes = {made([{"query_id": "q", "text": "x" * length}], [])["content_hash"][0] for length in (3_000, 4_000)}
    assert len(hashes) == 2


def test_the_content_hash_is_that_of_the_facts_of_statement_and_object_as_json() -> None:
    result = made([{"query_id": "q", "duration_ms": 557, **USER}], [access("q", "DB.S.A", accessed_columns=["X"])])
    facts = {
        "client_ip": None, "cluster_number": None, "duration_ms": 557, "error_code": None, "error_message": None,
        "iam_id": "bim", "name": "Taylor", "profile_id": 10, "query_id": "q", "role_name": None, "rows_produced": None,
        "session_id": None, "ended_at": 1_772_348_700_000_000, "started_at": 1_772_348_700_000_000, "status": "SUCCESS",
        "text": None, "user_agent": None, "user_id": "taylor@acme.example", "user_name": None, "warehouse_id": None,
        "warehouse_name": None,
    }  # fmt: skip
    said_of_object = {
        "targets": result["targets"].to_list()[0],
        "objectsAccessed": result["auditPayload"].struct.field("objectsAccessed").to_list()[0],
    }

    def digest(path: tuple[str, ...], content: dict[str, Any]) -> str:
        text = "".join(f"{part}\0" for part in path) + json.dumps(content, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    of_statement = dict(sorted(facts.items())) | {"host": SNOWFLAKE.host}
    expected = digest(SNOWFLAKE.path, of_statement) + digest((), said_of_object)
    assert result["content_hash"].to_list() == [expected]


def test_a_withdrawn_event_has_no_line() -> None:
    result = made([{"query_id": "p"}, {"query_id": "q"}], [])
    withdrawn = result.with_columns(withdrawn=pl.col("query_id") == "p")
    assert [event["auditPayload"]["queryId"] for event in said(withdrawn)] == ["q"]


def test_an_hour_without_statements_has_no_events() -> None:
    assert made([], []).is_empty()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['","id":null', ',"tags":null', '\\","inferred":null', '"', "\\", "\n\r\t", "\0", "🦆", "null", "{}", "[]"]
)
NAMES = st.lists(TEXT, min_size=1, max_size=4, unique=True)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@st.composite
def hours(draw: st.DrawFn) -> Hour:
    """Rows of statements and accesses, and collections that know some of the objects."""
    columns = IdentifiedStatements.columns()
    texts = [name for name, column in columns.items() if isinstance(column, dy.String) and column.nullable]
    anything: dict[str, st.SearchStrategy[Any]] = {name: st.none() | TEXT for name in texts}
    anything |= {"status": st.sampled_from(STATUSES), "access_state": st.sampled_from(ACCESS_STATES)}
    anything |= {"started_at": MOMENTS, "ended_at": MOMENTS, "duration_ms": st.none() | st.integers(0, 2**40)}
    anything |= {"rows_produced": st.none() | st.integers(-(2**63), 2**63 - 1), "profile_id": st.none()}
    user = st.fixed_dictionaries({"profile_id": st.integers(1, 2**62), "iam_id": TEXT, "user_id": TEXT})
    rows = [
        {"query_id": f"q{number}", **draw(st.fixed_dictionaries(anything)), **draw(user | st.just({}))}
        for number in range(draw(st.integers(0, 3)))
    ]
    objects = [
        {"object_name": name, "database": draw(st.none() | TEXT), "schema": "S", "name": name, "object_type": "VIEW",
         "accessed_columns": sorted(draw(NAMES)), "inferred": draw(st.booleans())}
        for name in draw(NAMES)
    ]  # fmt: skip
    accesses = [{"query_id": row["query_id"], **item} for row in rows for item in objects if draw(st.booleans())]
    sources = [
        {"data_source_id": number, "technology": "Snowflake", "database": item["database"], "schema": "S",
         "table": item["name"], "name": draw(TEXT), "tags": [tag(name) for name in draw(NAMES)]}
        for number, item in enumerate(objects) if draw(st.booleans())
    ]  # fmt: skip
    columns_of = [
        {"data_source_id": source["data_source_id"], "name": name, "tags": [tag(name)]}
        for source in sources
        for name in draw(NAMES)
    ]
    return rows, accesses, {"data_sources": sources, "columns": columns_of}


@given(hours())
def test_every_statement_gives_an_event_per_object_or_one_and_ids_are_distinct(
    hour: Hour,
) -> None:
    rows, accesses, tenant = hour
    result = made(rows, accesses, tenant=tenant)
    expected = {row["query_id"]: max(1, sum(item["query_id"] == row["query_id"] for item in accesses)) for row in rows}
    assert dict(result.group_by("query_id").len().iter_rows()) == expected
    assert result["id"].n_unique() == len(result)
    assert {uuid.UUID(value).version for value in result["id"]} <= {5}


def spoken(value: Any, key: str = "") -> Any:
    """A value of the frame as JSON has it, keys that events omit left out where they are null."""
    if isinstance(value, dict):
        kept = {
            name: item for name, item in value.items() if item is not None or name not in OMITTED or key == "account"
        }
        return {name: spoken(item, name) for name, item in kept.items()}
    if isinstance(value, list):
        return [spoken(item) for item in value]
    return (
        value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
        if isinstance(value, datetime)
        else value
    )


def within(part: Any, whole: Any) -> bool:
    """Whether ``part`` is ``whole`` but for keys of objects that only ``whole`` has."""
    if isinstance(part, dict):
        return part.keys() <= whole.keys() and all(within(item, whole[key]) for key, item in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(within, part, whole))
    return bool(part == whole)


@given(hours(), st.sampled_from([SNOWFLAKE, DATABRICKS]))
def test_every_line_is_one_line_and_says_what_the_frame_says(hour: Hour, origin: Origin) -> None:
    rows, accesses, tenant = hour
    result = made(rows, accesses, origin, tenant=tenant)
    lines = list(uam.encode_lines(result, origin.platform))
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines)
    for line, event in zip(lines, result.iter_rows(named=True), strict=True):
        told, frame_says = json.loads(line), spoken(event)
        assert within(told, frame_says)
        assert told["auditPayload"]["objectsAccessed"] == frame_says["auditPayload"]["objectsAccessed"]
        assert told["targets"] == frame_says["targets"]
