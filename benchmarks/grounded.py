"""What set-based peers start from, free of charge: who meets which instance, and what applies where.

Left out for every engine that is compared: members by hand, and grants for members only.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks.tenants import Tenant, keep, load
from immuta_assets.policies import members
from immuta_assets.policies.conditions import Conditions, UserIndex
from immuta_assets.policies.rules import CONFLICTING_LEVELS, SubscriptionPolicy, parse_policies
from immuta_assets.policies.targets import SourceIndex, Target, find_targets, index_sources
from immuta_assets.tenant.info import TenantInfo


class Grounded(NamedTuple):
    """Relations between numbers.

    ``met``: instance, user. ``targets``: target, data_source_id, scope, guardrail_ids (ascending); a target is a data
    source in a scope where somebody may be subscribed. ``grants``: target, gate, policy_id, instance, where a grant
    without a policy stands for guardrails that are the grant themselves. ``gates``: gate, instance, needed; a gate is
    a set of guardrails' instances, ``needed`` their number.
    """

    met: pl.DataFrame
    targets: pl.DataFrame
    grants: pl.DataFrame
    gates: pl.DataFrame


def keep_grounded(tenant: Tenant, folder: Path) -> None:
    """Ground a tenant's conditions and write the relations for ``load_grounded``."""
    keep(ground(tenant)._asdict(), folder)


def load_grounded(folder: Path) -> Grounded:
    """Return the relations that ``keep_grounded`` wrote."""
    return Grounded(**load(folder))


def ground(tenant: Tenant) -> Grounded:
    """Return the relations of a tenant."""
    index = _index_sources(tenant)
    principals = UserIndex(tenant["users"], tenant["groups"], tenant["group_members"])
    conditions = Conditions(principals, index)
    policies = parse_policies(tenant["policies"])
    where = zip(policies, find_targets(policies, index), strict=True)
    applied = pl.concat(_list_applied(policy, target, conditions) for policy, target in where)
    met = pl.concat(
        _list_met(instance, np.unpackbits(bitmap, count=principals.count, bitorder="little"))
        for instance, bitmap in enumerate([*conditions.bitmaps, principals.pack_everybody()])
    )
    everybody = len(conditions.bitmaps)
    return _relate(met, applied, index.data_sources["data_source_id"], everybody)


def count_policies_per_data_source(tenant: Tenant) -> float:
    """Return the number of policies that apply to a data source on average."""
    where = find_targets(parse_policies(tenant["policies"]), _index_sources(tenant))
    return float(np.mean(np.sum([target.applies for target in where], axis=0)))


def _index_sources(tenant: Tenant) -> SourceIndex:
    sources = tenant["data_sources"].filter(~pl.col("deleted")).sort("data_source_id")
    return index_sources(sources, tenant["columns"], tenant["domains"], _list_owners(tenant))


def _list_owners(tenant: Tenant) -> pl.DataFrame:
    """Return the owners as owner restrictions name them."""
    counting = members.list_memberships(
        tenant["data_source_members"], tenant["group_members"], TenantInfo.read(tenant["tenant"]).dumped_at
    )
    names = tenant["group_members"].join(tenant["groups"], on="group_id").group_by("profile_id").agg(groups="name")
    users = tenant["users"].select("profile_id", "iam_id", "user_id").join(names, on="profile_id", how="left")
    owners = members.select_owners(counting).join(users, on="profile_id").with_columns(pl.col("groups").fill_null([]))
    return owners.select("data_source_id", "iam_id", "user_id", "groups")


def _list_applied(policy: SubscriptionPolicy, target: Target, conditions: Conditions) -> pl.DataFrame:
    sources = np.flatnonzero(target.applies)
    instances = conditions.number_instances(sources, policy.condition) if len(sources) else sources.astype(np.int32)
    return pl.DataFrame(
        {"source": sources, "instance": instances, "certain": target.certain[sources]},
        schema={"source": pl.Int64, "instance": pl.Int32, "certain": pl.Boolean},
    ).select(
        "source",
        "instance",
        scope=pl.lit(policy.scope),
        policy_id=pl.lit(policy.policy_id, dtype=pl.Int64),
        guardrail=pl.lit(policy.is_guardrail),
        automatic=pl.lit(policy.automatic),
        exclusive=pl.lit(policy.level in CONFLICTING_LEVELS and not policy.is_guardrail),
        legacy=pl.lit(policy.legacy) & pl.col("certain"),
    )


def _list_met(instance: int, mask: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> pl.DataFrame:
    users = np.flatnonzero(mask).astype(np.uint32)
    return pl.DataFrame({"user": users}).select(instance=pl.lit(instance, dtype=pl.Int32), user="user")


def _relate(met: pl.DataFrame, applied: pl.DataFrame, data_source_ids: pl.Series, everybody: int) -> Grounded:
    guardrail = pl.col("guardrail")
    by_target = (
        applied.sort("policy_id")
        .group_by("source", "scope")
        .agg(
            guardrail_ids=pl.col("policy_id").filter(guardrail),
            barriers=pl.col("instance").filter(guardrail).unique().sort(),
            legacy=guardrail.all() & pl.col("legacy").any(),
            conflict=pl.col("exclusive").sum() > 1,
        )
    )
    usable = by_target.filter(~pl.col("conflict")).sort("source", "scope").with_row_index("target")
    gates = usable.select("barriers").unique().with_row_index("gate")
    usable = usable.join(gates, on="barriers")
    grants = applied.filter(~guardrail, "automatic").join(usable, on=["source", "scope"])
    by_guardrails = usable.filter("legacy").with_columns(
        policy_id=pl.lit(None, dtype=pl.Int64), instance=pl.lit(everybody, dtype=pl.Int32)
    )
    columns = ["target", "gate", "policy_id", "instance"]
    needed = pl.col("barriers").list.len().clip(lower_bound=1).alias("needed")
    return Grounded(
        met=met,
        targets=usable.select(
            "target", "scope", "guardrail_ids", data_source_id=data_source_ids.gather(usable["source"])
        ),
        grants=pl.concat([grants.select(columns), by_guardrails.select(columns)]),
        gates=gates.select("gate", needed, instance="barriers").explode("instance").fill_null(everybody),
    )
