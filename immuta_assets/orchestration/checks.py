"""Checks: what must hold for data to go on, and what people should look at.

Add a check that compares tables here. What makes a single frame right belongs to its schema, which ``conforms`` proves.
Metadata holds counts and ids, never rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import dagster as dg
import dataframely as dy
import polars as pl

from immuta_assets.access_summary.joins import JOINS, Join, find_unmatched
from immuta_assets.audit.queries.status import CHECKS, Finding
from immuta_assets.frames.contract import is_guide_nullable
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.outcomes.evaluation import Conflict, UnusableCondition
from immuta_assets.policies.rules import parse_policies
from immuta_assets.tenant.references import find_dangling

SAMPLE = 10
"""How many ids a warning names at most."""

Days = dg.PartitionsDefinition[str]

TENANT = dg.AssetKey(["tenant", "tenant"])
POLICIES = dg.AssetKey(["prpr2", "policy-metadata"])
DATA_SOURCE_PROFILES = dg.AssetKey(["outcomes", "data_sources"])
COMPACT_LEFTS = {"policy_outcomes_to_users": "users", "policy_outcomes_to_policies": "reasons"}
"""Joins of policy-outcomes are proved on the frame of the compact form that holds every id, never on its rows."""


def define_conforms(key: dg.AssetKey, days: Days) -> dg.AssetCheckSpec:
    """Return the definition of the check that ``check_conforms`` evaluates."""
    description = "Columns, types, nulls, allowed values and unique keys are those of the schema."
    return dg.AssetCheckSpec("conforms", asset=key, blocking=True, partitions_def=days, description=description)


def check_conforms(key: dg.AssetKey, problems: Sequence[str]) -> Iterator[dg.AssetCheckResult]:
    """Evaluate ``conforms`` and fail the step where there are problems, so that nothing is stored.

    A failed blocking check alone would let the output be written before it stops what follows.
    """
    message = f"{key.to_user_string()} breaks its schema: {'; '.join(problems)}."
    yield dg.AssetCheckResult(
        check_name="conforms", asset_key=key, passed=not problems, description=message if problems else None
    )
    if problems:
        raise dg.Failure(message, allow_retries=False)


def define_complete(key: dg.AssetKey, days: Days) -> dg.AssetCheckSpec:
    """Return the definition of the check that ``check_complete`` evaluates."""
    description = "All files of the layout come from one dump: they share one export_date."
    return dg.AssetCheckSpec("complete", asset=key, blocking=True, partitions_def=days, description=description)


def check_complete(export_dates: Mapping[dg.AssetKey, datetime]) -> Iterator[dg.AssetCheckResult]:
    """Evaluate ``complete`` for the files of a layout; where it fails the step fails too, so nothing is published."""
    newest = max(export_dates.values())
    older = [key.path[-1] for key, date in export_dates.items() if date != newest]
    for key, date in export_dates.items():
        yield dg.AssetCheckResult(
            check_name="complete",
            asset_key=key,
            passed=date == newest,
            metadata={"export_date": f"{date} UTC", "newest export_date of the layout": f"{newest} UTC"},
        )
    if older:
        message = (
            f"{', '.join(older)} are older than the other files of {newest} UTC: materialize them for the same dump."
        )
        raise dg.Failure(message, allow_retries=False)


def define_kept_rows(key: dg.AssetKey, days: Days) -> dg.AssetCheckSpec:
    """Return the definition of the check that ``check_kept_rows`` evaluates."""
    description = "The table did not lose most of its rows since it was published last, or an operator confirmed it."
    return dg.AssetCheckSpec("kept_rows", asset=key, blocking=True, partitions_def=days, description=description)


def check_kept_rows(keys: Iterable[dg.AssetKey], shrunk: Mapping[dg.AssetKey, str]) -> Iterator[dg.AssetCheckResult]:
    """Evaluate ``kept_rows``: ``shrunk`` says of a file how many rows it lost; then nothing may be published."""
    for key in keys:
        yield dg.AssetCheckResult(
            check_name="kept_rows", asset_key=key, passed=key not in shrunk, description=shrunk.get(key)
        )


def define_references(days: Days) -> dg.AssetCheckSpec:
    """Return the definition of the check that ``check_references`` evaluates."""
    description = "Ids that one collection mentions exist in the collection they point to."
    return dg.AssetCheckSpec("references", asset=TENANT, partitions_def=days, description=description)


def check_references(tenant: Mapping[str, pl.LazyFrame]) -> dg.AssetCheckResult:
    """Warn of references to ids that the dump does not hold; they are kept where the export can show them."""
    found = find_dangling(tenant)
    count = sum(one.count for one in found)
    details = {f"{one.collection}: {one.reference}": f"{one.count:,} ({', '.join(one.sample)})" for one in found}
    return _warn("references", TENANT, count, "Dangling references", details)


def define_conflicts(days: Days) -> dg.AssetCheckSpec:
    """Return the definition of the check that ``check_conflicts`` evaluates."""
    description = "No data source has two grants of level anyone, approval or individual users in one scope."
    return dg.AssetCheckSpec(
        "policy_conflicts", asset=DATA_SOURCE_PROFILES, partitions_def=days, description=description
    )


def check_conflicts(found: Sequence[Conflict]) -> dg.AssetCheckResult:
    """Warn of policies that conflict: until that is resolved they subscribe nobody to the data source."""
    details = {
        f"data source {one.data_source_id}, {one.scope}": "policies " + ", ".join(map(str, one.policy_ids))
        for one in found[:SAMPLE]
    }
    message = "Data sources where policies conflict, so that no policy subscribes anybody"
    return _warn("policy_conflicts", DATA_SOURCE_PROFILES, len(found), message, details)


def define_conditions(days: Days) -> dg.AssetCheckSpec:
    """Return the definition of the check that ``check_conditions`` evaluates."""
    description = "Every condition that says which data sources a policy applies to can be evaluated."
    return dg.AssetCheckSpec(
        "usable_conditions", asset=DATA_SOURCE_PROFILES, partitions_def=days, description=description
    )


def check_conditions(found: Sequence[UnusableCondition]) -> dg.AssetCheckResult:
    """Warn of conditions that cannot be used and therefore count against access."""
    details = {f"policy {one.policy_id}": f"condition at position {one.position}" for one in found[:SAMPLE]}
    return _warn(
        "usable_conditions",
        DATA_SOURCE_PROFILES,
        len(found),
        "Unusable conditions, which count against access",
        details,
    )


def build_valid_policies(days: Days) -> dg.AssetChecksDefinition:
    """Return the check that warns of policies whose expression cannot be used and therefore lets nobody in."""

    @dg.asset_check(
        asset=POLICIES,
        name="valid_policies",
        partitions_def=days,
        additional_ins={"policies": dg.AssetIn(["tenant", "policies"])},
        description="Every subscription policy says whom it lets in.",
    )
    def check_policies(policies: pl.LazyFrame) -> dg.AssetCheckResult:
        found = [one for one in parse_policies(policies.collect()) if one.invalid]
        details = {f"policy {one.policy_id}": str(one.invalid) for one in found[:SAMPLE]}
        return _warn("valid_policies", POLICIES, len(found), "Invalid policies, which let nobody in", details)

    return check_policies


def build_documented_nulls(days: Days) -> list[dg.AssetChecksDefinition]:
    """Return a check per table that may need a null where the schema guide says non-null."""
    return [
        _build_documented_nulls(dg.AssetKey([layout.version, name]), schema, days)
        for layout in LAYOUTS.values()
        for name, schema in layout.tables.items()
        if _list_undocumented_nulls(schema)
    ]


def _build_documented_nulls(key: dg.AssetKey, schema: type[dy.Schema], days: Days) -> dg.AssetChecksDefinition:
    columns = _list_undocumented_nulls(schema)
    identifier = schema.column_names()[0]

    @dg.asset_check(
        asset=key,
        name="documented_nulls",
        partitions_def=days,
        description=f"No null in {' and '.join(columns)}, as the schema guide declares.",
    )
    def check_nulls(table: pl.LazyFrame) -> dg.AssetCheckResult:
        nulls = table.filter(pl.any_horizontal(pl.col(columns).is_null()))
        found = nulls.select(pl.col(identifier).unique(maintain_order=True)).collect().to_series().to_list()
        message = f"Ids with a null in {' or '.join(columns)}, which the schema guide declares non-null"
        return _warn("documented_nulls", key, len(found), message, {identifier: ", ".join(found[:SAMPLE])})

    return check_nulls


def build_joins(days: Days) -> list[dg.AssetChecksDefinition]:
    """Return a check per documented join that warns of ids without a partner."""
    return [_build_join(join, days) for join in JOINS]


def _build_join(join: Join, days: Days) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(["prpr2", join.left])
    compact = COMPACT_LEFTS.get(join.name)
    left = {"left": dg.AssetIn(["outcomes", compact])} if compact else {}

    @dg.asset_check(
        asset=key,
        name=join.name,
        partitions_def=days,
        additional_ins=left | {"right": dg.AssetIn(["prpr2", join.right])},
        description=f"Every id that joins {join.left} to {join.right} is found there.",
    )
    def check(left: pl.LazyFrame, right: pl.LazyFrame) -> dg.AssetCheckResult:
        lost = find_unmatched(join, left, right)
        message = f"Ids not found in {join.right}"
        return _warn(join.name, key, lost.count, message, {"ids": ", ".join(lost.sample)})

    return check


def _list_undocumented_nulls(schema: type[dy.Schema]) -> list[str]:
    return [name for name, column in schema.columns().items() if column.nullable and not is_guide_nullable(column)]


def _warn(name: str, key: dg.AssetKey, count: int, message: str, details: Mapping[str, str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=not count,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{message}: {count:,}." if count else None,
        metadata={"count": count} | (dict(details) if count else {}),
    )


def define_history(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the definitions of the checks that ``check_history`` evaluates."""
    return [dg.AssetCheckSpec(name, asset=key, description=promise) for name, promise in CHECKS.items()]


def check_history(key: dg.AssetKey, found: Sequence[Finding]) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the checks of query history, each over all connections."""
    for name in CHECKS:
        of_check = [one for one in found if one.check == name]
        grave = any(one.severity == "ERROR" for one in of_check)
        yield dg.AssetCheckResult(
            check_name=name,
            asset_key=key,
            passed=not of_check,
            severity=dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN,
            description=" ".join(one.message for one in of_check) or None,
            metadata={"findings": len(of_check)},
        )
