"""The documented joins, and what finds no partner in them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from immuta_assets.access_summary.joins import JOINS, UnmatchedIds, find_unmatched
from immuta_assets.layouts.versions import LAYOUTS

BY_NAME = {join.name: join for join in JOINS}


def frame(table: str, **columns: list[Any]) -> pl.LazyFrame:
    types = LAYOUTS["prpr2"].tables[table].columns()
    return pl.LazyFrame(columns, schema={name: types[name].dtype for name in columns})


@pytest.mark.parametrize("join", JOINS, ids=lambda join: join.name)
def test_every_join_fits_the_tables_of_the_layout(join: Any) -> None:
    left, right = (LAYOUTS["prpr2"].tables[table].create_empty(lazy=True) for table in (join.left, join.right))
    assert find_unmatched(join, left, right) == UnmatchedIds(0, [])


def test_the_names_of_joins_differ() -> None:
    assert len(BY_NAME) == len(JOINS)


@pytest.mark.parametrize(
    ("name", "left", "right", "lost"),
    [
        ("policy_outcomes_to_users", {"global_user_id": ["a", "b"]}, {"global_user_id": ["a", "a"]}, ["b"]),
        ("policy_outcomes_to_policies", {"policy_ids": [[1, 2], [3], [], None]}, {"policy_id": [1, 3]}, ["2"]),
        (
            "tags_to_data_sources",
            {"target_id": ["1", "2", "3"], "target_type": ["DATA_SOURCE", "DATA_SOURCE", "COLUMN"]},
            {"data_source_id": [1]},
            ["2"],
        ),
        (
            "tags_to_columns",
            {"target_id": ["1", "2", "3"], "target_type": ["DATA_SOURCE", "COLUMN", "COLUMN"]},
            {"column_id": ["2"]},
            ["3"],
        ),
        ("domains_to_data_sources", {"data_source_id": [1, None, 5]}, {"data_source_id": [1, 2]}, ["5"]),
        ("policies_to_owners", {"owner_global_user_id": ["SYSTEM", "a", "7"]}, {"global_user_id": ["a"]}, ["7"]),
        ("assets_to_data_products", {"data_product_id": ["p", "q"]}, {"data_product_id": ["p"]}, ["q"]),
        ("requests_to_recipients", {"global_user_id": ["a", "b"]}, {"global_user_id": ["b"]}, ["a"]),
        ("requests_to_requestors", {"global_requestor_id": ["a", "b"]}, {"global_user_id": ["b"]}, ["a"]),
    ],
)
def test_ids_without_a_partner_are_named(
    name: str, left: dict[str, list[Any]], right: dict[str, list[Any]], lost: list[str]
) -> None:
    join = BY_NAME[name]
    assert find_unmatched(join, frame(join.left, **left), frame(join.right, **right)) == UnmatchedIds(len(lost), lost)


def test_an_id_counts_once_and_ten_are_shown_in_order() -> None:
    join = BY_NAME["domains_to_data_sources"]
    left = frame(join.left, data_source_id=[*range(30, 0, -1), *range(30)])
    found = find_unmatched(join, left, frame(join.right, data_source_id=[0]))
    assert found == UnmatchedIds(30, sorted(str(i) for i in range(1, 31))[:10])


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["a", "b"])])
def test_dictionary_encoded_ids_join_as_text(dtype: pl.DataType) -> None:
    join = BY_NAME["policy_outcomes_to_users"]
    left = frame(join.left, global_user_id=["a", "b"]).cast(dtype)
    assert find_unmatched(join, left, frame(join.right, global_user_id=["a"])) == UnmatchedIds(1, ["b"])
