"""Which data sources a policy applies to: its circumstances and owner restrictions (docs/policy_semantics.md, 2).

A condition gives a mask over the data sources; a condition that cannot be used counts against the user, as true for
a guardrail and as false for a grant. Add a new kind of condition to ``_CONDITIONS``. Which users a policy lets in does
not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from immuta_assets.policies.regex_search import Pattern, found_in
from immuta_assets.policies.rules import Json, SubscriptionPolicy

Mask = npt.NDArray[np.bool_]


class Target(NamedTuple):
    """Where a policy applies, as masks over the data sources.

    ``certain`` leaves out data sources that only an unusable condition, taken as true, brings in; ``unusable`` lists
    the positions (from 0) of such conditions.
    """

    applies: Mask
    certain: Mask
    unusable: list[int]


class Catalog(NamedTuple):
    """The facts that conditions look at; ``source`` is a data source's position in ``data_sources``.

    ``data_sources`` is the collection's frame; the others hold ``source`` and ``tag``, ``name`` or ``domain_id``;
    ``owners`` holds ``source``, ``iam_id``, ``user_id``, ``groups`` (names).
    """

    data_sources: pl.DataFrame
    tags: pl.DataFrame
    column_tags: pl.DataFrame
    columns: pl.DataFrame
    domains: pl.DataFrame
    owners: pl.DataFrame

    def mask(self, sources: pl.Series) -> Mask:
        """The mask that is true at the given positions."""
        mask = np.zeros(self.data_sources.height, dtype=np.bool_)
        mask[sources.to_numpy()] = True
        return mask


def catalog(
    data_sources: pl.DataFrame,
    columns: pl.DataFrame,
    domains: pl.DataFrame,
    owners: pl.DataFrame,
) -> Catalog:
    """Index the data sources given; columns and domains of others are left out.

    ``owners`` has data_source_id, iam_id, user_id and groups (list of names).
    """
    position = data_sources.select("data_source_id").with_row_index("source")
    named = domains.select("domain_id", data_source_id="data_source_ids").explode("data_source_id")
    naming_it = data_sources.select("domain_id", "data_source_id").drop_nulls()
    return Catalog(
        data_sources=data_sources,
        tags=_tags(data_sources, position),
        column_tags=_tags(columns, position),
        columns=columns.select("data_source_id", "name").join(position, on="data_source_id").drop("data_source_id"),
        domains=pl.concat([named, naming_it]).join(position, on="data_source_id").drop("data_source_id"),
        owners=owners.join(position, on="data_source_id"),
    )


def _tags(tagged: pl.DataFrame, position: pl.DataFrame) -> pl.DataFrame:
    """Columns source and tag of a frame that has data_source_id and tags, each pair once."""
    applied = tagged.lazy().select("data_source_id", "tags").filter(pl.col("tags").list.len() > 0).explode("tags")
    pairs = applied.select("data_source_id", tag=pl.col("tags").struct.field("name")).unique()
    return pairs.join(position.lazy(), on="data_source_id").select("source", "tag").sort("source", "tag").collect()


def targets(policies: Iterable[SubscriptionPolicy], catalog: Catalog) -> list[Target]:
    """Where each policy applies."""
    policies = list(policies)
    searches = _regex_searches(policies, catalog)
    return [_target(policy, catalog, searches) for policy in policies]


def _target(policy: SubscriptionPolicy, catalog: Catalog, searches: _Searches) -> Target:
    restricted = _owner_mask(policy, catalog)
    if policy.circumstances is None:
        selected = catalog.mask(_positions(catalog, pl.col("policy_ids").list.contains(policy.policy_id)))
        return Target(selected & restricted, selected & restricted, [])
    masks = [
        None if position and not _operator_known(item) else _condition_mask(item, catalog, searches)
        for position, item in enumerate(policy.circumstances)
    ]
    unusable = [position for position, mask in enumerate(masks) if mask is None]
    pessimistic = _fold(policy.circumstances, masks, catalog, unusable_as=policy.is_guardrail) & restricted
    certain = _fold(policy.circumstances, masks, catalog, unusable_as=False) & restricted if unusable else pessimistic
    return Target(pessimistic, certain, unusable)


def _fold(items: list[dict[str, Json]], masks: list[Mask | None], catalog: Catalog, *, unusable_as: bool) -> Mask:
    """Fold the conditions from left to right; no condition at all holds everywhere."""
    everywhere = np.ones(catalog.data_sources.height, dtype=np.bool_)
    folded: Mask | None = None
    for item, mask in zip(items, masks, strict=True):
        holds = everywhere & unusable_as if mask is None else mask
        if folded is None:
            folded = holds
        elif _operator(item, unusable_as=unusable_as) == "and":
            folded = folded & holds
        else:
            folded = folded | holds
    return everywhere if folded is None else folded


def _operator_known(item: dict[str, Json]) -> bool:
    return item.get("operator") in (None, "and", "or")


def _operator(item: dict[str, Json], *, unusable_as: bool) -> str:
    """The item's operator; an unknown one joins the unusable condition so that it counts against the user."""
    if not _operator_known(item):
        return "or" if unusable_as else "and"
    return item.get("operator") or "or"


def _condition_mask(item: dict[str, Json], catalog: Catalog, searches: _Searches) -> Mask | None:
    """Where one condition holds; None where it is unusable."""
    kind = item.get("type")
    if not isinstance(kind, str):
        return None
    if kind in _REGEX_SUBJECTS:
        pattern = _pattern(item.get(kind))
        return None if pattern is None else searches.get((kind, pattern))
    condition = _CONDITIONS.get(kind)
    return condition(item, catalog) if condition else None


def _payload_text(item: dict[str, Json], key: str, field: str) -> str | None:
    payload = item.get(key)
    value = payload.get(field) if isinstance(payload, dict) else None
    return value if isinstance(value, str) else None


def _tag_condition(item: dict[str, Json], key: str, tags: pl.DataFrame, catalog: Catalog) -> Mask | None:
    name = _payload_text(item, key, "name")
    if name is None:
        return None
    return catalog.mask(tags.filter(pl.col("tag").eq(name) | pl.col("tag").str.starts_with(f"{name}."))["source"])


def _equality(key: str, column: str) -> Callable[[dict[str, Json], Catalog], Mask | None]:
    def condition(item: dict[str, Json], catalog: Catalog) -> Mask | None:
        name = _payload_text(item, key, "name")
        return None if name is None else catalog.mask(_positions(catalog, pl.col(column) == name))

    return condition


def _domain(item: dict[str, Json], catalog: Catalog) -> Mask | None:
    payload = item.get("domain")
    domain = payload.get("id") if isinstance(payload, dict) else None
    if isinstance(domain, bool) or not isinstance(domain, str | int):
        return None
    return catalog.mask(catalog.domains.filter(pl.col("domain_id") == str(domain))["source"])


def _created_between(item: dict[str, Json], catalog: Catalog) -> Mask | None:
    window = item.get("createdBetween")
    if not isinstance(window, dict):
        return None
    try:
        start, end = _moment(window.get("start")), _moment(window.get("end"))
    except ValueError:
        return None
    created = pl.col("created_at")
    after = created.is_not_null() if start is None else created >= start
    return catalog.mask(_positions(catalog, after if end is None else after & (created < end)))


def _moment(value: Json) -> datetime | None:
    """A moment of a ``createdBetween`` window; ValueError unless it is absent or a timestamp with offset."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        problem = "not a timestamp with offset"
        raise ValueError(problem)
    return moment


def _positions(catalog: Catalog, predicate: pl.Expr) -> pl.Series:
    rows = catalog.data_sources.select(holds=predicate.fill_null(value=False))
    return rows.select(pl.arg_where(pl.col("holds"))).to_series()


def _owner_mask(policy: SubscriptionPolicy, catalog: Catalog) -> Mask:
    """Where somebody the policy is restricted to owns the data source; everywhere without restriction."""
    if not policy.owner_users and not policy.owner_groups:
        return np.ones(catalog.data_sources.height, dtype=np.bool_)
    named = pl.DataFrame(sorted(policy.owner_users), schema={"iam_id": pl.String, "user_id": pl.String}, orient="row")
    by_user = catalog.owners.join(named, on=["iam_id", "user_id"], how="semi")["source"]
    in_group = pl.col("groups").list.eval(pl.element().is_in(sorted(policy.owner_groups))).list.any()
    by_group = catalog.owners.filter(in_group)["source"]
    return catalog.mask(pl.concat([by_user, by_group]))


_CONDITIONS: Mapping[str, Callable[[dict[str, Json], Catalog], Mask | None]] = {
    "tags": lambda item, catalog: _tag_condition(item, "tag", catalog.tags, catalog),
    "columnTags": lambda item, catalog: _tag_condition(item, "columnTag", catalog.column_tags, catalog),
    "schema": _equality("schema", "schema"),
    "database": _equality("database", "database"),
    "connection": _equality("connection", "connection_string"),
    "domain": _domain,
    "createdBetween": _created_between,
}

_Searches = Mapping[tuple[str, Pattern], Mask | None]

_REGEX_SUBJECTS: Mapping[str, Callable[[Catalog], pl.DataFrame]] = {
    "columnRegex": lambda catalog: catalog.columns,
    "dataSourceNameRegex": lambda catalog: catalog.data_sources.with_row_index("source").select("source", "name"),
}
"""For each regular-expression condition, the names it searches: columns source and name."""


def _pattern(payload: Json) -> Pattern | None:
    match payload:
        case {"regex": str(regex), "caseInsensitive": None | bool() as ignore_case}:
            return Pattern(regex, bool(ignore_case))
        case {"regex": str(regex)} if "caseInsensitive" not in payload:
            return Pattern(regex, ignore_case=False)
        case _:
            return None


def _regex_searches(policies: list[SubscriptionPolicy], catalog: Catalog) -> _Searches:
    """The masks of all regular-expression conditions; each name is searched once per expression."""
    items = [item for policy in policies for item in policy.circumstances or () if isinstance(item.get("type"), str)]
    wanted = {(item["type"], _pattern(item.get(item["type"]))) for item in items if item["type"] in _REGEX_SUBJECTS}
    masks: dict[tuple[str, Pattern], Mask | None] = {}
    for kind, subject in _REGEX_SUBJECTS.items():
        patterns = sorted(pattern for wanted_kind, pattern in wanted if wanted_kind == kind and pattern is not None)
        if patterns:
            masks |= {(kind, pattern): mask for pattern, mask in _searched(patterns, subject(catalog), catalog)}
    return masks


def _searched(patterns: list[Pattern], names: pl.DataFrame, catalog: Catalog) -> Iterable[tuple[Pattern, Mask | None]]:
    distinct = names["name"].unique(maintain_order=True)
    for pattern, positions in zip(patterns, found_in(patterns, distinct.to_list()), strict=True):
        found = None if positions is None else names.filter(pl.col("name").is_in(distinct.gather(positions).implode()))
        yield pattern, None if found is None else catalog.mask(found["source"])
