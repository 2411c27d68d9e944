"""The log of a table of hours: which files are live, and the one transaction that replaces some of them.

delta-rs keeps the log; two guards are ours. Every commit carries a transaction per hour, with its moment, so that of
two writers of an hour one conflicts. On a local disk the entry is made durable here, since delta-rs does not, and an
entry that a power failure left torn is set aside: it was never acknowledged. Statistics hold hours and times of change
only, so that nothing about people lies in the log. What is in the files belongs to ``hourly``.
"""

from __future__ import annotations

import itertools
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
from deltalake.transaction import AddAction, CommitProperties, PostCommitHookProperties, RemoveAction, Transaction

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
from immuta_assets.datasets.root import StoreRoot, lock_folder
from immuta_assets.object_store.files import sync

logger = logging.getLogger(__name__)

LOG = "_delta_log"
VACUUM_AFTER_DAYS = 7
"""How long a file stays that is no longer live: longer than any run, so that no reader loses it."""
_LINES = "lines"
"""How many lines an entry has: its first line says so, since a power failure may cut it between two."""
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
        table = self._require_table()
        both = {file.path for file in removed} & {file.path for file in added}
        stamp = int(time.time() * 1000)
        # Whoever removes a file that a commit without a change of data removed meanwhile would not conflict with it.
        change = True
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
        properties = CommitProperties({_LINES: 1 + len(actions) + len(transactions)}, app_transactions=transactions)
        table.create_write_transaction(
            actions,
            "append",
            table.schema(),
            [self.span],
            commit_properties=properties,
            # Entries may only go when the checkpoint that replaces them is durable (``write_checkpoint``).
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )
        self._sync(table.version())

    def write_checkpoint(self) -> None:
        """Write a checkpoint of the newest version, and remove the entries before it that are older than 30 days."""
        table = self.refresh()
        if table is not None:
            table.create_checkpoint()
            self._sync(table.version())
            table.cleanup_metadata()

    def prepare(self) -> None:
        """Make the table where there is none, and add the columns that it lacks, since an older version made it.

        Call it before ``files`` when files are to be replaced: it may bring commits of others with it.
        """
        table = self._table or self.refresh() or self._create()
        names = {column.name for column in table.schema().fields}
        if not names.issuperset(self.columns.names()):
            wanted = _build_delta_schema(self.columns, self.span)
            missing = [column for column in wanted.fields if column.name not in names]
            before = table.version()
            table.alter.add_columns(missing)
            self._sync(before)

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
        return self._require_table()

    def _require_table(self) -> DeltaTable:
        if self._table is None:
            msg = f"The table {self.root.locate(self.key)} was not made yet."
            raise DeltaError(msg)
        return self._table

    def _load(self) -> DeltaTable | None:
        uri, options = self.root.locate(self.key), self.root.build_engine_options() or None
        if self.root.folder is not None and not (self.root.folder / self.key / LOG).is_dir():
            return None
        # No process lives through a power failure, so looking once, before the first reading, is enough.
        self._set_aside_torn_entry()
        self._require_no_empty_entry()
        return DeltaTable(uri, storage_options=options) if DeltaTable.is_deltatable(uri, options) else None

    def _set_aside_torn_entry(self) -> None:
        """Rename the newest entry where it is empty or cut: it was not durable, so nobody was told that it holds."""
        if self.root.folder is None:
            return
        folder = self.root.folder / self.key / LOG
        if _is_torn(_find_newest(folder)):
            with lock_folder(folder):
                # Meanwhile somebody else may have set it aside, and committed anew under its name.
                newest = _find_newest(folder)
                if newest is not None and _is_torn(newest):
                    logger.warning("Setting aside %s, torn as by a power failure: nobody was told of it.", newest)
                    newest.rename(newest.with_name(f"{newest.name}.torn"))
                    sync(folder)

    def _require_no_empty_entry(self) -> None:
        """Raise ``DeltaError`` where an entry holds nothing, which delta-rs takes for a commit that changes nothing."""
        folder = Path(self.root.folder or "", self.key, LOG)
        entries = folder.glob("*.json") if self.root.folder is not None else ()
        empty = next((entry for entry in entries if not entry.stat().st_size), None)
        if empty is not None:
            msg = f"{empty}: the entry is empty, so it is unknown which hours it replaced: restore it from a backup."
            raise DeltaError(msg)

    def _sync(self, version: int) -> None:
        """Make the entries from the version that a commit saw to its own durable, and checkpoints beside them.

        Its own is the newest; whose lie before it may not have made them durable yet.
        """
        if self.root.folder is not None:
            folder = self.root.folder / self.key / LOG
            entries = (folder / f"{each:020}.json" for each in itertools.count(version))
            for entry in (next(entries), *itertools.takewhile(Path.exists, entries)):
                for path in (entry, entry.with_suffix(".checkpoint.parquet"), folder / "_last_checkpoint"):
                    if path.exists():
                        sync(path)
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


def _find_newest(folder: Path) -> Path | None:
    return max(folder.glob("*.json"), default=None)


def _is_torn(entry: Path | None) -> bool:
    """Whether an entry is empty or cut; writers make entries visible whole, but for power failures."""
    try:
        lines = [json.loads(line) for line in entry.read_bytes().splitlines()] if entry else [{}]
        return not lines or lines[0].get("commitInfo", {}).get(_LINES, len(lines)) != len(lines)
    except FileNotFoundError:
        return False
    except ValueError:
        return True
