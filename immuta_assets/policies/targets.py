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

from immuta_assets.policies.regex_search import Pattern, search_names
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


class SourceIndex(NamedTuple):
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

    def mask_sources(self, sources: pl.Series) -> Mask:
        """Return the mask that is true at the given positions."""
        mask = np.zeros(self.data_sources.height, dtype=np.bool_)
        mask[sources.to_numpy()] = True
        return mask


def index_sources(
    data_sources: pl.DataFrame,
    columns: pl.DataFrame,
    domains: pl.DataFrame,
    owners: pl.DataFrame,
) -> SourceIndex:
    """Index the data sources given; columns and domains of others are left out.

    ``owners`` has data_source_id, iam_id, user_id and groups (list of names).
    """
    position = data_sources.select("data_source_id").with_row_index("source")
    named = domains.select("domain_id", data_source_id="data_source_ids").explode("data_source_id")
    naming_it = data_sources.select("domain_id", "data_source_id").drop_nulls()
    return SourceIndex(
        data_sources=data_sources,
        tags=_list_tags(data_sources, position),
        column_tags=_list_tags(columns, position),
        columns=columns.select("data_source_id", "name").join(position, on="data_source_id").drop("data_source_id"),
        domains=pl.concat([named, naming_it]).join(position, on="data_source_id").drop("data_source_id"),
        owners=owners.join(position, on="data_source_id"),
    )


def _list_tags(tagged: pl.DataFrame, position: pl.DataFrame) -> pl.DataFrame:
    """Return the columns source and tag of a frame that has data_source_id and tags, each pair once."""
    applied = tagged.lazy().select("data_source_id", "tags").filter(pl.col("tags").list.len() > 0).explode("tags")
    pairs = applied.select("data_source_id", tag=pl.col("tags").struct.field("name")).unique()
    return pairs.join(position.lazy(), on="data_source_id").select("source", "tag").sort("source", "tag").collect()


def find_targets(policies: Iterable[SubscriptionPolicy], catalog: SourceIndex) -> list[Target]:
    """Return the target of each policy, in their order."""
    policies = list(policies)
    searches = _run_searches(policies, catalog)
    return [_find_target(policy, catalog, searches) for policy in policies]


def _find_target(policy: SubscriptionPolicy, catalog: SourceIndex, searches: _Searches) -> Target:
    restricted = _mask_owners(policy, catalog)
    if policy.circumstances is None:
        selected = catalog.mask_sources(_find_positions(catalog, pl.col("policy_ids").list.contains(policy.policy_id)))
        return Target(selected & restricted, selected & restricted, [])
    masks = [
        None if position and not _is_operator_known(item) else _mask_condition(item, catalog, searches)
        for position, item in enumerate(policy.circumstances)
    ]
    unusable = [position for position, mask in enumerate(masks) if mask is None]
    pessimistic = _fold_masks(policy.circumstances, masks, catalog, unusable_as=policy.is_guardrail) & restricted
    certain = (
        _fold_masks(policy.circumstances, masks, catalog, unusable_as=False) & restricted if unusable else pessimistic
    )
    return Target(pessimistic, certain, unusable)


def _fold_masks(
    items: list[dict[str, Json]], masks: list[Mask | None], catalog: SourceIndex, *, unusable_as: bool
) -> Mask:
    """Fold the conditions from left to right; no condition at all holds everywhere."""
    everywhere = np.ones(catalog.data_sources.height, dtype=np.bool_)
    folded: Mask | None = None
    for item, mask in zip(items, masks, strict=True):
        holds = everywhere & unusable_as if mask is None else mask
        if folded is None:
            folded = holds
        elif _choose_operator(item, unusable_as=unusable_as) == "and":
            folded = folded & holds
        else:
            folded = folded | holds
    return everywhere if folded is None else folded


def _is_operator_known(item: dict[str, Json]) -> bool:
    return item.get("operator") in (None, "and", "or")


def _choose_operator(item: dict[str, Json], *, unusable_as: bool) -> str:
    """Return the item's operator; an unknown one joins the unusable condition so that it counts against the user."""
    if not _is_operator_known(item):
        return "or" if unusable_as else "and"
    return item.get("operator") or "or"


def _mask_condition(item: dict[str, Json], catalog: SourceIndex, searches: _Searches) -> Mask | None:
    """Return where one condition holds; None where it is unusable."""
    kind = item.get("type")
    if not isinstance(kind, str):
        return None
    if kind in _REGEX_SUBJECTS:
        pattern = _parse_pattern(item.get(kind))
        return None if pattern is None else searches.get((kind, pattern))
    condition = _CONDITIONS.get(kind)
    return condition(item, catalog) if condition else None


def _read_payload(item: dict[str, Json], key: str, field: str) -> str | None:
    payload = item.get(key)
    value = payload.get(field) if isinstance(payload, dict) else None
    return value if isinstance(value, str) else None


def _mask_tag(item: dict[str, Json], key: str, tags: pl.DataFrame, catalog: SourceIndex) -> Mask | None:
    name = _read_payload(item, key, "name")
    if name is None:
        return None
    return catalog.mask_sources(
        tags.filter(pl.col("tag").eq(name) | pl.col("tag").str.starts_with(f"{name}."))["source"]
    )


def _build_equality(key: str, column: str) -> Callable[[dict[str, Json], SourceIndex], Mask | None]:
    def mask_equal(item: dict[str, Json], catalog: SourceIndex) -> Mask | None:
        name = _read_payload(item, key, "name")
        return None if name is None else catalog.mask_sources(_find_positions(catalog, pl.col(column) == name))

    return mask_equal


def _mask_domain(item: dict[str, Json], catalog: SourceIndex) -> Mask | None:
    payload = item.get("domain")
    domain = payload.get("id") if isinstance(payload, dict) else None
    if isinstance(domain, bool) or not isinstance(domain, str | int):
        return None
    return catalog.mask_sources(catalog.domains.filter(pl.col("domain_id") == str(domain))["source"])


def _mask_created_between(item: dict[str, Json], catalog: SourceIndex) -> Mask | None:
    window = item.get("createdBetween")
    if not isinstance(window, dict):
        return None
    try:
        start, end = _parse_moment(window.get("start")), _parse_moment(window.get("end"))
    except ValueError:
        return None
    created = pl.col("created_at")
    after = created.is_not_null() if start is None else created >= start
    return catalog.mask_sources(_find_positions(catalog, after if end is None else after & (created < end)))


def _parse_moment(value: Json) -> datetime | None:
    """Return a moment of a ``createdBetween`` window; raises ValueError for what is no timestamp with offset."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        problem = "not a timestamp with offset"
        raise ValueError(problem)
    return moment


def _find_positions(catalog: SourceIndex, predicate: pl.Expr) -> pl.Series:
    rows = catalog.data_sources.select(holds=predicate.fill_null(value=False))
    return rows.select(pl.arg_where(pl.col("holds"))).to_series()


def _mask_owners(policy: SubscriptionPolicy, catalog: SourceIndex) -> Mask:
    """Return the data sources owned by somebody the policy is restricted to; all of them without a restriction."""
    if not policy.owner_users and not policy.owner_groups:
        return np.ones(catalog.data_sources.height, dtype=np.bool_)
    named = pl.DataFrame(sorted(policy.owner_users), schema={"iam_id": pl.String, "user_id": pl.String}, orient="row")
    by_user = catalog.owners.join(named, on=["iam_id", "user_id"], how="semi")["source"]
    in_group = pl.col("groups").list.eval(pl.element().is_in(sorted(policy.owner_groups))).list.any()
    by_group = catalog.owners.filter(in_group)["source"]
    return catalog.mask_sources(pl.concat([by_user, by_group]))


_CONDITIONS: Mapping[str, Callable[[dict[str, Json], SourceIndex], Mask | None]] = {
    "tags": lambda item, catalog: _mask_tag(item, "tag", catalog.tags, catalog),
    "columnTags": lambda item, catalog: _mask_tag(item, "columnTag", catalog.column_tags, catalog),
    "schema": _build_equality("schema", "schema"),
    "database": _build_equality("database", "database"),
    "connection": _build_equality("connection", "connection_string"),
    "domain": _mask_domain,
    "createdBetween": _mask_created_between,
}

_Searches = Mapping[tuple[str, Pattern], Mask | None]

_REGEX_SUBJECTS: Mapping[str, Callable[[SourceIndex], pl.DataFrame]] = {
    "columnRegex": lambda catalog: catalog.columns,
    "dataSourceNameRegex": lambda catalog: catalog.data_sources.with_row_index("source").select("source", "name"),
}
"""For each regular-expression condition, the names it searches: columns source and name."""


def _parse_pattern(payload: Json) -> Pattern | None:
    match payload:
        case {"regex": str(regex), "caseInsensitive": None | bool() as ignore_case}:
            return Pattern(regex, bool(ignore_case))
        case {"regex": str(regex)} if "caseInsensitive" not in payload:
            return Pattern(regex, ignore_case=False)
        case _:
            return None


def _run_searches(policies: list[SubscriptionPolicy], catalog: SourceIndex) -> _Searches:
    """Return the masks of all regular-expression conditions; each name is searched once per expression."""
    items = [item for policy in policies for item in policy.circumstances or () if isinstance(item.get("type"), str)]
    wanted = {
        (item["type"], _parse_pattern(item.get(item["type"]))) for item in items if item["type"] in _REGEX_SUBJECTS
    }
    masks: dict[tuple[str, Pattern], Mask | None] = {}
    for kind, subject in _REGEX_SUBJECTS.items():
        patterns = sorted(pattern for wanted_kind, pattern in wanted if wanted_kind == kind and pattern is not None)
        if patterns:
            masks |= {(kind, pattern): mask for pattern, mask in _mask_patterns(patterns, subject(catalog), catalog)}
    return masks


def _mask_patterns(
    patterns: list[Pattern], names: pl.DataFrame, catalog: SourceIndex
) -> Iterable[tuple[Pattern, Mask | None]]:
    distinct = names["name"].unique(maintain_order=True)
    for pattern, positions in zip(patterns, search_names(patterns, distinct.to_list()), strict=True):
        found = None if positions is None else names.filter(pl.col("name").is_in(distinct.gather(positions).implode()))
        yield pattern, None if found is None else catalog.mask_sources(found["source"])
