"""The compact form of ``policy-outcomes``, and its expansion to rows.

Users and data sources appear as profiles, and each reason is kept once, so that hundreds of millions of rows fit in
memory. Rows exist only while they stream out of ``Outcomes.scan``. How outcomes come about belongs to ``evaluation``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from immuta_assets.frames.streaming import stream_frames

Scope = Literal["READ", "WRITE"]
SCOPES: tuple[Scope, ...] = ("READ", "WRITE")
Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
"""Numbers from 0 on, as narrow as they allow (``narrow``)."""

# The writer has several frames in memory; those as large as its row groups it need not copy together.
_ROWS_PER_FRAME = 500_000

NARROW_LIMIT = 2**16
"""Numbers below it fit in two bytes."""


def narrow(numbers: npt.NDArray[np.integer]) -> Codes:
    """Return numbers from 0 on in the narrowest type, since there are many of them."""
    if numbers.max(initial=0) < NARROW_LIMIT:
        return numbers.astype(np.uint16, copy=False)
    return numbers.astype(np.uint32, copy=False)


class Pairs(NamedTuple):
    """Single users on single data sources, ordered by data source."""

    sources: Numbers
    users: Numbers

    def locate_source(self, source: int) -> slice:
        """Return the slice in which the pairs of one data source lie."""
        start, end = np.searchsorted(self.sources, [source, source + 1])
        return slice(int(start), int(end))

    def count_repeated(self) -> int:
        """Count the pairs that repeat an earlier one."""
        return len(self.sources) - pl.DataFrame([self.sources, self.users]).n_unique() if len(self.sources) else 0


class AdmittedMembers(NamedTuple):
    """Users whom a grant for members only lets in, each with the reason."""

    pairs: Pairs
    reasons: Codes


class Cells(NamedTuple):
    """The user profiles, ascending, whom the policies on a profile of data sources subscribe, each with the reason."""

    user_profiles: Codes
    reasons: Codes


@dataclass(frozen=True)
class ScopeOutcomes:
    """The outcomes of one scope.

    ``profile_of_source`` numbers the profile of each data source; ``cells`` and ``texts`` (the number of the merged
    policy) stand by that number. ``admitted`` replaces the cells of single users; ``manual`` are the members by hand.
    """

    profile_of_source: Numbers
    cells: list[Cells]
    texts: Numbers
    admitted: AdmittedMembers
    manual: Pairs

    def count_rows(self, profile_of_user: Codes) -> int:
        """Count the rows that the scope expands to."""
        users_per_profile = np.bincount(profile_of_user)
        per_profile = np.array([users_per_profile[cells.user_profiles].sum() for cells in self.cells], dtype=np.int64)
        by_profile = int(per_profile[self.profile_of_source].sum()) - self._count_replaced(profile_of_user)
        return by_profile + len(self.admitted.reasons) + len(self.manual.users)

    def _count_replaced(self, profile_of_user: Codes) -> int:
        """Count the admitted members whom their profile lets in too."""
        pairs = self.admitted.pairs
        return sum(
            int(
                np.isin(
                    profile_of_user[pairs.users[pairs.locate_source(source)]], self.find_cells(source).user_profiles
                ).sum()
            )
            for source in np.unique(pairs.sources)
        )

    def find_cells(self, source: int) -> Cells:
        """Return the cells of a data source."""
        return self.cells[int(self.profile_of_source[source])]

    def count_duplicates(self) -> int:
        """Count the cells and pairs that repeat another one of the same data source."""
        cells = sum(int((each.user_profiles[1:] <= each.user_profiles[:-1]).sum()) for each in self.cells)
        return cells + self.admitted.pairs.count_repeated() + self.manual.count_repeated()


@dataclass(frozen=True)
class Outcomes:
    """All outcomes of a tenant.

    ``data_source_ids`` and ``global_user_ids``, both ascending, give the positions that everything else refers to;
    ``policy_ids`` holds the ids (a list) of each reason.
    """

    export_date: datetime
    data_source_ids: pl.Series
    global_user_ids: pl.Series
    profile_of_user: Codes
    policy_ids: pl.Series
    merged_policies: list[str]
    scopes: dict[Scope, ScopeOutcomes]
    owners: Pairs

    @cached_property
    def rows(self) -> int:
        """How many rows ``scan`` yields."""
        return sum(scope.count_rows(self.profile_of_user) for scope in self.scopes.values())

    def count_duplicates(self) -> int:
        """Count the rows that repeat the key (user, data source, scope, source), without expanding anything."""
        return sum(scope.count_duplicates() for scope in self.scopes.values())

    def expand(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of ``policy-outcomes`` by data source, 500,000 at a time; text columns are Enums."""
        yield from _Expansion(self).expand()

    def scan(self) -> pl.LazyFrame:
        """Return the rows of ``expand`` as a lazy frame that streams them."""
        return stream_frames(self.expand, _Expansion(self).build_frame([]).schema)


class _Piece(NamedTuple):
    """Rows of one data source, scope and source. ``text`` is None for members by hand."""

    source: int
    scope: Scope
    users: Codes
    reasons: Codes
    text: int | None
    is_owner: npt.NDArray[np.bool_]

    def cut(self, start: int, stop: int | None) -> _Piece:
        part = slice(start, stop)
        return self._replace(users=self.users[part], reasons=self.reasons[part], is_owner=self.is_owner[part])


class _Expansion:
    """Turns the compact form into frames of some hundred thousand rows.

    What takes the time is the traffic of memory, so codes stay as narrow as they come, and what all rows of a piece
    share is looked up by the number of the piece.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._users = narrow(np.argsort(outcomes.profile_of_user, kind="stable"))
        self._counts = np.bincount(outcomes.profile_of_user)
        self._starts = np.cumsum(self._counts) - self._counts
        self._owner = np.zeros(len(outcomes.global_user_ids), dtype=np.bool_)
        self._global_user_ids = _build_categories(outcomes.global_user_ids)
        self._merged_policies = _build_categories(outcomes.merged_policies)
        self._data_source_ids = outcomes.data_source_ids.to_numpy()
        self._policy_ids = outcomes.policy_ids.extend_constant(None, 1).rechunk()
        self._no_reason = narrow(np.array([len(outcomes.policy_ids)]))

    def expand(self) -> Iterator[pl.DataFrame]:
        """Yield all rows, in frames of one size."""
        pieces: list[_Piece] = []
        room = _ROWS_PER_FRAME
        for piece in chain.from_iterable(map(self._cut_pieces, range(len(self._data_source_ids)))):
            rest = piece
            while len(rest.users) >= room:
                yield self.build_frame([*pieces, rest.cut(0, room)])
                pieces, rest, room = [], rest.cut(room, None), _ROWS_PER_FRAME
            if len(rest.users):
                pieces.append(rest)
                room -= len(rest.users)
        if pieces:
            yield self.build_frame(pieces)

    def _cut_pieces(self, source: int) -> Iterator[_Piece]:
        owners = self._outcomes.owners.users[self._outcomes.owners.locate_source(source)]
        self._owner[owners] = True
        for name, scope in self._outcomes.scopes.items():
            users, reasons = self._expand_source(scope, source)
            if len(users):
                text = int(scope.texts[scope.profile_of_source[source]])
                yield _Piece(source, name, users, reasons, text, self._owner[users])
            manual = narrow(scope.manual.users[scope.manual.locate_source(source)])
            if len(manual):
                yield _Piece(source, name, manual, self._no_reason.repeat(len(manual)), None, self._owner[manual])
        self._owner[owners] = False

    def _expand_source(self, scope: ScopeOutcomes, source: int) -> tuple[Codes, Codes]:
        """Return users and reasons on a data source: the cells of its profile, admitted members in place of theirs."""
        users, reasons = self._expand_cells(scope.find_cells(source))
        own = scope.admitted.pairs.locate_source(source)
        if own.start == own.stop:
            return users, reasons
        admitted = narrow(scope.admitted.pairs.users[own])
        others = ~np.isin(users, admitted)
        return (
            np.concatenate([users[others], admitted]),
            np.concatenate([reasons[others], scope.admitted.reasons[own]]),
        )

    def _expand_cells(self, cells: Cells) -> tuple[Codes, Codes]:
        """Return every user of every profile, with the profile's reason."""
        counts, starts = self._counts[cells.user_profiles], self._starts[cells.user_profiles]
        ends = counts.cumsum()
        shifts = starts - ends + counts
        users = self._users[np.repeat(shifts, counts) + np.arange(counts.sum())]
        return users, cells.reasons.repeat(counts)

    def build_frame(self, pieces: list[_Piece]) -> pl.DataFrame:
        """Return the rows of some pieces as a frame in the layout of ``policy-outcomes``."""
        rows_of_piece = [len(piece.users) for piece in pieces]
        shared = self._describe_pieces(pieces)[np.repeat(np.arange(len(pieces), dtype=np.uint32), rows_of_piece)]
        return shared.select(
            self._global_user_ids.gather(_concatenate([piece.users for piece in pieces])).alias("global_user_id"),
            "data_source_id",
            pl.lit(None, dtype=pl.String).alias("column_id"),
            self._policy_ids.gather(_concatenate([piece.reasons for piece in pieces])).alias("policy_ids"),
            "merged_policy",
            "scope",
            _concatenate([piece.is_owner for piece in pieces]).cast(pl.Boolean).alias("is_owner"),
            "source",
            pl.lit(self._outcomes.export_date, dtype=pl.Datetime("us")).alias("export_date"),
        )

    def _describe_pieces(self, pieces: list[_Piece]) -> pl.DataFrame:
        """Return a row per piece, with what all rows of the piece have in common."""
        texts = pl.Series([piece.text for piece in pieces], dtype=pl.UInt32)
        return pl.DataFrame(
            {
                "data_source_id": pl.Series(self._data_source_ids[[piece.source for piece in pieces]], dtype=pl.Int64),
                "merged_policy": self._merged_policies.gather(texts),
                "scope": _SCOPES.gather([SCOPES.index(piece.scope) for piece in pieces]),
                "source": _SOURCES.gather([int(piece.text is None) for piece in pieces]),
            }
        )


def _build_categories(texts: Iterable[str]) -> pl.Series:
    """Return texts as an Enum, so that a row can be gathered by the number of its text."""
    enum = pl.Enum(texts)
    return pl.Series(enum.categories, dtype=enum)


_SCOPES = _build_categories(SCOPES)
_SOURCES = _build_categories(["POLICY", "MANUAL"])


def _concatenate(arrays: list[npt.NDArray[np.generic]]) -> pl.Series:
    return pl.Series(np.concatenate(arrays) if arrays else np.empty(0, dtype=np.uint16))
