"""The log of a table of hours: which files are live, and the one transaction that replaces some of them.

delta-rs keeps the log; two guards are ours. Every commit carries a transaction per hour, with its moment, so that of
two writers of an hour one conflicts. On a local disk the entry is made durable here, since delta-rs does not, and an
entry that a power failure left torn is set aside: it was never acknowledged. Statistics hold hours and times of change
only, so that nothing about people lies in the log. What is in the files belongs to ``hourly``.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction

from immuta_assets.datasets.hour_files import (
    CHANGED_AT,
    HOUR,
    HourFile,
    Span,
    count_microseconds,
    make_partition_values,
    make_statistics,
    name_span,
    parse_microseconds,
    read_statistics,
)
from immuta_assets.datasets.root import StoreRoot
from immuta_assets.object_store.files import sync

logger = logging.getLogger(__name__)

LOG = "_delta_log"
VACUUM_AFTER_DAYS = 7
"""How long a file stays that is no longer live: longer than any run, so that no reader loses it."""
_PROPERTIES = {
    "delta.checkpointInterval": "100",
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": f"interval {VACUUM_AFTER_DAYS} days",
}


@dataclass
class TableLog:
    """The log of the table at ``<root>/<key>``; ``columns`` are those of its files."""

    root: StoreRoot
    key: str
    span: Span
    columns: pl.Schema
    _table: DeltaTable | None = field(default=None, init=False, repr=False)
    _view: tuple[int, pl.DataFrame] | None = field(default=None, init=False, repr=False)

    def refresh(self) -> DeltaTable | None:
        """Return the newest version of the table; none where nothing was ever committed."""
        if self._table is None:
            self._table = self._load()
        else:
            self._table.update_incremental()
        return self._table

    def list_files(self) -> pl.DataFrame:
        """Return the live files of the newest version: the columns of ``HourFile`` and ``span``, by hour."""
        table = self.refresh()
        if table is None:
            return pl.DataFrame(schema=_VIEW)
        if self._view is None or self._view[0] != table.version():
            actions = pl.DataFrame(table.get_add_actions(flatten=True))
            self._view = table.version(), read_statistics(actions, self.span)
        return self._view[1]

    def read_moment(self, hour: datetime, files: pl.DataFrame) -> datetime | None:
        """Return the moment (UTC) at which an hour was committed last; ``files`` are the live ones."""
        near = parse_files(files.filter(pl.col("span") == name_span(self.span, hour)))
        single = next((file for file in near if file.is_single and file.first == hour), None)
        if single is not None:
            return single.moment
        # Every commit leaves a file of the hour, so only one that was compacted lies in a file of several hours.
        if self._table is None or all(file.is_single for file in near):
            return None
        version = self._table.transaction_version(_name_transaction(hour))
        return None if version is None else parse_microseconds(version)

    def replace(
        self,
        removed: Sequence[HourFile],
        added: Sequence[HourFile],
        hours: Collection[datetime] = (),
        moment: datetime | None = None,
    ) -> None:
        """Replace files in one transaction: the content of ``hours`` as of a moment, or, without, the same rows.

        Raises ``CommitFailedError`` where somebody else committed the same hours, or removed the same files, meanwhile.
        """
        table = self._table or self._create()
        change = moment is not None
        both = {file.path for file in removed} & {file.path for file in added}
        stamp = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                file.path, file.size, make_partition_values(self.span, file), stamp, change, make_statistics(file)
            )
            for file in added
            if file.path not in both
        ]
        actions += [
            RemoveAction(
                file.path, change, stamp, size=file.size, partition_values=dict(make_partition_values(self.span, file))
            )
            for file in removed
            if file.path not in both
        ]
        transactions = [Transaction(_name_transaction(hour), count_microseconds(moment)) for hour in hours if moment]
        properties = CommitProperties(app_transactions=transactions)
        table.create_write_transaction(actions, "append", table.schema(), [self.span], commit_properties=properties)
        self._sync(table.version())

    def add_columns(self) -> None:
        """Add the columns to the table that it lacks, since an older version made it."""
        table = self._table
        if table is None:
            return
        names = {column.name for column in table.schema().fields}
        if not names.issuperset(self.columns.names()):
            wanted = _build_delta_schema(self.columns, self.span)
            missing = [column for column in wanted.fields if column.name not in names]
            table.alter.add_columns(missing)
            self._sync(table.version())

    def _create(self) -> DeltaTable:
        """Make the table, unless somebody else does so at the same moment."""
        options = self.root.build_engine_options() or None
        statistics = [name for name in (HOUR, CHANGED_AT) if name in self.columns]
        if self.root.folder is not None:
            (self.root.folder / self.key).mkdir(parents=True, exist_ok=True)
        DeltaTable.create(
            self.root.locate(self.key),
            _build_delta_schema(self.columns, self.span),
            mode="ignore",
            partition_by=[self.span],
            configuration=_PROPERTIES | {"delta.dataSkippingStatsColumns": ",".join(statistics)},
            storage_options=options,
        )
        self._sync(0)
        self._table = self._load()
        if self._table is None:
            msg = f"The table {self.root.locate(self.key)} cannot be made."
            raise DeltaError(msg)
        return self._table

    def _load(self) -> DeltaTable | None:
        uri, options = self.root.locate(self.key), self.root.build_engine_options() or None
        if self.root.folder is not None and not (self.root.folder / self.key / LOG).is_dir():
            return None
        if not DeltaTable.is_deltatable(uri, options):
            return None
        # No process lives through a power failure, so looking once, before the first reading, is enough.
        self._set_aside_torn_entry()
        return DeltaTable(uri, storage_options=options)

    def _set_aside_torn_entry(self) -> None:
        """Rename the newest entry where it is empty or cut: it was not durable, so nobody was told that it holds."""
        if self.root.folder is None:
            return
        newest = max((self.root.folder / self.key / LOG).glob("*.json"), default=None)
        if newest is not None and not _is_whole(newest):
            logger.warning("Setting aside %s: it is torn, as after a power failure, and was not acknowledged.", newest)
            newest.rename(newest.with_name(f"{newest.name}.torn"))
            sync(newest.parent)

    def _sync(self, version: int) -> None:
        """Make the entry of a version durable."""
        if self.root.folder is not None:
            folder = self.root.folder / self.key / LOG
            entry = folder / f"{version:020}.json"
            if entry.exists():
                sync(entry)
            sync(folder)


_UTC = pl.Datetime("us", "UTC")
_VIEW: dict[str, type[pl.DataType] | pl.DataType] = {
    "path": pl.String,
    "size": pl.Int64,
    "rows": pl.Int64,
    "first": _UTC,
    "last": _UTC,
    "changed_first": _UTC,
    "changed_last": _UTC,
    "span": pl.String,
}


def parse_files(view: pl.DataFrame) -> list[HourFile]:
    """Return rows of ``TableLog.list_files`` as values."""
    return [HourFile(*row[:-1]) for row in view.iter_rows()]


def _name_transaction(hour: datetime) -> str:
    return f"{hour:%Y-%m-%dT%H}"


def _build_delta_schema(columns: pl.Schema, span: Span) -> Schema:
    folder: dict[str, pl.DataType] = {span: pl.Date() if span == "day" else pl.String()}
    frame = pl.DataFrame(schema=dict(columns) | folder)
    return Schema.from_arrow(frame.to_arrow(compat_level=pl.CompatLevel.oldest()).schema)


def _is_whole(entry: Path) -> bool:
    """Whether every line of an entry is an object; writers make entries visible whole, but for power failures."""
    lines = entry.read_bytes().splitlines()
    try:
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except ValueError:
        return False
