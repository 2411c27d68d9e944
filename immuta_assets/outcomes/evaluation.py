"""Who gets access to which data source, and why: its policies combined (docs/policy_semantics.md, section 4).

Everything is evaluated once per profile: users who meet the same conditions, and data sources with the same conditions,
share their outcome, and equal reasons are kept once. The result is the compact form of ``compact``. No scope depends on
the other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from immuta_assets.outcomes.compact import (
    SCOPES,
    AdmittedMembers,
    Cells,
    Codes,
    Numbers,
    Outcomes,
    Pairs,
    Scope,
    ScopeOutcomes,
    narrow,
)
from immuta_assets.policies import members
from immuta_assets.policies.conditions import (
    Bitmap,
    Conditions,
    UserIndex,
    UserProfiles,
    classify_columns,
    group_users,
)
from immuta_assets.policies.rules import CONFLICTING_LEVELS, SubscriptionPolicy, parse_policies
from immuta_assets.policies.targets import Target, find_targets, index_sources
from immuta_assets.tenant.info import TenantInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)

COLLECTIONS = (
    *("tenant", "users", "groups", "group_members", "data_sources", "columns"),
    *("data_source_members", "policies", "domains"),
)
"""The collections that outcomes are evaluated from."""


class Conflict(NamedTuple):
    """Grants that exclude each other on one data source: no policy subscribes anybody to it in that scope."""

    data_source_id: int
    scope: Scope
    policy_ids: tuple[int, ...]


class UnusableCondition(NamedTuple):
    """A condition on data sources (its position, from 0) that cannot be used, and so counts against the user."""

    policy_id: int
    position: int


class Evaluation(NamedTuple):
    """The outcomes, and what people should put right in the policies."""

    outcomes: Outcomes
    conflicts: list[Conflict]
    unusable: list[UnusableCondition]


def evaluate(tenant: Mapping[str, pl.DataFrame]) -> Evaluation:
    """Evaluate all subscription policies of a tenant.

    ``tenant`` has the ``COLLECTIONS``. Disabled data sources, disabled users and system accounts have no outcomes.
    """
    info = TenantInfo.read(tenant["tenant"])
    inputs = _prepare_inputs(tenant, info)
    reasons, texts = _Reasons([each.policy.policy_id for each in inputs.applied]), _Texts()
    combined = {scope: _combine_policies(scope, inputs) for scope in SCOPES}
    scopes = {scope: _evaluate_scope(scope, combined[scope], inputs, reasons, texts) for scope in SCOPES}
    outcomes = Outcomes(
        export_date=info.export_date,
        data_source_ids=inputs.data_source_ids,
        global_user_ids=inputs.principals.global_user_ids,
        profile_of_user=inputs.profiles.profile_of_user,
        policy_ids=reasons.list_policy_ids(),
        merged_policies=texts.list_texts(),
        scopes=scopes,
        owners=inputs.owners,
    )
    return Evaluation(
        outcomes,
        [conflict for scope in SCOPES for conflict in _find_conflicts(scope, combined[scope], inputs)],
        [
            UnusableCondition(each.policy.policy_id, number)
            for each in inputs.applied
            for number in each.target.unusable
        ],
    )


class _AppliedPolicy(NamedTuple):
    """A policy, where it applies, and its key on each data source.

    The key is 0 where the policy does not apply. Else it encodes the instance of its condition, and whether it applies
    for certain.
    """

    policy: SubscriptionPolicy
    target: Target
    keys: npt.NDArray[np.int32]


def _apply_policy(policy: SubscriptionPolicy, target: Target, conditions: Conditions) -> _AppliedPolicy:
    sources = np.flatnonzero(target.applies)
    keys = np.zeros(len(target.applies), dtype=np.int32)
    if len(sources):
        keys[sources] = (conditions.number_instances(sources, policy.condition) + 1) * 2 + target.certain[sources]
    return _AppliedPolicy(policy, target, keys)


@dataclass(frozen=True)
class _Inputs:
    """The inputs of both scopes; ``applied`` is ordered by policy id, data sources and users by their ids.

    ``listed`` holds the pairs of ``memberships``, ``owners`` those of its owners.
    """

    data_source_ids: pl.Series
    principals: UserIndex
    memberships: pl.DataFrame
    positions: _MemberPositions
    listed: Pairs
    owners: Pairs
    applied: list[_AppliedPolicy]
    profiles: UserProfiles


def _prepare_inputs(tenant: Mapping[str, pl.DataFrame], info: TenantInfo) -> _Inputs:
    sources = tenant["data_sources"].filter(~pl.col("deleted")).sort("data_source_id")
    principals = UserIndex(tenant["users"], tenant["groups"], tenant["group_members"])
    memberships = members.list_memberships(tenant["data_source_members"], tenant["group_members"], info.dumped_at)
    owners = _describe_owners(members.select_owners(memberships), tenant)
    index = index_sources(sources, tenant["columns"], tenant["domains"], owners)
    policies = parse_policies(tenant["policies"])
    conditions = Conditions(principals, index)
    where = zip(policies, find_targets(policies, index), strict=True)
    applied = [_apply_policy(policy, target, conditions) for policy, target in where]
    profiles = group_users(conditions.bitmaps, principals.count)
    _log_sizes(
        policies=len(policies), data_sources=sources.height, users=principals.count, user_profiles=profiles.count
    )
    positions = _MemberPositions(sources["data_source_id"], principals.profile_ids)
    listed, owning = positions.locate_pairs(memberships), positions.locate_pairs(members.select_owners(memberships))
    return _Inputs(sources["data_source_id"], principals, memberships, positions, listed, owning, applied, profiles)


def _log_sizes(**sizes: int) -> None:
    logger.info("evaluating %s", ", ".join(f"{size:,} {name.replace('_', ' ')}" for name, size in sizes.items()))


class _AppliedRule(NamedTuple):
    """A policy as it applies to the data sources of a profile; ``bit`` is its position among all policies."""

    bit: int
    policy: SubscriptionPolicy
    instance: int
    certain: bool


class _Merge(NamedTuple):
    """The policies of one scope that apply to the data sources of a profile, and whom they let through.

    ``allowed`` is the bitmap of user profiles that meet every guardrail. Without grants, ``legacy`` says that meeting
    them is itself the grant.
    """

    guardrails: list[_AppliedRule]
    grants: list[_AppliedRule]
    legacy: bool
    conflict: tuple[int, ...]
    allowed: Bitmap

    @property
    def automatic(self) -> list[_AppliedRule]:
        """The grants that subscribe every user who meets them."""
        return [] if self.conflict else [rule for rule in self.grants if rule.policy.automatic]

    @property
    def members_only(self) -> list[_AppliedRule]:
        """The grants that let in only who is on the member list."""
        return [] if self.conflict else [rule for rule in self.grants if not rule.policy.automatic]

    @property
    def text(self) -> str:
        """The merged policy: guardrails, then grants, by ascending policy id."""
        parts = [f"({rule.policy.merged_text})" for rule in self.guardrails]
        grants = " OR ".join(f"({rule.policy.merged_text})" for rule in self.grants)
        return " AND ".join([*parts, f"({grants})"] if grants else parts)


class _Combination(NamedTuple):
    """The distinct merges of a scope, and the number of each data source's merge."""

    merges: list[_Merge]
    merge_of_source: Numbers


def _combine_policies(scope: Scope, inputs: _Inputs) -> _Combination:
    bits = [bit for bit, each in enumerate(inputs.applied) if each.policy.scope == scope]
    no_policy = np.zeros(len(inputs.data_source_ids), dtype=np.int32)
    keys = np.stack([no_policy, *(inputs.applied[bit].keys for bit in bits)], axis=1)
    distinct, merge_of_source = np.unique(keys, axis=0, return_inverse=True)
    merges = [_merge_rules(_select_rules(bits, row[1:], inputs), inputs.profiles) for row in distinct]
    return _Combination(merges, merge_of_source.ravel().astype(np.int64))


def _select_rules(bits: list[int], keys: npt.NDArray[np.int32], inputs: _Inputs) -> list[_AppliedRule]:
    return [
        _AppliedRule(bits[position], inputs.applied[bits[position]].policy, int(key >> 1) - 1, bool(key & 1))
        for position, key in zip(np.flatnonzero(keys), keys[keys != 0], strict=True)
    ]


def _merge_rules(rules: list[_AppliedRule], profiles: UserProfiles) -> _Merge:
    guardrails = [rule for rule in rules if rule.policy.is_guardrail]
    grants = [rule for rule in rules if not rule.policy.is_guardrail]
    exclusive = tuple(rule.policy.policy_id for rule in grants if rule.policy.level in CONFLICTING_LEVELS)
    return _Merge(
        guardrails=guardrails,
        grants=grants,
        legacy=not grants and any(rule.policy.legacy and rule.certain for rule in guardrails),
        conflict=exclusive if len(exclusive) > 1 else (),
        allowed=reduce(
            np.bitwise_and, (profiles.bitmaps[rule.instance] for rule in guardrails), profiles.pack_everybody()
        ),
    )


def _find_conflicts(scope: Scope, combination: _Combination, inputs: _Inputs) -> list[Conflict]:
    conflicting = [number for number, merge in enumerate(combination.merges) if merge.conflict]
    where = np.flatnonzero(np.isin(combination.merge_of_source, conflicting))
    return [
        Conflict(inputs.data_source_ids[int(source)], scope, combination.merges[merge].conflict)
        for source, merge in zip(where, combination.merge_of_source[where], strict=True)
    ]


class _MemberPositions:
    """Translates ids of data sources and profiles to their positions; pairs with an unknown one are left out."""

    def __init__(self, data_source_ids: pl.Series, profile_ids: pl.Series) -> None:
        self._sources = pl.DataFrame({"data_source_id": data_source_ids}).with_row_index("source")
        self._users = pl.DataFrame({"profile_id": profile_ids}).with_row_index("user")

    def locate(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame with source and user in place of data_source_id and profile_id, in their order."""
        known = frame.join(self._sources, on="data_source_id").join(self._users, on="profile_id")
        return known.drop("data_source_id", "profile_id").sort("source", "user")

    def locate_pairs(self, frame: pl.DataFrame) -> Pairs:
        """Return the distinct pairs of a frame with data_source_id and profile_id."""
        return _read_pairs(self.locate(frame.select("data_source_id", "profile_id").unique()))


def _read_pairs(frame: pl.DataFrame) -> Pairs:
    return Pairs(frame["source"].cast(pl.Int64).to_numpy(), frame["user"].cast(pl.Int64).to_numpy())


def _describe_owners(owners: pl.DataFrame, tenant: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the owners as owner restrictions name them: data_source_id, iam_id, user_id, groups (names)."""
    names = tenant["group_members"].join(tenant["groups"], on="group_id").group_by("profile_id").agg(groups="name")
    users = tenant["users"].select("profile_id", "iam_id", "user_id").join(names, on="profile_id", how="left")
    described = owners.join(users, on="profile_id").with_columns(pl.col("groups").fill_null([]))
    return described.select("data_source_id", "iam_id", "user_id", "groups")


class _Reasons:
    """Reasons, each a set of policies (as bits); equal ones have one number."""

    def __init__(self, policy_ids: list[int]) -> None:
        self._policy_ids = np.array(policy_ids, dtype=np.int64)
        self._words = len(policy_ids) // 64 + 1
        self._numbers: dict[bytes, int] = {}

    def number_sets(
        self, always: list[_AppliedRule], sometimes: list[_AppliedRule], met: npt.NDArray[np.uint8]
    ) -> Codes:
        """Return a reason per column of ``met``: all of ``always``, and those of ``sometimes`` whose row is 1 there."""
        words = np.zeros((met.shape[1], self._words), dtype="<u8")
        for rule in always:
            words[:, rule.bit // 64] |= np.uint64(1 << rule.bit % 64)
        for rule, row in zip(sometimes, met, strict=True):
            words[:, rule.bit // 64] |= row.astype(np.uint64) << np.uint64(rule.bit % 64)
        sets: list[bytes] = words.view(f"V{8 * self._words}").ravel().tolist()
        found = [self._numbers.setdefault(policies, len(self._numbers)) for policies in sets]
        return narrow(np.array(found, dtype=np.int64))

    def list_policy_ids(self) -> pl.Series:
        """Return the ids of each reason, ascending, as lists."""
        sets = np.frombuffer(b"".join(self._numbers), dtype=np.uint8).reshape(-1, 8 * self._words)
        blocks = [
            self._list_ids(sets[start : start + _SETS_PER_BLOCK]) for start in range(0, len(sets), _SETS_PER_BLOCK)
        ]
        none = pl.Series(dtype=pl.List(pl.Int64))
        return pl.concat([none, *blocks]).alias("policy_ids")

    def _list_ids(self, sets: npt.NDArray[np.uint8]) -> pl.Series:
        bits = np.unpackbits(sets, axis=1, bitorder="little")
        offsets = np.concatenate([[0], np.cumsum(bits.sum(axis=1, dtype=np.int64))])
        ids = self._policy_ids[np.nonzero(bits)[1]]
        return pl.Series(pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(ids, pa.int64())))


_SETS_PER_BLOCK = 8_192
"""Sets are unpacked to a byte per policy, some at a time."""


class _Texts:
    """Merged policies, each text once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number_text(self, text: str) -> int:
        """Return the number of the text."""
        return self._numbers.setdefault(text, len(self._numbers))

    def list_texts(self) -> list[str]:
        """Return all texts in the order of their numbers."""
        return list(self._numbers)


def _evaluate_scope(
    scope: Scope, combination: _Combination, inputs: _Inputs, reasons: _Reasons, texts: _Texts
) -> ScopeOutcomes:
    manual = inputs.positions.locate(members.select_manual_members(inputs.memberships.filter(scope=scope)))
    return ScopeOutcomes(
        profile_of_source=combination.merge_of_source,
        cells=[_evaluate_cells(merge, inputs.profiles, reasons) for merge in combination.merges],
        texts=np.array([texts.number_text(merge.text) for merge in combination.merges], dtype=np.int64),
        admitted=_admit_members(combination, inputs.profiles, inputs.listed, reasons),
        manual=_select_allowed(manual, combination, inputs.profiles),
    )


def _evaluate_cells(merge: _Merge, profiles: UserProfiles, reasons: _Reasons) -> Cells:
    """Return the user profiles that the policies subscribe whatever the member list says, each with its reason."""
    grants = merge.automatic
    bitmaps = profiles.bitmaps[[rule.instance for rule in grants]]
    granted = profiles.pack_everybody() if merge.legacy else np.bitwise_or.reduce(bitmaps, axis=0)
    users = profiles.list_members(merge.allowed & granted)
    met = profiles.unpack_bits(bitmaps, users)
    first, kind = classify_columns([met], len(users))
    return Cells(narrow(users), reasons.number_sets(merge.guardrails, grants, met[:, first])[kind])


def _admit_members(
    combination: _Combination, profiles: UserProfiles, listed: Pairs, reasons: _Reasons
) -> AdmittedMembers:
    """Return the users on a member list who meet a grant that is for members only."""
    with_members_only = [number for number, merge in enumerate(combination.merges) if merge.members_only]
    sources = np.unique(listed.sources[np.isin(combination.merge_of_source[listed.sources], with_members_only)])
    parts = [_admit_members_of(int(source), combination, profiles, listed, reasons) for source in sources]
    return AdmittedMembers(
        Pairs(_concatenate(part.pairs.sources for part in parts), _concatenate(part.pairs.users for part in parts)),
        np.concatenate([np.empty(0, np.uint16), *(part.reasons for part in parts)]),
    )


def _concatenate(arrays: Iterable[Numbers]) -> Numbers:
    return np.concatenate([np.empty(0, np.int64), *arrays])


def _admit_members_of(
    source: int, combination: _Combination, profiles: UserProfiles, listed: Pairs, reasons: _Reasons
) -> AdmittedMembers:
    merge = combination.merges[combination.merge_of_source[source]]
    users = listed.users[listed.locate_source(source)]
    user_profiles = profiles.profile_of_user[users]
    by_membership = profiles.unpack_bits(
        profiles.bitmaps[[rule.instance for rule in merge.members_only]], user_profiles
    )
    by_itself = profiles.unpack_bits(profiles.bitmaps[[rule.instance for rule in merge.automatic]], user_profiles)
    allowed = profiles.unpack_bits(merge.allowed[None, :], user_profiles)[0]
    admitted = np.logical_and(allowed, by_membership.any(axis=0))
    met = np.concatenate([by_membership, by_itself])[:, admitted]
    return AdmittedMembers(
        Pairs(np.full(admitted.sum(), source, dtype=np.int64), users[admitted]),
        reasons.number_sets(merge.guardrails, [*merge.members_only, *merge.automatic], met),
    )


def _select_allowed(manual: pl.DataFrame, combination: _Combination, profiles: UserProfiles) -> Pairs:
    """Return the members by hand who meet the guardrails, or are owners by an entry made by hand."""
    pairs = _read_pairs(manual)
    if not len(pairs.users):
        return pairs
    allowed = np.stack([merge.allowed for merge in combination.merges])
    user_profiles = profiles.profile_of_user[pairs.users]
    row = allowed[combination.merge_of_source[pairs.sources], user_profiles >> 3]
    kept = manual["as_owner"].to_numpy() | (row >> (user_profiles & 7).astype(np.uint8) & 1).astype(np.bool_)
    return Pairs(pairs.sources[kept], pairs.users[kept])
