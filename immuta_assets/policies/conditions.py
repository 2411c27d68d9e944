"""Which users meet a policy's condition on a data source (docs/policy_semantics.md, section 3).

A condition is *grounded* for a data source by putting the data source's tags and values in place of tag functions and
variables. Data sources that ground it alike share one *instance*: a bitmap over the users. How the instances of several
policies combine belongs to ``outcomes``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from immuta_assets.policies.expression import And, Call, Condition, Expression, Not, Or, list_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from immuta_assets.policies.targets import SourceIndex

Positions = npt.NDArray[np.int64]
Bitmap = npt.NDArray[np.uint8]
"""Packed bits over users, little-endian within a byte; unused bits at the end are zero."""


class UserIndex:
    """The users that may have outcomes, and which of them hold a group or an attribute value.

    Enabled people only, ordered by ``global_user_id``; the order gives the bits of every bitmap.
    """

    def __init__(self, users: pl.DataFrame, groups: pl.DataFrame, group_members: pl.DataFrame) -> None:
        """Index the collections' frames; memberships of an unknown group or user are left out."""
        people = users.filter(~pl.col("disabled"), ~pl.col("system_generated")).sort("global_user_id")
        position = people.select("profile_id").with_row_index("user")
        membership = group_members.join(position, on="profile_id").join(groups, on="group_id")
        self.profile_ids = people["profile_id"]
        self.global_user_ids = people["global_user_id"]
        self.count = people.height
        self._groups = _group_holders(membership.select("user", "name"))
        facts = [people.with_row_index("user").select("user", "attributes"), membership.select("user", "attributes")]
        self._values = _group_holders(_unfold_attributes(pl.concat(facts)))

    def pack_users(self, users: Positions) -> Bitmap:
        """Return the bitmap of users by position."""
        mask = np.zeros(self.count, dtype=np.bool_)
        mask[users] = True
        return np.packbits(mask, bitorder="little")

    def pack_everybody(self) -> Bitmap:
        """Return the bitmap of all users."""
        return np.packbits(np.ones(self.count, dtype=np.bool_), bitorder="little")

    def find_in_group(self, name: str) -> Positions:
        """Return the users in a group of that name."""
        return self._groups.get((name,), _NOBODY)

    def find_with_value(self, name: str, value: str) -> Positions:
        """Return the users of whom a value of the attribute matches ``value``.

        A user's value that ends in ``.*`` matches the path before it and every path below.
        """
        paths = [value[: dot.start()] for dot in re.finditer(r"\.", value)]
        held = [value, *(f"{path}.*" for path in (*paths, value))]
        found = [self._values[name, candidate] for candidate in held if (name, candidate) in self._values]
        return np.concatenate(found) if found else _NOBODY


_NOBODY: Positions = np.empty(0, dtype=np.int64)


def _unfold_attributes(facts: pl.DataFrame) -> pl.DataFrame:
    """Unfold ``attributes`` of a frame with user and attributes; return the columns user, name, value."""
    pairs = facts.explode("attributes").drop_nulls("attributes").unnest("attributes").explode("values")
    return pairs.drop_nulls("values").select("user", "name", value="values")


def _group_holders(facts: pl.DataFrame) -> dict[tuple[str, ...], Positions]:
    """Return the users (first column) of each distinct combination of the other columns."""
    fact, users = facts.columns[1:], pl.col(facts.columns[0]).cast(pl.Int64)
    grouped = facts.group_by(fact, maintain_order=True).agg(users)
    held = (positions.to_numpy() for positions in grouped["user"])
    return dict(zip(grouped.select(fact).iter_rows(), held, strict=True))


class _Grounding(NamedTuple):
    """A call on every data source: the number of its ground form, and the users who meet each form."""

    form_of_source: npt.NDArray[np.int32]
    bitmaps: list[Bitmap]


class Conditions:
    """Instances of conditions, each distinct one once; ``bitmaps`` has the users who meet each instance."""

    def __init__(self, principals: UserIndex, catalog: SourceIndex) -> None:
        """Ground conditions for the data sources of the catalog and the users of the principals."""
        self._principals = principals
        self._catalog = catalog
        self._everybody = principals.pack_everybody()
        self._sources = catalog.data_sources.select(*_VARIABLES).with_row_index("source")
        self._groundings: dict[Call, _Grounding] = {}
        self._instances: dict[bytes, int] = {}
        self.bitmaps: list[Bitmap] = []

    def number_instances(self, sources: Positions, condition: Condition) -> npt.NDArray[np.int32]:
        """Return the number of the condition's instance on each of the data sources given."""
        if isinstance(condition, bool):
            bitmap = self._everybody if condition else np.zeros_like(self._everybody)
            return np.full(len(sources), self._number_instance(bitmap), dtype=np.int32)
        groundings = {call: self._ground_call(call) for call in list_calls(condition)}
        forms = np.stack([grounding.form_of_source[sources] for grounding in groundings.values()])
        distinct, which = np.unique(forms, axis=1, return_inverse=True)
        instances = [
            self._number_instance(
                self._evaluate(condition, dict(zip(groundings, _select_bitmaps(groundings, column), strict=True)))
            )
            for column in distinct.T
        ]
        return np.array(instances, dtype=np.int32)[which.ravel()]

    def _number_instance(self, bitmap: Bitmap) -> int:
        number = self._instances.setdefault(bitmap.tobytes(), len(self.bitmaps))
        if number == len(self.bitmaps):
            self.bitmaps.append(bitmap)
        return number

    def _evaluate(self, expression: Expression, met: Mapping[Call, Bitmap]) -> Bitmap:
        match expression:
            case Call():
                return met[expression]
            case Not(operand):
                return self._everybody & ~self._evaluate(operand, met)
            case And(operands):
                return reduce(np.bitwise_and, (self._evaluate(operand, met) for operand in operands))
            case Or(operands):
                return reduce(np.bitwise_or, (self._evaluate(operand, met) for operand in operands))

    def _ground_call(self, call: Call) -> _Grounding:
        if call not in self._groundings:
            forms = np.zeros(self._sources.height, dtype=np.int32)
            bitmaps: list[Bitmap] = []
            for sources, bitmap in self._ground_forms(call):
                forms[sources] = len(bitmaps)
                bitmaps.append(bitmap)
            self._groundings[call] = _Grounding(forms, bitmaps)
        return self._groundings[call]

    def _ground_forms(self, call: Call) -> Iterator[tuple[Positions, Bitmap]]:
        """Yield groups of data sources that ground the call alike, with the users who meet it there."""
        for values, sources in self._split_by_variables(call):
            literals = tuple(_replace_variables(argument, values) for argument in _list_literals(call))
            match call.function:
                case "hasAttribute":
                    yield (
                        sources,
                        self._principals.pack_users(self._principals.find_with_value(literals[0], literals[1])),
                    )
                case "isInGroups":
                    bitmaps = (self._principals.pack_users(self._principals.find_in_group(name)) for name in literals)
                    yield sources, reduce(np.bitwise_and, bitmaps)
                case _:
                    yield from self._split_by_tags(call, literals, sources)

    def _split_by_variables(self, call: Call) -> Iterator[tuple[dict[str, str | None], Positions]]:
        """Yield the values of the variables the call mentions, with the data sources that have them."""
        variables = sorted({name for argument in _list_literals(call) for name in _VARIABLE.findall(argument)})
        if not variables:
            yield {}, np.arange(self._sources.height)
            return
        for row in self._sources.group_by(variables, maintain_order=True).agg("source").iter_rows(named=True):
            yield row, np.array(row.pop("source"), dtype=np.int64)

    def _split_by_tags(
        self, call: Call, names: tuple[str, ...], sources: Positions
    ) -> Iterator[tuple[Positions, Bitmap]]:
        """Yield data sources with the same tags; a tag that nobody holds as attribute value or group does not count."""
        tags = self._catalog.tags if call.arguments[-1] == "dataSource" else self._catalog.column_tags
        tags = tags.filter(pl.col("source").is_in(pl.Series(sources).implode()))
        holders = {tag: users for tag in tags["tag"].unique() if len(users := self._find_tag_holders(names, tag))}
        held = tags.filter(pl.col("tag").is_in(list(holders))).group_by("source", maintain_order=True).agg("tag")
        yield sources, self._principals.pack_users(_NOBODY)
        for same_tags, with_tags in held.group_by("tag", maintain_order=True).agg("source").iter_rows():
            users = np.concatenate([holders[tag] for tag in same_tags])
            yield np.array(with_tags, dtype=np.int64), self._principals.pack_users(users)

    def _find_tag_holders(self, names: tuple[str, ...], tag: str) -> Positions:
        return self._principals.find_with_value(names[0], tag) if names else self._principals.find_in_group(tag)


_VARIABLES = ("database", "schema", "table", "hostname")
_VARIABLE = re.compile(rf"@({'|'.join(_VARIABLES)})(?!\w)")


def _list_literals(call: Call) -> tuple[str, ...]:
    """Return the arguments that are names and values, without the dataSource or column of a tag function."""
    return call.arguments[:-1] if call.function.startswith("hasTag") else call.arguments


def _replace_variables(argument: str, values: Mapping[str, str | None]) -> str:
    return _VARIABLE.sub(lambda variable: values[variable[1]] or "", argument)


def _select_bitmaps(groundings: Mapping[Call, _Grounding], forms: npt.NDArray[np.int32]) -> Iterator[Bitmap]:
    return (grounding.bitmaps[form] for grounding, form in zip(groundings.values(), forms, strict=True))


@dataclass(frozen=True)
class UserProfiles:
    """Users who meet exactly the same instances share a profile.

    ``profile_of_user`` numbers the profile of each user; ``bitmaps`` has one row of packed bits over profiles for each
    instance.
    """

    profile_of_user: npt.NDArray[np.uint32]
    bitmaps: Bitmap
    count: int

    def pack_everybody(self) -> Bitmap:
        """Return the bitmap of all profiles."""
        return np.packbits(np.ones(self.count, dtype=np.uint8), bitorder="little")

    def list_members(self, bitmap: Bitmap) -> npt.NDArray[np.uint32]:
        """Return the profiles in a bitmap, ascending."""
        return np.flatnonzero(np.unpackbits(bitmap, count=self.count, bitorder="little")).astype(np.uint32)

    def unpack_bits(self, bitmaps: Bitmap, profiles: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
        """Return a row for each bitmap, with 0 or 1 for each of the profiles."""
        return np.unpackbits(bitmaps, axis=1, count=self.count, bitorder="little")[:, profiles]


def group_users(bitmaps: list[Bitmap], users: int) -> UserProfiles:
    """Group the users by the instances they meet."""
    first, profile_of_user = classify_columns(_unpack_blocks(bitmaps, users), users)
    packed = [np.packbits(block[:, first], axis=1, bitorder="little") for block in _unpack_blocks(bitmaps, users)]
    none = np.zeros((0, (len(first) + 7) // 8), dtype=np.uint8)
    return UserProfiles(profile_of_user, np.concatenate([none, *packed]), len(first))


_BLOCK = 16


def _unpack_blocks(bitmaps: list[Bitmap], users: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the bitmaps as rows of 0 and 1, some at a time."""
    for start in range(0, len(bitmaps), _BLOCK):
        yield np.unpackbits(np.stack(bitmaps[start : start + _BLOCK]), axis=1, count=users, bitorder="little")


def classify_columns(
    blocks: Iterable[npt.NDArray[np.uint8]], columns: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Compare columns of 0 and 1 over all blocks of rows: the first of each distinct kind, and the kind of each."""
    kinds, count = np.zeros(columns, dtype=np.uint32), min(columns, 1)
    for block in blocks:
        for start in range(0, len(block), _BLOCK):
            rows = block[start : start + _BLOCK]
            codes = kinds.astype(np.uint64) << np.uint64(len(rows))
            for bit, row in enumerate(rows):
                codes |= row.astype(np.uint64) << np.uint64(bit)
            kinds, count = _number_codes(codes, count << len(rows))
    first = np.empty(count, dtype=np.int64)
    first[kinds[::-1]] = np.arange(columns)[::-1]
    return first, kinds


def _number_codes(codes: npt.NDArray[np.uint64], limit: int) -> tuple[npt.NDArray[np.uint32], int]:
    """Number the distinct codes, all of them below ``limit``, and count them; few possible codes need no sorting."""
    if limit > _TABLE_LIMIT:
        distinct, numbers = np.unique(codes, return_inverse=True)
        return numbers.astype(np.uint32), len(distinct)
    seen = np.zeros(limit, dtype=np.bool_)
    seen[codes] = True
    occurring = np.flatnonzero(seen)
    number_of = np.empty(limit, dtype=np.uint32)
    number_of[occurring] = np.arange(len(occurring), dtype=np.uint32)
    return number_of[codes], len(occurring)


_TABLE_LIMIT = 2**18
