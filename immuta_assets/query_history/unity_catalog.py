"""Query history of Databricks Unity Catalog: ``system.query.history`` and ``system.access.column_lineage``.

Here stand the statements that are sent and what Databricks' words mean in the frames of ``history``. Change it when
the system tables change. How the warehouse is reached belongs to ``databricks_session``, tables found by parsing a text
to ``qualified_names``; the grants that it needs are in ``deploy/databricks/grants.sql``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dataframely as dy
import polars as pl

from immuta_assets.query_history import qualified_names
from immuta_assets.query_history.connections import UnityCatalogConnection
from immuta_assets.query_history.databricks_session import Parameters, Session, session
from immuta_assets.query_history.history import Accesses, Statements
from immuta_assets.query_history.hour import SETTLE, Hour, ReadFacts, bounds

HISTORY = """
SELECT account_id, workspace_id, statement_id, session_id, execution_status, executed_by, statement_text,
       statement_type, error_message, client_application, start_time, end_time, update_time, total_duration_ms,
       produced_rows,
       from_result_cache, coalesce(cache_origin_statement_id, statement_id) AS lineage_id, compute.type AS compute_type,
       compute.cluster_id AS cluster_id, compute.warehouse_id AS warehouse_id, query_source.notebook_id AS notebook_id
FROM system.query.history
WHERE end_time >= :since AND end_time < :until AND start_time >= :earliest_start
  AND (:workspaces = '' OR array_contains(split(:workspaces, ','), workspace_id))
  AND NOT coalesce(executed_by = current_user() AND query_tags['application'] = 'immuta-assets', false)
ORDER BY statement_id, end_time DESC, update_time DESC
"""
"""Statements that ended in the hour, but ours. Anybody may set a tag: it hides only what our own principal ran."""

LINEAGE = """
WITH ended AS (
    SELECT coalesce(cache_origin_statement_id, statement_id) AS statement_id
    FROM system.query.history
    WHERE end_time >= :since AND end_time < :until AND start_time >= :earliest_start
      AND (:workspaces = '' OR array_contains(split(:workspaces, ','), workspace_id))
)
SELECT statement_id AS lineage_id, source_table_catalog AS database, source_table_schema AS schema,
       source_table_name AS name, source_path AS path, source_type AS object_type,
       source_column_name AS column, max(event_time) AS event_time
FROM system.access.column_lineage
WHERE event_date >= :first_date AND event_date <= :last_date AND statement_id IN (SELECT statement_id FROM ended)
GROUP BY ALL
UNION ALL
SELECT statement_id AS lineage_id, target_table_catalog AS database, target_table_schema AS schema,
       target_table_name AS name, target_path AS path, target_type AS object_type,
       target_column_name AS column, max(event_time) AS event_time
FROM system.access.column_lineage
WHERE event_date >= :first_date AND event_date <= :last_date AND statement_id IN (SELECT statement_id FROM ended)
GROUP BY ALL
"""
"""Columns read and written by those statements, and by the statements whose cached results they were given."""

INDIRECT = """
SELECT statement_id AS lineage_id, source_table_catalog AS database, source_table_schema AS schema,
       source_table_name AS name
FROM system.access.table_lineage
WHERE event_date >= :first_date AND event_date <= :last_date AND statement_id IN (
    SELECT coalesce(cache_origin_statement_id, statement_id)
    FROM system.query.history
    WHERE end_time >= :since AND end_time < :until AND start_time >= :earliest_start
      AND (:workspaces = '' OR array_contains(split(:workspaces, ','), workspace_id))
)
GROUP BY ALL
HAVING bool_and(NOT direct_access)
"""
"""Tables that those statements reached through views only."""

_LONGEST_RUN = timedelta(days=8)
"""How long before its hour a statement may have started; bounds what the warehouse scans."""
_CACHE_LIFE = timedelta(days=8)
"""How long before the hour the statement may have run whose cached result was given."""
_LATE_LINEAGE = timedelta(days=1)

_HISTORY_TABLE = "system.query.history"
_LINEAGE_TABLE = "system.access.column_lineage"

_REDACTED_TEXT = "<REDACTED>"
_REDACTED_USER = "__REDACTED__"
_WHOLE_CHARACTERS = 60_000
"""Databricks cuts long texts at a length it does not name; a longer one is not taken for whole."""
_PARSED_TEXTS = 20_000
"""How many texts of an hour are parsed: about ten seconds."""

_APPLICATION_ID = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_ERROR_CLASS = r"^(?:[\w.$]+: )?\[([A-Z][A-Z0-9_]*(?:\.[A-Z][A-Z0-9_]*)*)\]"
_DENIED_CLASS = r"^(?:INSUFFICIENT_P|PERMISSION_DENIED|UNAUTHORIZED_ACCESS)"
_DENIED_WORDS = r"PERMISSION_DENIED|(?i:does not have (?:the )?(?:permission|privilege|(?:[a-z]+ ){1,3}on ))"

_WITHOUT_DATA = ["DESCRIBE", "EXPLAIN", "GRANT", "REVOKE", "SET", "SHOW", "USE"]
_WITH_DATA = ["DELETE", "INSERT", "MERGE", "SELECT", "UPDATE"]
_VIEWS = ["VIEW", "METRIC_VIEW"]


def read_hour(connection: UnityCatalogConnection, hour: datetime, spool: Path, *, now: datetime | None = None) -> Hour:
    """Read the statements that ended in the hour and the objects they accessed; the frames scan files in ``spool``.

    ``now`` (the present, unless given) decides whether lineage may still arrive. Raises ``HistoryError`` when anything
    is refused or breaks off; nothing of the hour may then be used.
    """
    with session(connection) as warehouse:
        _drain(warehouse, connection, hour, spool)
    settled = (now or datetime.now(UTC)) >= bounds(hour)[1] + SETTLE
    objects = _objects(_scan(spool, "lineage"))
    newest = _newest(_scan(spool, "history"))
    statements = _kept(_statements(newest, objects, settled=settled), Statements, spool / "statements.parquet")
    texts = _texts_to_parse(statements)
    chosen = _chosen(objects, _scan(spool, "indirect"), connection.objects)
    accesses = pl.concat([_named(newest, chosen), _inferred(statements, texts[:_PARSED_TEXTS])], how="diagonal")
    accesses = _kept(accesses.sort("query_id", "object_name"), Accesses, spool / "accesses.parquet")
    return Hour(statements, accesses, _facts(spool, statements, accesses, unparsed=max(0, len(texts) - _PARSED_TEXTS)))


def _drain(warehouse: Session, connection: UnityCatalogConnection, hour: datetime, spool: Path) -> None:
    since, until = bounds(hour)
    ended: Parameters = {
        "since": since,
        "until": until,
        "earliest_start": since - _LONGEST_RUN,
        "workspaces": ",".join(connection.workspaces),
    }
    warehouse.drain(HISTORY, ended, spool / "history.parquet")
    first, last = _earliest_lineage(spool / "history.parquet", since).date(), (until + _LATE_LINEAGE).date()
    dated: Parameters = {**ended, "first_date": first, "last_date": last}
    warehouse.drain(LINEAGE, dated, spool / "lineage.parquet")
    warehouse.drain(INDIRECT, dated, spool / "indirect.parquet")


def _earliest_lineage(history: Path, since: datetime) -> datetime:
    """Return from when on lineage may matter: the first start, or the oldest result that a cache may hold."""
    cached = (pl.col("lineage_id") != pl.col("statement_id")).any()
    start, any_cached = (
        pl.scan_parquet(history).select(pl.col("start_time").min(), cached.alias("cached")).collect().row(0)
    )
    return min(start or since, since - _CACHE_LIFE if any_cached else since)


def _scan(spool: Path, name: str) -> pl.LazyFrame:
    return pl.scan_parquet(spool / f"{name}.parquet").with_columns(pl.col(pl.Datetime).dt.convert_time_zone("UTC"))


def _kept(frame: pl.LazyFrame, schema: type[dy.Schema], path: Path) -> pl.LazyFrame:
    """Compute a frame into a file and return it as a scan; columns that the platform has nothing for are null."""
    given = frame.collect_schema().names()
    absent = [pl.lit(None).alias(name) for name in schema.column_names() if name not in given]
    frame.with_columns(absent).pipe(schema.cast).sink_parquet(path, compression="zstd")
    return pl.scan_parquet(path)


def _newest(history: pl.LazyFrame) -> pl.LazyFrame:
    """Each statement once, as it was last written: the first of its rows as they are ordered."""
    return history.filter(pl.col("statement_id").ne_missing(pl.col("statement_id").shift()))


def _objects(lineage: pl.LazyFrame) -> pl.LazyFrame:
    """Objects per ``lineage_id``, each once, otherwise as in ``Accesses``; a path is its own name."""
    return (
        lineage.with_columns(name=pl.coalesce("name", "path"))
        .drop_nulls("name")
        .group_by("lineage_id", "database", "schema", "name")
        .agg(
            object_type=pl.col("object_type").str.to_uppercase().min().fill_null("TABLE"),
            accessed_columns=pl.col("column").drop_nulls().unique().sort(),
        )
        .with_columns(object_name=_full_name(), inferred=pl.lit(value=False))
    )


def _full_name() -> pl.Expr:
    return pl.concat_str("database", "schema", "name", separator=".", ignore_nulls=True)


def _chosen(objects: pl.LazyFrame, indirect: pl.LazyFrame, choice: str) -> pl.LazyFrame:
    if choice == "base":
        return objects.filter(~pl.col("object_type").is_in(_VIEWS))
    return objects.join(indirect, on=["lineage_id", "database", "schema", "name"], how="anti")


def _named(history: pl.LazyFrame, objects: pl.LazyFrame) -> pl.LazyFrame:
    return history.select("lineage_id", query_id="statement_id").join(objects, on="lineage_id").drop("lineage_id")


def _statements(history: pl.LazyFrame, objects: pl.LazyFrame, *, settled: bool) -> pl.LazyFrame:
    mapped = objects.select("lineage_id", mapped=pl.lit(value=True)).unique()
    marked = history.join(mapped, on="lineage_id", how="left", maintain_order="left").with_columns(
        text_state=_text_state(), status=_status(), **_principal()
    )
    return marked.select(
        "user_name", "user_email", "user_type", "session_id", "status", "statement_type", "text_state",
        "warehouse_id", "cluster_id", "workspace_id", "notebook_id", "account_id",
        query_id="statement_id",
        started_at="start_time",
        ended_at="end_time",
        duration_ms="total_duration_ms",
        error_code=_unless_success(pl.col("error_message").str.extract(_ERROR_CLASS)),
        error_message=_unless_success(pl.col("error_message").replace("", None)),
        text=pl.when(pl.col("text_state").is_in(["WHOLE", "CUT"])).then("statement_text"),
        access_state=_access_state(settled=settled),
        rows_produced="produced_rows",
        user_agent="client_application",
        service=pl.when(pl.col("compute_type") == "WAREHOUSE").then(pl.lit("WAREHOUSE"))
        .when(pl.col("compute_type").is_not_null()).then(pl.lit("CLUSTER")),
    )  # fmt: skip


def _principal() -> dict[str, pl.Expr]:
    """A person is known by an e-mail address, a service principal by its application id."""
    name = pl.when(pl.col("executed_by") != _REDACTED_USER).then("executed_by")
    person = name.str.contains("@", literal=True)
    service = name.str.contains(_APPLICATION_ID)
    return {
        "user_name": name,
        "user_email": pl.when(person).then(name),
        "user_type": pl.when(service).then(pl.lit("SERVICE")).when(person).then(pl.lit("PERSON")),
    }


def _text_state() -> pl.Expr:
    text = pl.col("statement_text")
    cut = (text.str.len_chars() > _WHOLE_CHARACTERS) | text.str.strip_chars_end().str.ends_with("...")
    return (
        pl.when(text.fill_null("").str.strip_chars() == "")
        .then(pl.lit("MISSING"))
        .when(text == _REDACTED_TEXT)
        .then(pl.lit("REDACTED"))
        .when(cut)
        .then(pl.lit("CUT"))
        .otherwise(pl.lit("WHOLE"))
    )


def _status() -> pl.Expr:
    """The error class tells a refusal; words only count without one, since a message may repeat what a user wrote."""
    message = pl.col("error_message").fill_null("")
    error_class = message.str.extract(_ERROR_CLASS)
    denied = error_class.str.contains(_DENIED_CLASS).fill_null(message.str.contains(_DENIED_WORDS))
    return (
        pl.when(pl.col("execution_status") == "FINISHED")
        .then(pl.lit("SUCCESS"))
        .when((pl.col("execution_status") == "FAILED") & denied)
        .then(pl.lit("UNAUTHORIZED"))
        .otherwise(pl.lit("FAILURE"))
    )


def _unless_success(value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("status") != "SUCCESS").then(value)


def _access_state(*, settled: bool) -> pl.Expr:
    without_data = (pl.col("status") != "SUCCESS") | pl.col("statement_type").is_in(_WITHOUT_DATA)
    return (
        pl.when("mapped")
        .then(pl.lit("KNOWN"))
        .when(without_data)
        .then(pl.lit("NOT_APPLICABLE"))
        .when(not settled)
        .then(pl.lit("PENDING"))
        .when("from_result_cache")
        .then(pl.lit("CACHED"))
        .otherwise(pl.lit("NONE"))
    )


def _texts_to_parse(statements: pl.LazyFrame) -> list[str]:
    """Distinct whole texts of settled statements that no lineage names objects of, in a fixed order."""
    return (
        statements.filter(
            pl.col("access_state").cast(pl.String).is_in(["NONE", "CACHED"]),
            pl.col("text_state") == "WHOLE",
            pl.col("statement_type").is_in(_WITH_DATA),
            pl.col("text").str.contains(qualified_names.NAME_PATTERN),
        )
        .select(pl.col("text").unique().sort())
        .collect()["text"]
        .to_list()
    )


def _inferred(statements: pl.LazyFrame, texts: list[str]) -> pl.LazyFrame:
    unmapped = statements.filter(pl.col("access_state").cast(pl.String).is_in(["NONE", "CACHED"]))
    found = qualified_names.tables(texts).lazy()
    return unmapped.select("query_id", "text").join(found, on="text").select(
        "query_id", "database", "schema", "name",
        object_name=_full_name(),
        object_type=pl.lit("TABLE"),
        accessed_columns=pl.lit([], dtype=pl.List(pl.String)),
        inferred=pl.lit(value=True),
    )  # fmt: skip


def _facts(spool: Path, statements: pl.LazyFrame, accesses: pl.LazyFrame, *, unparsed: int) -> ReadFacts:
    read = _scan(spool, "history").select(
        rows=pl.len(),
        latest_end=pl.col("end_time").max(),
        nameless=(pl.col("executed_by") == _REDACTED_USER).sum(),
    )
    lineage = _scan(spool, "lineage").select(latest_event=pl.col("event_time").max())
    kept = statements.select(
        statements=pl.len(),
        redacted=(pl.col("text_state") == "REDACTED").sum(),
        pending=(pl.col("access_state") == "PENDING").sum(),
    )
    counts = pl.concat([read, lineage, kept], how="horizontal").collect().row(0, named=True)
    return ReadFacts(
        statements=counts["statements"],
        accesses=accesses.select(pl.len()).collect().item(),
        source_duplicates=counts["rows"] - counts["statements"],
        redacted=counts["redacted"],
        pending=counts["pending"],
        latest_end={_HISTORY_TABLE: counts["latest_end"], _LINEAGE_TABLE: counts["latest_event"]},
        warnings=tuple(_warnings(counts["redacted"], counts["nameless"], unparsed)),
    )


def _warnings(redacted: int, nameless: int, unparsed: int) -> Iterator[str]:
    if redacted or nameless:
        yield (
            f"Databricks withheld {redacted:,} texts and {nameless:,} user names: add the principal that connects "
            "to the account group databricks_pii_access."
        )
    if unparsed:
        yield f"{unparsed:,} texts without lineage were not parsed: only the first {_PARSED_TEXTS:,} of an hour are."
