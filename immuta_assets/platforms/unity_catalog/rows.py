"""What Databricks' rows mean: status words, error classes, texts and principals, put into the frames of ``history``.

Pure functions over the results of ``tables``. Change it when Databricks' words change. Sending statements belongs to
``reader``, tables found by parsing a text to ``qualified_names``.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from immuta_assets.platforms.history import Accesses, Statements
from immuta_assets.platforms.unity_catalog import qualified_names

_REDACTED_TEXT = "<REDACTED>"
REDACTED_USER = "__REDACTED__"
_WHOLE_CHARACTERS = 60_000
"""Databricks cuts long texts at a length it does not name; a longer one is not taken for whole."""
PARSED_TEXTS = 20_000
"""How many texts of an hour are parsed: about ten seconds."""

_APPLICATION_ID = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_ERROR_CLASS = r"^(?:[\w.$]+: )?\[([A-Z][A-Z0-9_]*(?:\.[A-Z][A-Z0-9_]*)*)\]"
_DENIED_CLASS = r"^(?:INSUFFICIENT_P|PERMISSION_DENIED|UNAUTHORIZED_ACCESS)"
_DENIED_WORDS = r"PERMISSION_DENIED|(?i:does not have (?:the )?(?:permission|privilege|(?:[a-z]+ ){1,3}on ))"

_WITHOUT_DATA = ["DESCRIBE", "EXPLAIN", "GRANT", "REVOKE", "SET", "SHOW", "USE"]
_WITH_DATA = ["DELETE", "INSERT", "MERGE", "SELECT", "UPDATE"]
_VIEWS = ["VIEW", "METRIC_VIEW"]


def choose_objects(objects: pl.LazyFrame, indirect: pl.LazyFrame, choice: str) -> pl.LazyFrame:
    """Return the objects named by lineage that a connection chose: those a statement names itself, or base tables."""
    if choice == "base":
        return objects.filter(~pl.col("object_type").is_in(_VIEWS))
    return objects.join(indirect, on=["query_id", "database", "schema", "name"], how="anti")


def make_statements(history: pl.LazyFrame, objects: pl.LazyFrame, *, settled: bool) -> pl.LazyFrame:
    """Return ``Statements``, in the order of ``history``; ``objects`` are what lineage names of them.

    When ``settled``, objects that have not come are taken to never come.
    """
    mapped = objects.select("query_id", mapped=pl.lit(value=True)).unique()
    marked = history.join(mapped, on="query_id", how="left", maintain_order="left").with_columns(
        text_state=_judge_text(), status=_translate_status(), **_translate_principal()
    )
    translated = marked.select(
        "query_id", "user_name", "user_email", "user_type", "session_id", "status", "statement_type", "text_state",
        "warehouse_id", "cluster_id", "workspace_id", "notebook_id", "account_id",
        started_at="start_time",
        ended_at="end_time",
        duration_ms="total_duration_ms",
        error_code=_keep_unless_success(pl.col("error_message").str.extract(_ERROR_CLASS)),
        error_message=_keep_unless_success(pl.col("error_message").replace("", None)),
        text=pl.when(pl.col("text_state").is_in(["WHOLE", "CUT"])).then("statement_text"),
        access_state=_judge_access(settled=settled),
        rows_produced="produced_rows",
        user_agent="client_application",
        service=pl.when(pl.col("compute_type") == "WAREHOUSE").then(pl.lit("WAREHOUSE"))
        .when(pl.col("compute_type").is_not_null()).then(pl.lit("CLUSTER")),
    )  # fmt: skip
    return _complete_columns(translated, Statements)


def _translate_principal() -> dict[str, pl.Expr]:
    """A person is known by an e-mail address, a service principal by its application id."""
    name = pl.when(pl.col("executed_by") != REDACTED_USER).then("executed_by")
    person = name.str.contains("@", literal=True)
    service = name.str.contains(_APPLICATION_ID)
    return {
        "user_name": name,
        "user_email": pl.when(person).then(name),
        "user_type": pl.when(service).then(pl.lit("SERVICE")).when(person).then(pl.lit("PERSON")),
    }


def _judge_text() -> pl.Expr:
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


def _translate_status() -> pl.Expr:
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


def _keep_unless_success(value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("status") != "SUCCESS").then(value)


def _judge_access(*, settled: bool) -> pl.Expr:
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


def select_texts(statements: pl.LazyFrame) -> tuple[list[str], int]:
    """Return the shapes of texts of settled statements that no lineage names objects of, and how many more there are.

    Those that ran most often come first; they are told apart by a hash, so that memory holds only what is parsed.
    """
    shapes = _select_unmapped(statements).select("shape", hash=pl.col("shape").hash())
    often = shapes.group_by("hash").len().sort("len", "hash", descending=[True, False]).collect()["hash"]
    parsed = shapes.filter(pl.col("hash").is_in(often.head(PARSED_TEXTS).implode()))
    texts = parsed.select(pl.col("shape").unique().sort()).collect()["shape"].to_list()
    return texts, max(0, len(often) - PARSED_TEXTS)


def _select_unmapped(statements: pl.LazyFrame) -> pl.LazyFrame:
    """The statements without lineage whose whole texts may name tables, and the shapes of these texts."""
    return statements.filter(
        pl.col("access_state").cast(pl.String).is_in(["NONE", "CACHED"]),
        pl.col("text_state") == "WHOLE",
        pl.col("statement_type").is_in(_WITH_DATA),
        pl.col("text").str.contains(qualified_names.NAME_PATTERN),
    ).select("query_id", shape=qualified_names.shape_text(pl.col("text")))


def infer_objects(statements: pl.LazyFrame, tables: pl.LazyFrame) -> pl.LazyFrame:
    """Return the objects of statements without lineage, by their text; ``tables`` as from ``qualified_names``."""
    found = _select_unmapped(statements).join(tables, left_on="shape", right_on="text")
    return found.select(
        "query_id", "database", "schema", "name",
        object_type=pl.lit("TABLE"),
        accessed_columns=pl.lit([], dtype=pl.List(pl.String)),
        inferred=pl.lit(value=True),
    )  # fmt: skip


def make_accesses(statements: pl.LazyFrame, named: pl.LazyFrame, inferred: pl.LazyFrame) -> pl.LazyFrame:
    """Return ``Accesses``, sorted by statement and object: objects that lineage names, and those found in texts."""
    # Lineage is asked for after the history: it may know statements that came in between.
    known = named.join(statements, on="query_id", how="semi").with_columns(inferred=pl.lit(value=False))
    together = pl.concat([known, inferred], how="diagonal")
    full_name = pl.concat_str("database", "schema", "name", separator=".", ignore_nulls=True)
    return _complete_columns(together.with_columns(object_name=full_name).sort("query_id", "object_name"), Accesses)


def _complete_columns(frame: pl.LazyFrame, schema: type[dy.Schema]) -> pl.LazyFrame:
    """Cast to the schema; columns that the platform has nothing for are null."""
    given = frame.collect_schema().names()
    absent = [pl.lit(None).alias(name) for name in schema.column_names() if name not in given]
    return schema.cast(frame.with_columns(absent))
