"""The demo tenant: reproducible, as large as its preset says, with every documented feature and the planted stories."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from immuta_assets.demo.tenant import PRESETS, catalog, groups, people, policies, stories, words, write_demo
from immuta_assets.tenant import dump
from immuta_assets.tenant.collections import COLLECTIONS

AT = datetime(2026, 11, 20, 5, tzinfo=UTC)
Policy = dict[str, Any]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write_demo(folder, at=AT)
    return folder


@pytest.fixture(scope="module")
def tenant(small: Path) -> dict[str, pl.DataFrame]:
    return dump.read(small)


@pytest.fixture(scope="module")
def laptop_policies(tmp_path_factory: pytest.TempPathFactory) -> list[Policy]:
    folder = tmp_path_factory.mktemp("laptop")
    write_demo(folder, preset="laptop", at=AT)
    return _policies(folder)


def _policies(folder: Path) -> list[Policy]:
    return [json.loads(line) for line in (folder / "policies.ndjson").read_text().splitlines()]


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _tag_names(frame: pl.DataFrame) -> set[str]:
    return set(frame["tags"].explode().drop_nulls().struct.field("name"))


def test_the_same_seed_and_moment_give_the_same_bytes(small: Path, tmp_path: Path) -> None:
    write_demo(tmp_path, at=AT.astimezone(timezone(timedelta(hours=9))))
    assert _hashes(tmp_path) == _hashes(small)


def test_another_seed_gives_another_tenant(small: Path, tmp_path: Path) -> None:
    write_demo(tmp_path, seed=1, at=AT)
    same = {name for name, digest in _hashes(tmp_path).items() if digest == _hashes(small)[name]}
    assert same == {"tenant.json", "iams.ndjson"}


def test_another_moment_moves_every_date(small: Path, tmp_path: Path) -> None:
    write_demo(tmp_path, at=AT + timedelta(days=1))
    dates = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
    for name in ("users.ndjson", "data_sources.ndjson", "data_source_members.ndjson", "access_requests.ndjson"):
        before, after = (dates.findall((folder / name).read_text()) for folder in (small, tmp_path))
        moved = {datetime.fromisoformat(b) - datetime.fromisoformat(a) for a, b in zip(before, after, strict=True)}
        assert {round(move / timedelta(days=1)) for move in moved} <= {0, 1}, name
        assert max(moved) > timedelta(0), name


def test_every_collection_is_written_and_read_back(
    small: Path, tenant: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    lines = write_demo(tmp_path, at=AT)
    assert lines.keys() == COLLECTIONS.keys()
    assert {path.name.split(".")[0] for path in small.iterdir()} == set(COLLECTIONS)
    assert not [name for name, frame in tenant.items() if frame.is_empty()]


@pytest.mark.parametrize("preset", ["small", "laptop"])
def test_a_preset_has_the_size_it_says(preset: str, tmp_path: Path) -> None:
    lines = write_demo(tmp_path, preset=preset, at=AT)
    size = PRESETS[preset]
    assert lines["users"] == size.users + len(_planted("users")) + 1
    assert lines["data_sources"] == lines["columns"] == size.data_sources + len(_planted("data_sources"))
    assert lines["policies"] == size.policies + len(_planted("policies"))


def _planted(collection: str) -> list[dict[str, Any]]:
    return [dict(planted) for planted in stories.write_objects(AT)[collection]]


def test_an_unknown_preset_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'huge' does not exist; use one of small, laptop, enterprise, wide"):
        write_demo(tmp_path, preset="huge", at=AT)


def test_a_moment_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        write_demo(tmp_path, at=datetime(2026, 11, 20, 5))


def test_a_leap_day_works(tmp_path: Path) -> None:
    assert write_demo(tmp_path, at=datetime(2028, 2, 29, tzinfo=UTC))["tenant"] == 1


def test_names_of_data_sources_groups_and_policies_do_not_repeat(tenant: dict[str, pl.DataFrame]) -> None:
    assert tenant["data_sources"]["name"].is_unique().all()
    assert tenant["policies"]["name"].is_unique().all()
    assert tenant["groups"].select("iam_id", "name").is_unique().all()


def test_memberships_do_not_repeat(small: Path) -> None:
    lines = Counter((small / "group_members.ndjson").read_text().splitlines())
    assert set(lines.values()) == {1}


def test_data_sources_have_8_to_15_columns(tenant: dict[str, pl.DataFrame]) -> None:
    drawn = tenant["columns"].filter(pl.col("data_source_id") >= catalog.FIRST_ID)
    counts = drawn.group_by("data_source_id").len()["len"]
    assert set(counts) <= set(range(8, 16))


def test_most_data_sources_are_on_snowflake_and_databricks(tenant: dict[str, pl.DataFrame]) -> None:
    technologies = Counter(tenant["data_sources"]["technology"])
    assert [name for name, _ in technologies.most_common(2)] == ["Snowflake", "Databricks"]
    assert len(technologies) >= 5


def test_about_four_fifths_of_the_people_have_the_basic_bundle(tenant: dict[str, pl.DataFrame]) -> None:
    basic = tenant["groups"].filter(pl.col("name").is_in(words.BIRTHRIGHT_GROUPS))["group_id"]
    members = tenant["group_members"].filter(pl.col("group_id").is_in(basic.implode()))
    assert 0.7 < members["profile_id"].n_unique() / PRESETS["small"].users < 0.9


def test_users_come_in_every_kind(tenant: dict[str, pl.DataFrame]) -> None:
    users = tenant["users"]
    assert set(users["iam_id"]) == {"bim", "okta-prod", "ldap-hq", "entra-lumenbio"}
    assert users["disabled"].any()
    assert users["system_generated"].sum() == 1
    assert users["user_id"].str.starts_with("svc_").any()
    assert 0 < users["snowflake_user"].null_count() < users.height / 2
    assert 0 < users["databricks_user"].null_count() < users.height / 2
    assert not users["name"].str.contains(r"^[\x00-\x7F]*$").all()
    assert users["name"].str.contains("'").any()


def test_every_chain_of_managers_leads_to_the_head_of_the_company() -> None:
    seats = people.plan_seats(200)
    assert len(seats) == 200
    assert [seat.level for seat in seats if seat.boss is None] == [0]
    assert all(seat.boss is None or seats[seat.boss].level < seat.level for seat in seats)


def test_odd_names_are_present(tenant: dict[str, pl.DataFrame]) -> None:
    assert set(groups.ODD_NAMES) <= set(tenant["groups"]["name"])
    assert set(catalog.ODD_TAGS) <= set(tenant["tags"]["name"])


def test_every_tag_that_is_applied_exists(tenant: dict[str, pl.DataFrame]) -> None:
    applied = _tag_names(tenant["data_sources"]) | _tag_names(tenant["columns"])
    assert applied <= set(tenant["tags"]["name"])


def test_tags_have_every_documented_origin(tenant: dict[str, pl.DataFrame]) -> None:
    tags = pl.concat(
        [tenant[name].select(pl.col("tags").explode()).unnest("tags") for name in ("data_sources", "columns")]
    )
    assert set(tags["source"].drop_nulls()) == {"curated", "collibra", "databricksUnityCatalog", "marketplace"}
    assert set(tags["context"].drop_nulls()) == {
        "manual", "catalog", "sdd", "framework", "schemaEvolution", "marketplace",
    }  # fmt: skip


def test_members_come_in_every_state(tenant: dict[str, pl.DataFrame]) -> None:
    members = tenant["data_source_members"]
    assert set(members["state"].cast(pl.String)) == {"owner", "expert", "subscribed", "ingest", "pending"}
    assert set(members["scope"].cast(pl.String)) == {"READ", "WRITE"}
    for feature in (pl.col("by_policy"), ~pl.col("approved"), pl.col("group_id").is_not_null()):
        assert members.filter(feature).height > 0
    assert members.filter(pl.col("expires_at") <= AT).height > 0
    assert members.filter(pl.col("expires_at") > AT).height > 0


def test_requests_and_approvals_come_in_every_status(tenant: dict[str, pl.DataFrame]) -> None:
    for collection, column in (
        ("access_requests", "status"),
        ("approval_records", "status"),
        ("access_requests", "target_type"),
    ):
        kind = COLLECTIONS[collection].columns()[column]
        assert set(tenant[collection][column].cast(pl.String)) == set(kind.categories)  # type: ignore[attr-defined]


def test_access_to_products_comes_from_requests_that_are_approved_and_not_expired(
    tenant: dict[str, pl.DataFrame],
) -> None:
    attribute = pl.col("attributes").struct
    held = (
        tenant["users"]
        .explode("attributes")
        .filter(attribute.field("name") == policies.MARKETPLACE_TAG.removesuffix(" Data Product"))
        .select("global_user_id", tag=attribute.field("values"))
        .explode("tag")
    )
    active = (pl.col("status").cast(pl.String) == "APPROVED") & (pl.col("expires_at") > AT).fill_null(value=True)
    approved = tenant["access_requests"].filter(active & (pl.col("target_type").cast(pl.String) == "DATA_PRODUCT"))
    tag = pl.concat_str(pl.lit(f"{policies.MARKETPLACE_TAG}."), "target_id")
    assert set(held.rows()) == set(approved.select("global_user_id", tag).rows()) != set()


def test_every_form_of_circumstances_is_present(laptop_policies: list[Policy]) -> None:
    listed = [policy["circumstances"] for policy in laptop_policies if policy.get("circumstances")]
    assert {item["type"] for items in listed for item in items} == {
        "tags", "columnTags", "columnRegex", "dataSourceNameRegex", "schema", "database", "connection", "domain",
        "createdBetween",
    }  # fmt: skip
    assert {item["operator"] for items in listed for item in items} == {"and", "or"}
    assert any("circumstances" not in policy for policy in laptop_policies)
    assert any(policy.get("circumstances", "absent") is None for policy in laptop_policies)
    assert any(policy.get("circumstances") == [] for policy in laptop_policies)


def test_every_form_of_rule_is_present(small: Path) -> None:
    written = _policies(small)
    actions = [policy["actions"][0] for policy in written if policy["type"] == "subscription"]
    levels = {action["subscriptionType"] for action in actions}
    assert levels == {
        "automatic",
        "approval",
        "manual",
        "policy",
        "advanced",
    }
    assert {action.get("accessType") for action in actions} == {"GRANT", "GUARDRAIL", None}
    assert {action.get("shareResponsibility") for action in actions} == {True, False, None}
    assert {action.get("accessGrant") for action in actions} == {"WRITE", None}
    assert {action["automaticSubscription"] for action in actions} == {True, False}
    assert {action["exceptions"]["operator"] for action in actions if "exceptions" in action} == {"and", "or"}
    for key in ("staged", "deleted", "systemGenerated"):
        assert {policy[key] for policy in written} == {True, False}
    assert {policy["type"] for policy in written} == {"subscription", "data"}
    restrictions = [policy["ownerRestrictions"] for policy in written if "ownerRestrictions" in policy]
    assert any(restriction["users"] for restriction in restrictions)
    assert any(restriction["groups"] for restriction in restrictions)


@pytest.mark.parametrize(
    "form",
    ["@hasAttribute(", "@isInGroups(", "@hasTagAsAttribute(", "@hasTagsAsAttribute(", "@hasTagAsGroup(", "'dataSource'",
     "'column'", "@database", "@schema", "@table", "@hostname", " AND ", " OR ", " or ", "NOT ", "AND NOT (", "''",
     "\\'"],
)  # fmt: skip
def test_the_expression_form_is_present(form: str, small: Path) -> None:
    expressions = [policy["actions"][0].get("advanced", "") for policy in _policies(small)]
    assert any(form in expression for expression in expressions)


def test_about_a_fifth_of_the_policies_of_a_large_tenant_use_tag_functions(laptop_policies: list[Policy]) -> None:
    using = [policy for policy in laptop_policies if "@hasTag" in policy["actions"][0].get("advanced", "")]
    assert 0.17 < len(using) / len(laptop_policies) < 0.23


@pytest.mark.parametrize("story", stories.STORIES, ids=lambda story: story.name)
def test_what_a_story_speaks_of_exists(story: stories.Story, tenant: dict[str, pl.DataFrame]) -> None:
    data_sources = {story.data_source_id} - {None} | {row.data_source_id for row in story.rows}
    named_policies = {*story.policy_ids, *(policy_id for row in story.rows for policy_id in row.policy_ids)}
    assert data_sources <= set(tenant["data_sources"]["data_source_id"])
    assert named_policies <= set(tenant["policies"]["policy_id"])
    assert {row.global_user_id for row in story.rows} <= set(tenant["users"]["global_user_id"])


def test_nothing_drawn_at_random_takes_a_planted_id(tenant: dict[str, pl.DataFrame]) -> None:
    planted_sources = {source["id"] for source in _planted("data_sources")}
    drawn = tenant["data_source_members"].filter(pl.col("profile_id") >= people.FIRST_ID)
    assert planted_sources.isdisjoint(drawn["data_source_id"])
    assert max(policy["id"] for policy in _planted("policies")) < policies.MARKETPLACE_ID


def test_the_empty_domain_is_empty(tenant: dict[str, pl.DataFrame]) -> None:
    domain = tenant["domains"].row(by_predicate=pl.col("domain_id") == stories.EMPTY_DOMAIN, named=True)
    assert domain["data_source_ids"] == domain["permissions"] == []
    assert stories.EMPTY_DOMAIN not in set(tenant["data_sources"]["domain_id"])
