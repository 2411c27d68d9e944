"""The compact form of ``policy-outcomes`` as frames: what the assets ``access/profiles/…`` keep.

``to_frames`` and ``from_frames`` are inverse to each other, so what expands from the stored frames is exactly the
table. Add a column where a reader of the compact form needs another fact. How outcomes come about belongs to
``evaluation``, what they look like in memory to ``compact``.

A *data source profile* stands for the data sources of one scope on which the same policies make the same demands, a
*user profile* for users who meet the same demands, a *reason* for a set of policies. All three are numbered from 0
within one export.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise

import dataframely as dy
import numpy as np
import polars as pl

from immuta_assets.frames.streaming import stream_frames
from immuta_assets.outcomes.compact import (
    NARROW_LIMIT,
    SCOPES,
    AdmittedMembers,
    Cells,
    Codes,
    Outcomes,
    Pairs,
    Scope,
    ScopeOutcomes,
    narrow,
)

_CELLS_PER_FRAME = 1_000_000
_SCOPE = "Access that the row is about: READ or WRITE; neither implies the other."


class ProfiledUsers(dy.Schema):
    """The profile of each user who may have outcomes: neither disabled nor a system account."""

    global_user_id = dy.String(primary_key=True, description="UUID of the user, as in user-metadata.")
    user_profile = dy.UInt32(description="Number of the user's profile, from 0; valid within this export day only.")


class ProfiledDataSources(dy.Schema):
    """The profile of each enabled data source in each scope."""

    data_source_id = dy.Int64(primary_key=True, description="Numeric id of the data source.")
    scope = dy.Enum(SCOPES, primary_key=True, description=_SCOPE)
    data_source_profile = dy.UInt32(
        description="Number of the data source's profile in that scope, from 0; valid within this export day only. "
        "No profile belongs to two scopes."
    )


class MergedPolicies(dy.Schema):
    """The merged policy of each data source profile."""

    data_source_profile = dy.UInt32(primary_key=True, description="Number of the data source profile.")
    scope = dy.Enum(SCOPES, description=_SCOPE)
    merged_policy = dy.String(
        description="Guardrails and grants merged into one Boolean expression; empty where no policy applies."
    )


class PolicyCells(dy.Schema):
    """Who is let in by policy: one row per data source profile and user profile, ordered by both."""

    data_source_profile = dy.UInt32(description="Number of the data source profile; its scope is in merged_policies.")
    user_profile = dy.UInt32(description="Number of the profile of the users who are let in.")
    reason = dy.UInt32(description="Number of the reason: the set of policies that lets them in.")


class Reasons(dy.Schema):
    """The policies behind each reason."""

    reason = dy.UInt32(primary_key=True, description="Number of the reason, from 0; valid within this export day only.")
    policy_ids = dy.List(
        dy.Int64(), description="Numeric ids of the guardrails and of the grants that were met, ascending."
    )


class Members(dy.Schema):
    """Access that a member list gives to single users.

    With a reason, the row stands in place of the user's cell: a grant for members only lets the user in. Without a
    reason, the user is a member by hand.
    """

    data_source_id = dy.Int64(description="Numeric id of the data source.")
    scope = dy.Enum(SCOPES, description=_SCOPE)
    global_user_id = dy.String(description="UUID of the member, as in user-metadata.")
    reason = dy.UInt32(
        nullable=True,
        description="Number of the reason: the set of policies that lets the member in. Null for a member by hand, "
        "whom no policy lets in.",
    )


class Owners(dy.Schema):
    """Owners of data sources, whatever the scope."""

    data_source_id = dy.Int64(primary_key=True, description="Numeric id of the data source.")
    global_user_id = dy.String(primary_key=True, description="UUID of the owner, as in user-metadata.")


FRAMES: dict[str, type[dy.Schema]] = {
    "users": ProfiledUsers,
    "data_sources": ProfiledDataSources,
    "merged_policies": MergedPolicies,
    "cells": PolicyCells,
    "reasons": Reasons,
    "members": Members,
    "owners": Owners,
}
"""Every frame by name."""


def to_frames(outcomes: Outcomes) -> dict[str, pl.LazyFrame]:
    """Return the outcomes as the frames of ``FRAMES``; ``cells`` is streamed."""
    first = _number_first_profiles(outcomes)
    owners = _name_pairs(outcomes, outcomes.owners)
    return {
        "users": _build_frame(
            ProfiledUsers, global_user_id=outcomes.global_user_ids, user_profile=outcomes.profile_of_user
        ).lazy(),
        "data_sources": pl.concat(_build_data_sources(outcomes, scope, first[scope]) for scope in SCOPES).lazy(),
        "merged_policies": pl.concat(_build_merged_policies(outcomes, scope, first[scope]) for scope in SCOPES).lazy(),
        "cells": stream_frames(lambda: _build_cells(outcomes, first), PolicyCells.create_empty().schema),
        "reasons": outcomes.policy_ids.to_frame().with_row_index("reason").lazy(),
        "members": pl.concat(frame for scope in SCOPES for frame in _build_members(outcomes, scope)).lazy(),
        "owners": _build_frame(Owners, **owners).lazy(),
    }


def _build_frame(schema: type[dy.Schema], **columns: object) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=schema.create_empty().schema)


def _number_first_profiles(outcomes: Outcomes) -> dict[Scope, int]:
    """Return the number of each scope's first profile: one sequence of numbers runs through all scopes."""
    counts = [len(outcomes.scopes[scope].cells) for scope in SCOPES]
    return dict(zip(SCOPES, np.cumsum([0, *counts]).tolist(), strict=False))


def _build_data_sources(outcomes: Outcomes, scope: Scope, first: int) -> pl.DataFrame:
    profiles = outcomes.scopes[scope].profile_of_source + first
    return _build_frame(
        ProfiledDataSources, data_source_id=outcomes.data_source_ids, scope=scope, data_source_profile=profiles
    )


def _build_merged_policies(outcomes: Outcomes, scope: Scope, first: int) -> pl.DataFrame:
    texts = [outcomes.merged_policies[number] for number in outcomes.scopes[scope].texts]
    profiles = np.arange(first, first + len(texts))
    return _build_frame(MergedPolicies, data_source_profile=profiles, scope=scope, merged_policy=texts)


def _build_cells(outcomes: Outcomes, first: Mapping[Scope, int]) -> Iterator[pl.DataFrame]:
    for scope in SCOPES:
        cells = outcomes.scopes[scope].cells
        for start, end in _cut_runs([len(each.reasons) for each in cells]):
            yield _build_cell_frame(cells[start:end], first[scope] + start)


def _cut_runs(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Cut profiles into runs of about a million cells."""
    start, cells = 0, 0
    for number, length in enumerate(lengths, start=1):
        cells += length
        if cells >= _CELLS_PER_FRAME or number == len(lengths):
            yield start, number
            start, cells = number, 0


def _build_cell_frame(cells: list[Cells], first: int) -> pl.DataFrame:
    profiles = np.arange(first, first + len(cells))
    return _build_frame(
        PolicyCells,
        data_source_profile=np.repeat(profiles, [len(each.reasons) for each in cells]),
        user_profile=np.concatenate([each.user_profiles for each in cells]),
        reason=np.concatenate([each.reasons for each in cells]),
    )


def _build_members(outcomes: Outcomes, scope: Scope) -> Iterator[pl.DataFrame]:
    admitted, manual = outcomes.scopes[scope].admitted, outcomes.scopes[scope].manual
    yield _build_frame(Members, **_name_pairs(outcomes, admitted.pairs, scope=scope), reason=admitted.reasons)
    yield _build_frame(Members, **_name_pairs(outcomes, manual, scope=scope), reason=None)


def _name_pairs(outcomes: Outcomes, pairs: Pairs, **between: str) -> dict[str, object]:
    """Return the ids of pairs, with further columns between the two."""
    return {
        "data_source_id": outcomes.data_source_ids.gather(pl.Series(pairs.sources)),
        **between,
        "global_user_id": outcomes.global_user_ids.gather(pl.Series(pairs.users)),
    }


def from_frames(frames: Mapping[str, pl.LazyFrame], export_date: datetime) -> Outcomes:
    """Return the outcomes that ``to_frames`` was given; ``export_date`` is UTC without a zone."""
    loaded = {name: frame.collect() for name, frame in frames.items() if name != "cells"}
    users, merged = loaded["users"], loaded["merged_policies"]
    sources = loaded["data_sources"].filter(scope=SCOPES[0])["data_source_id"]
    positions = _UserPositions(sources, users["global_user_id"])
    texts = merged["merged_policy"].unique(maintain_order=True)
    cells = _split_cells(frames["cells"], merged.height)
    return Outcomes(
        export_date=export_date,
        data_source_ids=sources,
        global_user_ids=users["global_user_id"],
        profile_of_user=narrow(users["user_profile"].to_numpy()),
        policy_ids=loaded["reasons"]["policy_ids"],
        merged_policies=texts.to_list(),
        scopes={scope: _read_scope(scope, loaded, cells, texts, positions) for scope in SCOPES},
        owners=positions.locate_pairs(loaded["owners"]),
    )


class _UserPositions:
    """Translates ids to positions."""

    def __init__(self, data_source_ids: pl.Series, global_user_ids: pl.Series) -> None:
        self._sources = data_source_ids.to_frame().with_row_index("source")
        self._users = global_user_ids.to_frame().with_row_index("user")

    def locate_pairs(self, frame: pl.DataFrame) -> Pairs:
        """Return the pairs of a frame with data_source_id and global_user_id, in its order."""
        known = frame.join(self._sources, on="data_source_id", how="left", maintain_order="left")
        known = known.join(self._users, on="global_user_id", how="left", maintain_order="left")
        return Pairs(known["source"].cast(pl.Int64).to_numpy(), known["user"].cast(pl.Int64).to_numpy())


def _split_cells(cells: pl.LazyFrame, profiles: int) -> list[Cells]:
    lengths = cells.group_by("data_source_profile").len().collect(engine="streaming")
    counts = np.zeros(profiles, dtype=np.int64)
    counts[lengths["data_source_profile"].to_numpy()] = lengths["len"].to_numpy()
    users, reasons = _read_narrow(cells, "user_profile"), _read_narrow(cells, "reason")
    bounds = pairwise(np.cumsum([0, *counts]).tolist())
    return [Cells(users[start:end], reasons[start:end]) for start, end in bounds]


def _read_narrow(cells: pl.LazyFrame, column: str) -> Codes:
    """Return a column in the narrowest type, which it takes while it is read."""
    largest = cells.select(pl.col(column).max()).collect(engine="streaming").item() or 0
    narrow_type = pl.UInt16 if largest < NARROW_LIMIT else pl.UInt32
    return cells.select(pl.col(column).cast(narrow_type)).collect(engine="streaming").to_series().to_numpy()


def _read_scope(
    scope: Scope, loaded: Mapping[str, pl.DataFrame], cells: list[Cells], texts: pl.Series, positions: _UserPositions
) -> ScopeOutcomes:
    merged = loaded["merged_policies"].filter(scope=scope)
    numbers = merged["data_source_profile"].cast(pl.Int64).to_numpy()
    profiles = loaded["data_sources"].filter(scope=scope)["data_source_profile"].cast(pl.Int64).to_numpy()
    members = loaded["members"].filter(scope=scope)
    admitted, manual = members.filter(pl.col("reason").is_not_null()), members.filter(pl.col("reason").is_null())
    text_numbers = texts.to_frame().with_row_index("text")
    return ScopeOutcomes(
        profile_of_source=profiles - numbers.min(initial=len(cells)),
        cells=[cells[number] for number in numbers],
        texts=merged.join(text_numbers, on="merged_policy", how="left", maintain_order="left")["text"].to_numpy(),
        admitted=AdmittedMembers(positions.locate_pairs(admitted), admitted["reason"].to_numpy()),
        manual=positions.locate_pairs(manual),
    )
