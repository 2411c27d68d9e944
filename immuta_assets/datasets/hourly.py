"""Datasets of hours: a table each, whose data files Polars writes and whose log delta-rs keeps.

An hour is a file of its own until maintenance puts the files of a month together. Change here how hours are committed
and scanned. What the log holds stands in ``table_log``, how files are called in ``hour_files``, what is done to a table
from time to time in ``maintenance``.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pyarrow as pa
from deltalake.exceptions import CommitFailedError

from immuta_assets.datasets.dataset import Committed, NotStoredError, StaleError
from immuta_assets.datasets.hour_files import (
    CHANGED_AT,
    HOUR,
    HourFile,
    Span,
    build_file,
    compute_digest,
    list_facts,
    name_hour_file,
    name_span_file,
)
from immuta_assets.datasets.hours import format_hour_key, parse_hour_key
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.datasets.table_log import TableLog, parse_files
from immuta_assets.frames.parquet import SchemaError, require_rules, write_frame

logger = logging.getLogger(__name__)

_UTC = pl.Datetime("us", "UTC")
_ATTEMPTS = 40
_OLD_NAME = re.compile(r"\d{4}-\d\d-\d\d-\d\d:00\.parquet")


@dataclass(frozen=True)
class HourlyDataset:
    """A frame of hours kept as a table at ``<root>/<key>``.

    ``fill`` says what stands in columns that rows of older versions lack. Hours that older versions kept as files of
    their own in the same folder are read there until the table holds them.
    """

    root: StoreRoot
    key: str
    schema: type[dy.Schema]
    span: Span
    fill: Mapping[str, pl.Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a schema that a table cannot keep."""
        unfit = [name for name, dtype in self._types.items() if _is_unfit(dtype)]
        if unfit:
            msg = f"{self.schema.__name__} cannot be kept in a table, which has no type for {', '.join(unfit)}."
            raise TypeError(msg)

    def commit(self, frames: Mapping[str, pl.LazyFrame], moment: datetime) -> dict[str, Committed]:
        """Replace hours (by key) in one transaction; see ``Dataset``."""
        hours = {parse_hour_key(key): frame for key, frame in frames.items()}
        live = self.log.list_files()
        for hour in hours:
            self._require_not_newer(hour, moment, live)
        placed = {hour: self._place(hour, frame, moment) for hour, frame in hours.items()}
        self._commit(placed, moment)
        return {format_hour_key(hour): self._describe_commit(file) for hour, file in placed.items()}

    def scan(
        self,
        partitions: Collection[str] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        changed_since: datetime | None = None,
    ) -> pl.LazyFrame:
        """Scan hours in order: those named, or all, from ``since`` (aware) to before ``until``.

        ``changed_since`` keeps the rows whose ``changed_at`` is after it. Raises ``NotStoredError`` for an hour that is
        named and was never stored.
        """
        wanted = None if partitions is None else [parse_hour_key(key) for key in partitions]
        return self._scan(wanted, since, until, changed_since).select(self.schema.column_names())

    def scan_with_hour(self, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:
        """Scan hours like ``scan``, with the start of the hour (UTC) in front as ``hour``."""
        return self._scan(None, since, until, None)

    def scan_if_stored(self, partition: str) -> pl.LazyFrame | None:
        """Scan an hour, or return None where it was never stored."""
        hour = parse_hour_key(partition)
        stored = self._list_former().get(hour) or self.log.read_moment(hour, self.log.list_files())
        return self.scan([partition]) if stored else None

    def scan_each(self, partitions: Collection[str]) -> dict[str, pl.LazyFrame]:
        """Scan hours apart from each other, by their keys, at one look at the log; those never stored are left out."""
        live, former = self.log.list_files(), self._list_former()
        hours = {parse_hour_key(key): key for key in partitions}
        near = parse_files(live.filter(pl.col("first").is_in(list(hours))))
        found = {file.first: self._conform(self._read([file.path])) for file in near if file.is_single}
        for hour in hours.keys() - found.keys():
            if hour in former or self.log.read_moment(hour, live) is not None:
                found[hour] = self._scan([hour], None, None, None)
        names = self.schema.column_names()
        return {key: found[hour].select(names) for hour, key in hours.items() if hour in found}

    def list_partitions(self) -> list[str]:
        """Return the keys of the hours that have a file of their own, or rows in one of several hours, in order."""
        files = parse_files(self.log.list_files())
        hours = {file.first for file in files if file.is_single} | self._list_former().keys()
        if compacted := [file.path for file in files if not file.is_single]:
            hours |= set(self._read(compacted).select(pl.col(HOUR).unique()).collect()[HOUR])
        return sorted(map(format_hour_key, hours))

    def read_commits(self, partitions: Collection[str]) -> dict[str, Committed]:
        """Return what is known of the commits of hours, by their keys, as far as these have files of their own."""
        hours = [parse_hour_key(key) for key in partitions]
        files = parse_files(self.log.list_files().filter(pl.col("first").is_in(hours)))
        return {format_hour_key(file.first): self._describe_commit(file) for file in files if file.is_single}

    def state(self) -> dict[str, str]:
        """Return the digest of every live file, by its key below the root."""
        keys = [f"{self.key}/{path}" for path in self.log.list_files()["path"]]
        keys += [f"{self.key}/{path.name}" for path in self._list_former().values()]
        return {key: compute_digest(self.root.store.read(key)) for key in keys}

    def describe_version(self) -> str:
        """Return a text that changes whenever an hour does."""
        table = self.log.refresh()
        return f"{self.key}={table.version() if table else -1}+{len(self._list_former())}"

    def list_former_files(self) -> dict[str, Path]:
        """Return the files of older versions that the table does not hold, by the key of their hour."""
        return {format_hour_key(hour): path for hour, path in self._list_former().items()}

    def list_old_files(self) -> list[Path]:
        """Return all files of older versions, in the order of their hours, whether the table holds those or not."""
        folder = Path(self.root.folder or "", self.key)
        if self.root.folder is None or not folder.is_dir():
            return []
        return sorted(each for each in folder.iterdir() if _OLD_NAME.fullmatch(each.name))

    def read_old_file(self, path: Path) -> pl.LazyFrame:
        """Scan a file of an older version as the schema wants it."""
        return self._read_former(parse_hour_key(path.stem), path).select(self.schema.column_names())

    @cached_property
    def log(self) -> TableLog:
        """The log of the table."""
        return TableLog(self.root, self.key, self.span, self._file_types)

    def place_rows(self, rows: pl.DataFrame, bounds: tuple[datetime, datetime]) -> HourFile:
        """Write rows of several hours of one span as a file that a transaction may add.

        ``bounds`` are the first and the last of the hours. A file without rows says that hours without rows are stored.
        """
        with self.root.draft() as draft:
            rows.write_parquet(draft.file, compression="zstd")
            draft.file.flush()
            path = name_span_file(self.span, bounds[0], compute_digest(draft.path))
            facts = rows.select(**list_facts(rows.columns)).row(0, named=True)
            file = build_file(path, draft.path.stat().st_size, facts, bounds)
            self.root.place(draft, f"{self.key}/{path}")
            return file

    def read_files(self, paths: Sequence[str]) -> pl.DataFrame:
        """Return the rows of data files as they lie there, by hour."""
        return self._read(paths).collect().sort(HOUR, maintain_order=True)

    # Commits

    def _place(self, hour: datetime, frame: pl.LazyFrame, moment: datetime) -> HourFile:
        """Write the file of an hour, held to the schema, where a transaction may add it."""
        with self.root.draft() as draft:
            write_frame(frame, self.schema, draft.file, lambda rows, arrow: self._prepare_rows(rows, arrow, hour))
            draft.file.flush()
            written = self._conform(pl.scan_parquet(draft.path, glob=False))
            facts = require_rules(self.schema, written, list_facts(self._names))
            path = name_hour_file(self.span, hour, moment, compute_digest(draft.path))
            file = build_file(path, draft.path.stat().st_size, facts, (hour, hour))
            if (file.first, file.last) != (hour, hour):
                msg = f"A frame of {self.key} for {format_hour_key(hour)} UTC holds rows of other hours."
                raise SchemaError(msg)
            self.root.place(draft, f"{self.key}/{path}")
            return file

    def _commit(self, placed: Mapping[datetime, HourFile], moment: datetime) -> None:
        """Make placed files the content of their hours, beginning anew while others commit at the same time."""
        for attempt in range(_ATTEMPTS):
            try:
                self._try_commit(placed, moment)
            except CommitFailedError:
                logger.info("Another commit to %s came first, beginning anew.", self.key)
                time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 7)))  # noqa: S311  # nothing secret
            else:
                return
        msg = f"{self.key} was committed to by others {_ATTEMPTS:,} times in a row: run it again."
        raise StaleError(msg)

    def _try_commit(self, placed: Mapping[datetime, HourFile], moment: datetime) -> None:
        """Commit as of the newest version; nothing may renew it between ``files`` and ``replace``."""
        self.log.prepare()
        live = self.log.list_files()
        pending = {hour: file for hour, file in placed.items() if not self._is_committed(hour, file, moment, live)}
        if pending:
            removed, rest = self._make_room(pending.keys(), live)
            self.log.replace(removed, [*pending.values(), *rest], pending.keys(), moment)

    def _make_room(self, hours: Collection[datetime], live: pl.DataFrame) -> tuple[list[HourFile], list[HourFile]]:
        """Return the live files that hold these hours, and new ones with what else lies in them."""
        holds = pl.any_horizontal(pl.lit(hour, _UTC).is_between("first", "last") for hour in hours)
        removed = parse_files(live.filter(holds))
        shared = [file for file in removed if not file.is_single]
        others = ~pl.col(HOUR).is_in(list(hours))
        return removed, [
            self.place_rows(self.read_files([file.path]).filter(others), (file.first, file.last)) for file in shared
        ]

    def _is_committed(self, hour: datetime, file: HourFile, moment: datetime, live: pl.DataFrame) -> bool:
        """Say whether an hour holds exactly this already; raise ``StaleError`` where it holds something newer."""
        if self._require_not_newer(hour, moment, live) != moment:
            return False
        if file.path in live["path"] or self._has_rows(hour, file, live):
            return True
        msg = (
            f"{self.key} {format_hour_key(hour)} UTC holds other content of the same moment "
            f"({moment:%Y-%m-%d %H:%M:%S %Z}): start a new run, which has a moment of its own."
        )
        raise StaleError(msg)

    def _has_rows(self, hour: datetime, file: HourFile, live: pl.DataFrame) -> bool:
        """Compare the rows of a placed file with those of its hour, which may lie among other hours by now."""
        files = live.filter(pl.lit(hour, _UTC).is_between("first", "last"))
        parts = [self._conform(self._read([path])).filter(pl.col(HOUR) == hour).collect() for path in files["path"]]
        placed = self._conform(self._read([file.path])).collect()
        return pl.concat([placed.clear(), *parts]).equals(placed)

    def _require_not_newer(self, hour: datetime, moment: datetime, live: pl.DataFrame) -> datetime | None:
        """Return the moment an hour was committed at; raise ``StaleError`` where that is after ``moment``."""
        held = self.log.read_moment(hour, live)
        if held is not None and held > moment:
            msg = (
                f"{self.key} {format_hour_key(hour)} UTC was stored as of {held:%Y-%m-%d %H:%M:%S} UTC, which is after "
                f"the moment of this run ({moment:%Y-%m-%d %H:%M:%S %Z}): it stays as it is."
            )
            raise StaleError(msg)
        return held

    def _prepare_rows(self, frame: pl.LazyFrame, arrow: pa.Schema, hour: datetime) -> tuple[pl.LazyFrame, pa.Schema]:
        """Turn rows into those of a file: the hour first, enumerations as text."""
        rows = frame.with_columns(pl.col(name).cast(pl.String) for name in self._enums)
        if HOUR not in self._types:
            rows = rows.with_columns(pl.lit(hour, _UTC).alias(HOUR))
        fields = [_make_text_field(each) if each.name in self._enums else each for each in arrow if each.name != HOUR]
        first = pa.field(HOUR, pa.timestamp("us", "UTC"), nullable=False)
        return rows.select(HOUR, pl.exclude(HOUR)), pa.schema([first, *fields])

    # Reading

    def _scan(
        self,
        wanted: Sequence[datetime] | None,
        since: datetime | None,
        until: datetime | None,
        changed_since: datetime | None,
    ) -> pl.LazyFrame:
        """Scan rows with their hour in front."""
        live = self.log.list_files()
        former = {hour: path for hour, path in self._list_former().items() if _is_wanted(hour, wanted, since, until)}
        files = parse_files(live.filter(_build_file_conditions(wanted, since, until, changed_since)))
        for hour in wanted or ():
            if hour not in former and self.log.read_moment(hour, live) is None:
                msg = (
                    f"{self.root.locate(self.key)} holds nothing of {format_hour_key(hour)} UTC: read that hour first."
                )
                raise NotStoredError(msg)
        parts = [self._read_former(hour, path) for hour, path in former.items()]
        if files:
            parts.append(self._conform(self._read([file.path for file in files])))
        rows = pl.concat(parts) if parts else pl.LazyFrame(schema={HOUR: _UTC} | dict(self._types)).select(self._names)
        if not all(file.is_single for file in files):
            rows = rows.filter(_build_row_conditions(wanted, since, until)).sort(HOUR, maintain_order=True)
        return rows if changed_since is None else rows.filter(pl.col(CHANGED_AT) > changed_since)

    def _read(self, paths: Sequence[str]) -> pl.LazyFrame:
        """Scan data files as they are."""
        return pl.scan_parquet(
            [self.root.locate(f"{self.key}/{path}") for path in paths],
            schema=self._file_types,
            glob=False,
            hive_partitioning=False,
            missing_columns="insert",
            storage_options=self.root.build_engine_options() or None,
        )

    def _read_former(self, hour: datetime, path: Path) -> pl.LazyFrame:
        """Scan a file of an older version."""
        rows = pl.scan_parquet(path, glob=False).with_columns(pl.lit(hour, _UTC).alias(HOUR))
        present = rows.collect_schema().names()
        absent = [pl.lit(None, dtype).alias(name) for name, dtype in self._types.items() if name not in present]
        return self._conform(rows.with_columns(absent))

    def _conform(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Turn rows of a file into rows of the schema, the hour in front."""
        filled = rows.with_columns(pl.col(name).fill_null(value) for name, value in self.fill.items())
        return filled.with_columns(pl.col(name).cast(dtype) for name, dtype in self._enums.items()).select(self._names)

    def _list_former(self) -> dict[datetime, Path]:
        """Return the files of hours as older versions kept them, but for the hours that the table holds.

        Maintenance puts no files together while there are any, so that every hour of the table has its own.
        """
        found = self.list_old_files()
        held = set(self.log.list_files()["first"]) if found else set()
        return {hour: path for path in found if (hour := parse_hour_key(path.stem)) not in held}

    # Columns

    @cached_property
    def _types(self) -> pl.Schema:
        return self.schema.create_empty().schema

    @cached_property
    def _enums(self) -> dict[str, pl.DataType]:
        return {name: dtype for name, dtype in self._types.items() if isinstance(dtype, pl.Enum)}

    @cached_property
    def _names(self) -> list[str]:
        return [HOUR, *(name for name in self._types if name != HOUR)]

    @cached_property
    def _file_types(self) -> pl.Schema:
        """Names and types in a data file."""
        return pl.Schema({HOUR: _UTC} | dict(self._types) | dict.fromkeys(self._enums, pl.String()))

    def _describe_commit(self, file: HourFile) -> Committed:
        return Committed(file.rows, file.digest, file.moment, self.root.locate(f"{self.key}/{file.path}"))


def _is_unfit(dtype: Any) -> bool:  # noqa: ANN401  # Polars types what lies within a type loosely
    """Whether Delta has no type for a column, or for what lies within it, or one that reads back otherwise."""
    if isinstance(dtype, pl.Struct):
        return any(_is_unfit(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.List | pl.Array):
        return _is_unfit(dtype.inner)
    return bool(dtype.is_unsigned_integer()) or isinstance(dtype, pl.Duration | pl.Time | pl.Categorical | pl.Int128)


def _make_text_field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, pa.string_view(), nullable=field.nullable)


def _is_wanted(
    hour: datetime, wanted: Collection[datetime] | None, since: datetime | None, until: datetime | None
) -> bool:
    asked = wanted is None or hour in wanted
    return asked and (since is None or hour >= since) and (until is None or hour < until)


def _build_file_conditions(
    wanted: Collection[datetime] | None,
    since: datetime | None,
    until: datetime | None,
    changed_since: datetime | None,
) -> list[pl.Expr]:
    """Conditions on live files: whether one may hold rows that are asked for."""
    conditions = [pl.lit(value=True)]
    if wanted is not None:
        hours = [pl.lit(hour, _UTC).is_between("first", "last") for hour in wanted]
        conditions.append(pl.any_horizontal([pl.lit(value=False), *hours]))
    if since is not None:
        conditions.append(pl.col("last") >= since)
    if until is not None:
        conditions.append(pl.col("first") < until)
    if changed_since is not None:
        conditions.append((pl.col("changed_last") > changed_since).fill_null(value=True))
    return conditions


def _build_row_conditions(
    wanted: Collection[datetime] | None, since: datetime | None, until: datetime | None
) -> list[pl.Expr]:
    """Conditions on rows: whether their hour is asked for."""
    conditions = [pl.lit(value=True)]
    if wanted is not None:
        conditions.append(pl.col(HOUR).is_in(list(wanted)))
    if since is not None:
        conditions.append(pl.col(HOUR) >= since)
    if until is not None:
        conditions.append(pl.col(HOUR) < until)
    return conditions
