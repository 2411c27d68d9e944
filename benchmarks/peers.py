"""The same work by other means: set-based SQL, data frames, compressed bitmaps, and one decision after the other.

All start from the relations of ``grounded`` and end with a file of rows: user (position), data_source_id, scope and
policy_ids (ascending). Bitmaps know no policies; Cedar decides a sample. Add a peer as a function from the folder of
the relations and a folder to write in to a ``Result``, and name it in ``PEERS``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import product
from operator import and_, or_
from pathlib import Path
from typing import NamedTuple

import cedarpy
import duckdb
import numpy as np
import polars as pl
from pyroaring import BitMap

from benchmarks.grounded import Grounded, load_grounded
from benchmarks.measuring import Cost, Meter

DUCKDB_MEMORY = "16GB"
ROWS = {"user": pl.UInt32(), "data_source_id": pl.Int64(), "scope": pl.String(), "policy_ids": pl.List(pl.Int64)}
"""Columns of a peer's file."""
GUARDRAILS_ALONE = 0
"""In place of a policy where guardrails are the grant themselves; no policy has this id."""
SAMPLED_USERS, SAMPLED_TARGETS = 40, 50
"""How many users Cedar decides about, on how many targets."""
Pairs = dict[int, BitMap]
"""Users by target."""


class Result(NamedTuple):
    """What a peer took, the file of its rows, and how many pairs it decided where that is a sample."""

    cost: Cost
    rows: Path
    sample: int | None = None


DUCKDB_QUERY = """
WITH open AS (
    SELECT gate, user FROM gates JOIN met USING (instance) GROUP BY gate, user HAVING count(*) = any_value(needed)
), through AS (
    SELECT gate, instance, user
    FROM (SELECT DISTINCT gate, instance FROM grants) JOIN met USING (instance) SEMI JOIN open USING (gate, user)
), subscribed AS (
    SELECT user, target, list(policy_id) FILTER (policy_id IS NOT NULL) AS grant_ids
    FROM grants JOIN through USING (gate, instance)
    GROUP BY user, target
)
SELECT user, data_source_id, scope, list_sort(list_concat(guardrail_ids, grant_ids)) AS policy_ids
FROM subscribed JOIN targets USING (target)
"""
"""Users and gates meet before the grants of every target multiply them, which is faster than the other way round."""


def run_duckdb(relations: Path, folder: Path) -> Result:
    """Joins and a list aggregate; what does not fit in memory goes to disk."""
    settings = {"memory_limit": DUCKDB_MEMORY, "temp_directory": str(folder), "preserve_insertion_order": "false"}
    with duckdb.connect(config={**settings}) as connection:
        connection.execute("SET enable_progress_bar = false")
        for name in Grounded._fields:
            connection.read_parquet(str(relations / f"{name}.parquet")).create(name)
        rows, meter = folder / "duckdb.parquet", Meter()
        query = connection.sql(DUCKDB_QUERY)
        _, cost = meter.run(query.write_parquet, str(rows), compression="zstd")
    return Result(cost, rows)


def run_polars(relations: Path, folder: Path) -> Result:
    """Join and group_by, streaming."""
    query, meter = _select_polars_rows(load_grounded(relations)), Meter()
    rows = folder / "polars.parquet"
    _, cost = meter.run(query.sink_parquet, rows, compression="zstd")
    return Result(cost, rows)


def _select_polars_rows(grounded: Grounded) -> pl.LazyFrame:
    met, targets, grants, gates = (frame.lazy() for frame in grounded)
    opened = gates.join(met, on="instance").group_by("gate", "user").agg(pl.len(), pl.col("needed").first())
    opened = opened.filter(pl.col("len") == pl.col("needed")).select("gate", "user")
    through = grants.select("gate", "instance").unique().join(met, on="instance")
    through = through.join(opened, on=["gate", "user"], how="semi")
    granted = grants.join(through, on=["gate", "instance"])
    subscribed = granted.group_by("user", "target").agg(grant_ids=pl.col("policy_id").drop_nulls())
    return subscribed.join(targets, on="target").select(
        "user", "data_source_id", "scope", policy_ids=pl.concat_list("guardrail_ids", "grant_ids").list.sort()
    )


def run_pyroaring(relations: Path, folder: Path) -> Result:
    """Union of the grants and intersection with the guardrails, target by target."""
    grounded = load_grounded(relations)
    met = {instance: BitMap(users) for instance, users in _group_rows(grounded.met, "instance", "user")}
    needed = dict(_group_rows(grounded.gates, "gate", "instance"))
    grants = list(_group_rows(grounded.grants, "target", "instance"))
    gate_of_target = dict(grounded.grants.select("target", "gate").iter_rows())
    meter = Meter()

    def pairs() -> Pairs:
        opened = {gate: _fold_bitmaps(and_, met, instances) for gate, instances in needed.items()}
        return {
            target: _fold_bitmaps(or_, met, instances) & opened[gate_of_target[target]] for target, instances in grants
        }

    found, cost = meter.run(pairs)
    rows = folder / "pyroaring.parquet"
    named = _list_pair_rows(found).join(grounded.targets.lazy(), on="target").select("user", "data_source_id", "scope")
    named.sink_parquet(rows)
    return Result(cost, rows)


def _fold_bitmaps(operator: Callable[[BitMap, BitMap], BitMap], met: dict[int, BitMap], instances: list[int]) -> BitMap:
    return reduce(operator, (met.get(instance, BitMap()) for instance in instances))


def _group_rows(frame: pl.DataFrame, key: str, value: str) -> Iterator[tuple[int, list[int]]]:
    return frame.group_by(key).agg(value).iter_rows()


def _list_pair_rows(pairs: Pairs) -> pl.LazyFrame:
    users = [np.frombuffer(found.to_array(), dtype=np.uint32) for found in pairs.values()]
    targets = np.repeat(np.array(list(pairs), dtype=np.uint32), [len(found) for found in users])
    return pl.LazyFrame({"target": targets, "user": np.concatenate(users)})


def run_cedar(relations: Path, folder: Path) -> Result:
    """One decision per pair, for a sample; the policies that decided are Cedar's diagnostics."""
    grounded = load_grounded(relations)
    users = grounded.met["user"].unique().sort().sample(SAMPLED_USERS, seed=0).to_list()
    targets = grounded.targets.sample(SAMPLED_TARGETS, seed=0)
    grants = grounded.grants.join(targets, on="target", how="semi").with_columns(
        pl.col("policy_id").fill_null(GUARDRAILS_ALONE)
    )
    policy_ids = grants["policy_id"].unique().sort().to_list()
    policies, entities = _write_cedar_policies(policy_ids), json.dumps(_list_cedar_entities(grounded, users, grants))
    asked = list(product(users, targets.iter_rows(named=True)))
    requests = [_make_cedar_request(user, target["target"]) for user, target in asked]
    answers, cost = Meter().run(cedarpy.is_authorized_batch, requests, policies, entities)
    rows = folder / "cedar.parquet"
    pl.DataFrame(
        [
            (
                user,
                target["data_source_id"],
                target["scope"],
                _read_decision(answer, policy_ids, target["guardrail_ids"]),
            )
            for (user, target), answer in zip(asked, answers, strict=True)
        ],
        schema=ROWS,
        orient="row",
    ).write_parquet(rows)
    return Result(cost, rows, sample=len(asked))


def _write_cedar_policies(policy_ids: list[int]) -> str:
    """Write a permit per grant, in order, and one forbid for all guardrails."""
    head = "(principal, action, resource)"
    permits = [
        f"permit{head} when {{ resource has p{n} && principal.met.contains(resource.p{n}) }};" for n in policy_ids
    ]
    return "\n".join([*permits, f"forbid{head} unless {{ principal.met.containsAll(resource.needed) }};"])


def _list_cedar_entities(grounded: Grounded, users: list[int], grants: pl.DataFrame) -> list[dict[str, object]]:
    met = dict(_group_rows(grounded.met.filter(pl.col("user").is_in(users)), "user", "instance"))
    needed = dict(_group_rows(grounded.gates, "gate", "instance"))
    demands: dict[int, dict[str, object]] = {}
    for target, gate, policy_id, instance in grants.with_columns(
        pl.col("policy_id").fill_null(GUARDRAILS_ALONE)
    ).iter_rows():
        demands.setdefault(target, {"needed": needed[gate]})[f"p{policy_id}"] = instance
    people = [_make_entity("User", user, {"met": met[user]}) for user in users]
    return [*people, *(_make_entity("Target", target, attributes) for target, attributes in demands.items())]


def _make_entity(kind: str, number: int, attributes: dict[str, object]) -> dict[str, object]:
    return {"uid": {"type": kind, "id": str(number)}, "attrs": attributes, "parents": []}


def _make_cedar_request(user: int, target: int) -> dict[str, object]:
    names = {"principal": f'User::"{user}"', "action": 'Action::"subscribe"', "resource": f'Target::"{target}"'}
    return {**names, "context": {}}


def _read_decision(answer: cedarpy.AuthzResult, policy_ids: list[int], guardrail_ids: list[int]) -> list[int] | None:
    """Return the ids of the policies that let somebody in and of the guardrails met; None where access is denied."""
    if not answer.allowed:
        return None
    grants = [policy_ids[int(reason.removeprefix("policy"))] for reason in answer.diagnostics.reasons]
    return sorted([*guardrail_ids, *(grant for grant in grants if grant != GUARDRAILS_ALONE)])


PEERS: dict[str, Callable[[Path, Path], Result]] = {
    "DuckDB SQL": run_duckdb,
    "Polars join + group_by": run_polars,
    "pyroaring (pairs only)": run_pyroaring,
    "cedarpy (sample)": run_cedar,
}
"""Every peer by name."""
