"""Ids and digests are those that the standard library computes."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.frames import digests

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FACTS = {
    "text": pl.String(),
    "number": pl.Int64(),
    "flag": pl.Boolean(),
    "list": pl.List(pl.Struct({"x": pl.String()})),
}


@given(st.uuids(), st.lists(TEXT, max_size=3), st.lists(TEXT, min_size=1))
def test_uuids_are_those_of_the_standard_library(namespace: uuid.UUID, path: list[str], names: list[str]) -> None:
    given_ids = pl.DataFrame({"name": names}).select(digests.compute_uuid5(namespace, path, pl.col("name"))).to_series()
    assert given_ids.to_list() == [str(uuid.uuid5(namespace, "\0".join([*path, name]))) for name in names]


@given(
    st.lists(TEXT, max_size=3),
    st.fixed_dictionaries(
        {
            "text": st.none() | TEXT,
            "number": st.none() | st.integers(-(2**63), 2**63 - 1),
            "flag": st.none() | st.booleans(),
            "list": st.none() | st.lists(st.fixed_dictionaries({"x": st.none() | TEXT}), max_size=2),
        }
    ),
)
def test_a_digest_is_blake2b_of_path_and_json(path: list[str], facts: dict[str, Any]) -> None:
    given_digest = pl.DataFrame([facts], FACTS).select(digests.compute_digest(path, pl.struct(pl.all()))).item()
    written = "".join(f"{part}\0" for part in path) + json.dumps(
        {name: facts[name] for name in FACTS}, ensure_ascii=False, separators=(",", ":")
    )
    assert given_digest == hashlib.blake2b(written.encode(), digest_size=16).hexdigest()
