"""Query history of Databricks Unity Catalog: its system tables, read for one hour through a SQL warehouse.

Here stand the time windows, the files in which a reading is kept, and the facts about it. Change it when the way of
reading changes. The statements sent belong to ``tables``, what their rows mean to ``rows``, how the warehouse is
reached to ``session``; the grants are in ``deploy/databricks/grants.sql``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from immuta_assets.platforms.hour import SETTLE, Counted, Hour, ReadFacts, get_bounds
from immuta_assets.platforms.parts import divide_rows
from immuta_assets.platforms.unity_catalog import qualified_names, rows, tables
from immuta_assets.platforms.unity_catalog.connection import UnityCatalogConnection
from immuta_assets.platforms.unity_catalog.rows import PARSED_TEXTS, REDACTED_USER
from immuta_assets.platforms.unity_catalog.session import Parameters, Session, open_session

_REACH = timedelta(days=8)
"""How long before the hour in which it ended a statement may have started; also one whose cached result was given."""
_LATE_LINEAGE = timedelta(days=1)
"""How long after its hour a statement may still cause lineage, by the moment that lineage tells."""

_STATEMENTS_AT_ONCE = 100_000

_DRAINED = {
    "history": tables.HISTORY,
    "lineage": tables.LINEAGE,
    "indirect": tables.INDIRECT,
}
"""What a reading keeps in its spool folder, by name of the file."""

_HISTORY_TABLE = "system.query.history"
_LINEAGE_TABLE = "system.access.column_lineage"


def count_hours(
    connection: UnityCatalogConnection,
    since: datetime,
    until: datetime,
    moment: datetime,  # noqa: ARG001 - what came later is counted, too: the tables keep no record of arrivals
) -> dict[datetime, Counted]:
    """Count what the platform has of each hour in ``[since, until)``, by the hour's start (UTC); empty ones are absent.

    ``since`` and ``until`` are whole hours with a time zone. Raises ``HistoryError`` when anything is refused.
    """
    window = _make_window(connection, get_bounds(since)[0], get_bounds(until)[0])
    with open_session(connection) as warehouse:
        return _count_by_hour(warehouse, window)


def read_hour(connection: UnityCatalogConnection, hour: datetime, spool: Path, moment: datetime) -> Hour:
    """Read the statements that ended in the hour and the objects they accessed; the frames scan files in ``spool``.

    ``moment``, that of the run, decides whether lineage may still arrive. Raises ``HistoryError`` when anything
    is refused or breaks off; nothing of the hour may then be used.
    """
    start, end = get_bounds(hour)
    spool.mkdir(parents=True, exist_ok=True)
    with open_session(connection) as warehouse:
        counted = _drain(warehouse, _make_window(connection, start, end), spool).get(hour, Counted())
    settled = moment >= end + SETTLE
    statements, accesses, unparsed = _parse_hour(spool, connection.objects, settled=settled)
    return Hour(statements, accesses, _gather_facts(spool, counted, statements, accesses, unparsed=unparsed))


def _make_window(connection: UnityCatalogConnection, since: datetime, until: datetime) -> Parameters:
    return {
        "since": since,
        "until": until,
        "earliest_start": since - _REACH,
        "first_date": (since - _REACH).date(),
        "last_date": (until + _LATE_LINEAGE).date(),
        "workspaces": ",".join(connection.workspaces),
    }


def _drain(warehouse: Session, window: Parameters, spool: Path) -> dict[datetime, Counted]:
    """Write what the hour has into the spool folder; return what was counted before, so that it is never newer."""
    counted = _count_by_hour(warehouse, window)
    for name, statement in _DRAINED.items():
        warehouse.drain(tables.ENDED + statement, window, spool / f"{name}.parquet")
    return counted


def _count_by_hour(warehouse: Session, window: Parameters) -> dict[datetime, Counted]:
    return {
        row["hour"].astimezone(UTC): Counted(
            statements=int(row["statements"]),
            statement_ids=int(row["statement_ids"]),
            accesses=int(row["accesses"]),
            latest_end=row["latest_end"].astimezone(UTC),
        )
        for row in warehouse.fetch_rows(tables.ENDED + tables.COUNT, window)
    }


def _parse_hour(spool: Path, choice: str, *, settled: bool) -> tuple[pl.LazyFrame, pl.LazyFrame, int]:
    """Make both frames of what was drained, a range of statements at a time, and count the texts left unparsed."""
    history, objects, indirect = (_scan_file(spool, name) for name in _DRAINED)
    divided = divide_rows(history, _STATEMENTS_AT_ONCE)
    statements = _save_parts(
        spool / "statements",
        (rows.make_statements(history.filter(ids), objects.filter(ids), settled=settled) for ids in divided),
    )
    texts, unparsed = rows.select_texts(statements)
    inferred = rows.infer_objects(statements, qualified_names.find_tables(texts).lazy())
    chosen = rows.choose_objects(objects, indirect, choice)
    accesses = _save_parts(
        spool / "accesses",
        (rows.make_accesses(statements.filter(ids), chosen.filter(ids), inferred.filter(ids)) for ids in divided),
    )
    return statements, accesses, unparsed


def _scan_file(spool: Path, name: str) -> pl.LazyFrame:
    return pl.scan_parquet(spool / f"{name}.parquet", glob=False).with_columns(
        pl.col(pl.Datetime).dt.convert_time_zone("UTC")
    )


def _save_parts(folder: Path, parts: Iterable[pl.LazyFrame]) -> pl.LazyFrame:
    """Compute the parts of a frame into files, one after the other, and return a scan of all."""
    folder.mkdir(exist_ok=True)
    files = []
    for number, part in enumerate(parts):
        files.append(folder / f"{number}.parquet")
        part.sink_parquet(files[-1], compression="zstd")
    return pl.scan_parquet(files, glob=False)


def _gather_facts(
    spool: Path, counted: Counted, statements: pl.LazyFrame, accesses: pl.LazyFrame, *, unparsed: int
) -> ReadFacts:
    read = _scan_file(spool, "history").select(
        rows=pl.col("copies").sum(),
        latest_end=pl.col("end_time").max(),
        nameless=(pl.col("executed_by") == REDACTED_USER).sum(),
    )
    lineage = _scan_file(spool, "lineage").select(latest_event=pl.col("event_time").max())
    kept = statements.select(
        statements=pl.len(),
        redacted=(pl.col("text_state") == "REDACTED").sum(),
        pending=(pl.col("access_state") == "PENDING").sum(),
    )
    counts = pl.concat([read, lineage, kept], how="horizontal").collect().row(0, named=True)
    return ReadFacts(
        counted=counted,
        statements=counts["statements"],
        accesses=accesses.select(pl.len()).collect().item(),
        source_duplicates=counts["rows"] - counts["statements"],
        redacted=counts["redacted"],
        pending=counts["pending"],
        latest_end={_HISTORY_TABLE: counts["latest_end"], _LINEAGE_TABLE: counts["latest_event"]},
        warnings=tuple(_list_warnings(counts["redacted"], counts["nameless"], unparsed)),
    )


def _list_warnings(redacted: int, nameless: int, unparsed: int) -> Iterator[str]:
    if redacted or nameless:
        yield (
            f"Databricks withheld {redacted:,} texts and {nameless:,} user names: add the principal that connects "
            "to the account group databricks_pii_access."
        )
    if unparsed:
        yield (
            f"{unparsed:,} texts without lineage were not parsed: of an hour, only the {PARSED_TEXTS:,} that ran most "
            "often are."
        )
