"""The compact form of ``policy-outcomes``, and its expansion to rows.

Users and data sources appear as profiles and reasons are kept once, so that hundreds of millions of rows fit in memory;
rows exist only while they stream out of ``Outcomes.scan``. How outcomes come about belongs to ``outcomes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.io.plugins import register_io_source

Scope = Literal["READ", "WRITE"]
SCOPES: tuple[Scope, ...] = ("READ", "WRITE")
Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
"""Numbers from 0 on, as narrow as they allow (``narrow``)."""

_ROWS_PER_FRAME = 1_000_000
_NO_REASON = -1

NARROW_LIMIT = 2**16
"""Numbers below it fit in two bytes."""


def narrow(numbers: npt.NDArray[np.integer]) -> Codes:
    """Numbers from 0 on in the narrowest type: there are many of them."""
    if numbers.max(initial=0) < NARROW_LIMIT:
        return numbers.astype(np.uint16, copy=False)
    return numbers.astype(np.uint32, copy=False)


class Pairs(NamedTuple):
    """Single users on single data sources, ordered by data source."""

    sources: Numbers
    users: Numbers

    def on(self, source: int) -> slice:
        """Where the pairs of one data source lie."""
        start, end = np.searchsorted(self.sources, [source, source + 1])
        return slice(int(start), int(end))

    def repeated(self) -> int:
        """How many pairs occur before already."""
        return len(self.sources) - pl.DataFrame([self.sources, self.users]).n_unique() if len(self.sources) else 0


class Admitted(NamedTuple):
    """Users let in by a grant for members only, and why."""

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
    admitted: Admitted
    manual: Pairs

    def row_count(self, profile_of_user: Codes) -> int:
        """How many rows the scope expands to."""
        users_per_profile = np.bincount(profile_of_user)
        per_profile = np.array([users_per_profile[cells.user_profiles].sum() for cells in self.cells], dtype=np.int64)
        by_profile = int(per_profile[self.profile_of_source].sum()) - self._replaced(profile_of_user)
        return by_profile + len(self.admitted.reasons) + len(self.manual.users)

    def _replaced(self, profile_of_user: Codes) -> int:
        """How many users are admitted whom their profile lets in too."""
        pairs = self.admitted.pairs
        return sum(
            int(np.isin(profile_of_user[pairs.users[pairs.on(source)]], self.on(source).user_profiles).sum())
            for source in np.unique(pairs.sources)
        )

    def on(self, source: int) -> Cells:
        """The cells of a data source."""
        return self.cells[int(self.profile_of_source[source])]

    def duplicates(self) -> int:
        """How many cells or pairs repeat another one of the same data source."""
        cells = sum(int((each.user_profiles[1:] <= each.user_profiles[:-1]).sum()) for each in self.cells)
        return cells + self.admitted.pairs.repeated() + self.manual.repeated()


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
        return sum(scope.row_count(self.profile_of_user) for scope in self.scopes.values())

    def duplicates(self) -> int:
        """How many rows repeat the key (user, data source, scope, source), found without expanding anything."""
        return sum(scope.duplicates() for scope in self.scopes.values())

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows of ``policy-outcomes`` by data source, about a million at a time; text columns are Enums."""
        yield from _Expansion(self).frames()

    def scan(self) -> pl.LazyFrame:
        """The rows of ``frames``, streamed."""
        return streamed(self.frames, _Expansion(self).frame([]).schema)


def streamed(frames: Callable[[], Iterator[pl.DataFrame]], schema: pl.Schema) -> pl.LazyFrame:
    """A lazy frame over frames that are made one by one while it is read."""

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in _limited(frames(), n_rows):
            kept = frame if predicate is None else frame.filter(predicate)
            yield kept if columns is None else kept.select(columns)

    return register_io_source(batches, schema=schema, validate_schema=True, is_pure=True)


def _limited(frames: Iterator[pl.DataFrame], n_rows: int | None) -> Iterator[pl.DataFrame]:
    """The first ``n_rows`` rows; all of them where it is None."""
    for frame in frames:
        yield frame if n_rows is None else frame.head(n_rows)
        if n_rows is not None:
            n_rows -= min(n_rows, frame.height)
            if not n_rows:
                return


class _Piece(NamedTuple):
    """Rows of one data source, scope and source. ``text`` and ``reasons`` are -1 for members by hand."""

    source: int
    scope: Scope
    users: Numbers
    reasons: Numbers
    text: int
    is_owner: npt.NDArray[np.bool_]


class _Expansion:
    """Turns the compact form into frames of about a million rows."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        self._users = np.argsort(outcomes.profile_of_user, kind="stable").astype(np.int64)
        self._counts = np.bincount(outcomes.profile_of_user).astype(np.int64)
        self._starts = np.cumsum(self._counts) - self._counts
        self._owner = np.zeros(len(outcomes.global_user_ids), dtype=np.bool_)
        self._user_enum = pl.Enum(outcomes.global_user_ids)
        self._text_enum = pl.Enum(outcomes.merged_policies)
        self._data_source_ids = outcomes.data_source_ids.to_numpy()

    def frames(self) -> Iterator[pl.DataFrame]:
        """All rows."""
        pieces: list[_Piece] = []
        rows = 0
        for source in range(len(self._data_source_ids)):
            for piece in self._pieces(source):
                pieces.append(piece)
                rows += len(piece.users)
            if rows >= _ROWS_PER_FRAME:
                yield self.frame(pieces)
                pieces, rows = [], 0
        if pieces:
            yield self.frame(pieces)

    def _pieces(self, source: int) -> Iterator[_Piece]:
        owners = self._outcomes.owners.users[self._outcomes.owners.on(source)]
        self._owner[owners] = True
        for name, scope in self._outcomes.scopes.items():
            users, reasons = self._by_policy(scope, source)
            text = int(scope.texts[scope.profile_of_source[source]])
            if len(users):
                yield _Piece(source, name, users, reasons, text, self._owner[users])
            manual = scope.manual.users[scope.manual.on(source)]
            if len(manual):
                none = np.full(len(manual), _NO_REASON, dtype=np.int64)
                yield _Piece(source, name, manual, none, _NO_REASON, self._owner[manual])
        self._owner[owners] = False

    def _by_policy(self, scope: ScopeOutcomes, source: int) -> tuple[Numbers, Numbers]:
        """Users and reasons on one data source: its profile's cells, but for users who are admitted as members."""
        users, reasons = self._expanded(scope.on(source))
        own = scope.admitted.pairs.on(source)
        if own.start == own.stop:
            return users, reasons
        admitted = scope.admitted.pairs.users[own]
        others = ~np.isin(users, admitted)
        return (
            np.concatenate([users[others], admitted]),
            np.concatenate([reasons[others], scope.admitted.reasons[own]]),
        )

    def _expanded(self, cells: Cells) -> tuple[Numbers, Numbers]:
        """Every user of every profile, with the profile's reason."""
        counts = self._counts[cells.user_profiles]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        users = self._users[np.repeat(self._starts[cells.user_profiles], counts) + within]
        return users, np.repeat(cells.reasons, counts).astype(np.int64)

    def frame(self, pieces: list[_Piece]) -> pl.DataFrame:
        """The rows of some pieces as a frame in the layout of ``policy-outcomes``."""
        lengths = [len(piece.users) for piece in pieces]
        codes = pl.DataFrame(
            {
                "user": _joined([piece.users for piece in pieces]),
                "data_source_id": np.repeat(self._data_source_ids[[piece.source for piece in pieces]], lengths),
                "reason": _joined([piece.reasons for piece in pieces]),
                "text": np.repeat([piece.text for piece in pieces], lengths),
                "scope": np.repeat([SCOPES.index(piece.scope) for piece in pieces], lengths),
                "is_owner": _joined([piece.is_owner for piece in pieces]).astype(np.bool_),
            },
            schema_overrides={"data_source_id": pl.Int64},
        )
        known = codes.with_columns(pl.col("reason", "text").replace(_NO_REASON, None))
        return codes.select(
            _labels("global_user_id", known["user"], self._user_enum),
            "data_source_id",
            pl.lit(None, dtype=pl.String).alias("column_id"),
            self._outcomes.policy_ids.gather(known["reason"].cast(pl.UInt32)).alias("policy_ids"),
            _labels("merged_policy", known["text"], self._text_enum),
            _labels("scope", known["scope"], _SCOPE_ENUM),
            "is_owner",
            _labels("source", known["text"].is_null().cast(pl.UInt8), _SOURCE_ENUM),
            pl.lit(self._outcomes.export_date, dtype=pl.Datetime("us")).alias("export_date"),
        )


_SCOPE_ENUM = pl.Enum(SCOPES)
_SOURCE_ENUM = pl.Enum(["POLICY", "MANUAL"])


def _joined(arrays: list[npt.NDArray[np.generic]]) -> npt.NDArray[np.generic]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int64)


def _labels(name: str, codes: pl.Series, enum: pl.Enum) -> pl.Series:
    """The categories that the codes number; there is no cast from numbers to an Enum."""
    return codes.cast(pl.UInt32).cat.to(enum).alias(name)
