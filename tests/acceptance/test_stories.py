"""The demo's planted stories, told by the published files: what anybody can check by hand, asked with DuckDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from immuta_assets.cli import app
from immuta_assets.demo.tenant import stories
from immuta_assets.demo.tenant.stories import STORIES, Story
from immuta_assets.settings import VARIABLES

PLANTED_USERS = [stories.format_user_id(profile_id) for profile_id in range(11, 21)]


class Export:
    """The published files of the demo, and the checks that were evaluated on the way."""

    def __init__(self, folder: Path, checks: list[dict[str, str]]) -> None:
        self._folder = folder
        self._checks = checks

    def rows(self, table: str, condition: str, **values: object) -> list[dict[str, Any]]:
        """The rows of a published table for which the condition holds."""
        path = str(self._folder / table / "v=prpr2" / f"{table}.parquet")
        statement = f"SELECT * FROM read_parquet($path) WHERE {condition}"  # noqa: S608  # the tests' own conditions
        with duckdb.connect() as connection:
            answer = connection.execute(statement, {"path": path, **values})
            names = [name for name, *_ in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def warned(self, name: str) -> dict[str, str]:
        """The check of that name, which found something."""
        (check,) = (check for check in self._checks if check["name"] == name)
        assert check["status"] == "warned"
        return check


@pytest.fixture(scope="module", params=[0, 7], ids=["seed 0", "seed 7"])
def export(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("stories")
    with pytest.MonkeyPatch.context() as patch:
        for name in (*VARIABLES, "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        run = CliRunner()
        written = run.invoke(
            app, ["demo", "--seed", str(request.param), "--at", "2026-03-11T06:30:00Z", "--to", "tenant"]
        )
        assert written.exit_code == 0, written.stderr
        result = run.invoke(app, ["export", "--tenant", "tenant", "--to", "published", "--json"])
        assert result.exit_code == 0, result.stderr
    return Export(folder / "published", json.loads(result.stdout)["checks"])


@pytest.mark.parametrize("story", [story for story in STORIES if story.data_source_id], ids=lambda story: story.name)
def test_the_planted_users_have_the_access_of_the_story_and_no_other(export: Export, story: Story) -> None:
    condition = "data_source_id = $data_source AND list_contains($users, global_user_id)"
    found = export.rows("policy-outcomes", condition, data_source=story.data_source_id, users=PLANTED_USERS)
    assert all(row["scope"] == "READ" for row in found)
    assert {(row["global_user_id"], row["source"]) for row in found} == {
        (row.global_user_id, row.source) for row in story.rows
    }
    reasons = {(row["global_user_id"], row["source"]): set(row["policy_ids"] or []) for row in found}
    assert all(row.policy_ids <= reasons[row.global_user_id, row.source] for row in story.rows)


def test_a_conflict_leaves_nobody_by_policy_and_is_reported(export: Export) -> None:
    found = export.rows("policy-outcomes", "data_source_id = $id AND source = 'POLICY'", id=stories.CONFLICT)
    assert found == []
    assert export.warned("policy_conflicts")["description"].endswith(": 1.")


def test_an_expired_request_is_exported_as_approved_with_its_end_in_the_past(export: Export) -> None:
    (row,) = export.rows("access-requests", "request_id = $id", id=stories.LAPSED_REQUEST)
    assert row["determination"] == "APPROVED"
    assert row["expiration_date"] < row["export_date"]


def test_users_to_recertify_are_those_whose_approval_still_runs(export: Export) -> None:
    running = "determination = 'APPROVED' AND (expiration_date IS NULL OR expiration_date > export_date)"
    condition = f"target_type = 'DATA_PRODUCT' AND target_id = $id AND {running}"
    found = export.rows("access-requests", condition, id=stories.PRODUCT_ID)
    assert [row["request_id"] for row in found] == [stories.APPROVED_REQUEST]


def test_an_unparsable_policy_is_exported_as_given_and_lets_nobody_in(export: Export) -> None:
    (row,) = export.rows("policy-metadata", "policy_id = $id", id=stories.BROKEN_POLICY)
    assert row["who"] == "nobody (invalid)"
    assert row["policy"] == "@isInGroups('Planted Members' AND @hasAttribute('Planted Training','Done')"
    assert export.rows("policy-outcomes", "list_contains(policy_ids, $id)", id=stories.BROKEN_POLICY) == []
    assert export.warned("valid_policies")


def test_an_empty_domain_has_one_row_of_nulls(export: Export) -> None:
    (row,) = export.rows("domain-metadata", "id = $id", id=stories.EMPTY_DOMAIN)
    assert (row["data_source_id"], row["privileged_user"], row["permissions"]) == (None, None, [])
