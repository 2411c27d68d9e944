"""What Snowflake's rows mean: status words, error codes, object names and users, put into the frames of ``history``.

Pure functions over the views of ``views`` as they travel, every value text. Change it when Snowflake's words change.
Sending statements belongs to ``reader``; what all platforms share belongs to ``history``.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from immuta_assets.platforms.history import Accesses, Statements

_TEXT_LIMIT = 100_000
_REDACTED = "<redacted>"
_INSUFFICIENT_PRIVILEGES = 3001
_ABSENT_OR_NOT_AUTHORIZED = 2003
# Statements that name no data, by the words of QUERY_TYPE; whatever else succeeds may have accessed objects.
_WITHOUT_DATA = r"^(ALTER_SESSION|ALTER_USER|ALTER_ROLE|BEGIN_TRANSACTION|COMMIT|CREATE_ROLE|CREATE_USER|DESCRIBE\w*|DROP_ROLE|DROP_USER|EXPLAIN|GRANT\w*|LIST_FILES|REVOKE\w*|ROLLBACK|SET|SHOW\w*|UNSET|USE\w*)$"  # noqa: E501
# Snowflake cuts long lists of objects and says so in place of a name or a number.
_NO_NAMES = ["", "TRUNCATED", "-1"]
_NAME_PART = r'"(?:[^"]|"")*"|[^."]+'
_OBJECTS = pl.List(
    pl.Struct(
        {
            "objectDomain": pl.String,
            "objectName": pl.String,
            "columns": pl.List(pl.Struct({"columnName": pl.String})),
        }
    )
)


class Views(NamedTuple):
    """Rows of the five views, every column text, times in microseconds since 1970."""

    query_history: pl.LazyFrame
    access_history: pl.LazyFrame
    sessions: pl.LazyFrame
    login_history: pl.LazyFrame
    users: pl.LazyFrame


def select_statements(views: Views, condition: pl.Expr) -> Views:
    """Return the views with one row per statement, of the statements for which a condition holds."""
    return views._replace(
        query_history=keep_latest_rows(views.query_history.filter(condition)),
        access_history=views.access_history.filter(condition),
    )


def keep_latest_rows(query_history: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per query id, the one that ended last, sorted by id."""
    # Rows of one statement differ in little; the further columns only make the choice repeatable.
    newest_last = query_history.sort(
        "query_id", _parse_integer("end_time"), "total_elapsed_time", "session_id", "query_type"
    )
    return newest_last.unique("query_id", keep="last", maintain_order=True)


def make_accesses(views: Views) -> pl.LazyFrame:
    """Return ``Accesses``: what the statements of the hour read and modified, sorted by statement and object.

    Whatever Snowflake cut, or gave no name, is left out.
    """
    wanted = views.access_history.join(views.query_history, on="query_id", how="semi")
    objects = pl.concat([_decode_objects(wanted, "objects_accessed"), _decode_objects(wanted, "objects_modified")])
    grouped = _split_objects(objects).group_by("query_id", "object_name")
    together = grouped.agg(
        pl.col("database", "schema", "name", "object_type").min(),
        pl.col("accessed_columns").explode().drop_nulls().unique().sort(),
    )
    return Accesses.cast(together.with_columns(inferred=False)).sort("query_id", "object_name")


def _decode_objects(access_history: pl.LazyFrame, column: str) -> pl.LazyFrame:
    decoded = pl.col(column).str.json_decode(_OBJECTS).alias("object")
    return access_history.select("query_id", decoded).explode("object").drop_nulls("object").unnest("object")


def _split_objects(objects: pl.LazyFrame) -> pl.LazyFrame:
    """Split names and keep the objects and columns that have one."""
    known = objects.filter(~pl.col("objectName").is_in(_NO_NAMES)).with_columns(parts=split_name(pl.col("objectName")))
    column = pl.element().struct.field("columnName")
    return known.select(
        "query_id",
        object_name=pl.col("parts").list.join("."),
        database=pl.col("parts").list.get(-3, null_on_oob=True),
        schema=pl.col("parts").list.get(-2, null_on_oob=True),
        name=pl.col("parts").list.get(-1, null_on_oob=True),
        object_type=pl.col("objectDomain").str.to_uppercase().fill_null("UNKNOWN"),
        accessed_columns=pl.col("columns").list.eval(column.filter(~column.is_in(_NO_NAMES))),
    ).drop_nulls("name")


def split_name(name: pl.Expr) -> pl.Expr:
    """Split a name at its dots into unquoted parts; a dot or a doubled quote inside quotes belongs to the part."""
    unquoted = pl.element().str.strip_prefix('"').str.strip_suffix('"').str.replace_all('""', '"', literal=True)
    return name.str.extract_all(_NAME_PART).list.eval(unquoted)


def make_statements(views: Views, accessed: pl.LazyFrame, *, settled: bool) -> pl.LazyFrame:
    """Return ``Statements`` of the latest rows with what the other views know of them, sorted by query id.

    ``accessed`` are their ``Accesses``. When ``settled``, objects that have not come are taken to never come.
    """
    found = accessed.select("query_id").unique().with_columns(has_objects=True)
    joined = (
        _add_client(views)
        .join(_find_users(views), on="query_id", how="left", maintain_order="left")
        .join(_find_roots(views.access_history), on="query_id", how="left", maintain_order="left")
        .join(found, on="query_id", how="left", maintain_order="left")
    )
    kinds = pl.coalesce("user_type", "type")
    translated = joined.with_columns(_translate_status(), _judge_text(), user_type=_translate_user_type(kinds))
    return Statements.cast(translated.with_columns(_judge_access(settled=settled)).with_columns(**_convert_columns()))


def _add_client(views: Views) -> pl.LazyFrame:
    """Add the session's client, and the login by the statement itself or else by its session."""
    sessions = views.sessions.unique("session_id", keep="any")
    logins = views.login_history.sort(pl.all()).unique("event_id", keep="first", maintain_order=True)
    event_id = pl.coalesce("authn_event_id", "login_event_id")
    return (
        views.query_history.join(sessions, on="session_id", how="left", maintain_order="left")
        .with_columns(event_id=event_id)
        .join(logins, on="event_id", how="left", maintain_order="left")
    )


def _find_users(views: Views) -> pl.LazyFrame:
    """Return by query id the user who bore the name when the statement started: a dropped user's name is free again."""
    users = views.users.with_columns(_parse_integer("created_on"), _parse_integer("deleted_on"))
    started = views.query_history.select("query_id", "user_name", start=_parse_integer("start_time"))
    alive = (pl.col("created_on") <= pl.col("start")) & (pl.col("start") < pl.col("deleted_on")).fill_null(value=True)
    bearers = started.join(users, left_on="user_name", right_on="name").filter(alive)
    latest = bearers.sort("query_id", "created_on", "email").unique("query_id", keep="last", maintain_order=True)
    return latest.select("query_id", "created_on", "email", "type")


def _find_roots(access_history: pl.LazyFrame) -> pl.LazyFrame:
    """Return by query id that there is an access row, and the outermost statement it names."""
    return access_history.group_by("query_id").agg(pl.col("root_query_id").max(), access_row=pl.lit(value=True).first())


def _translate_status() -> pl.Expr:
    code = pl.col("error_code").cast(pl.Int64, strict=False)
    may_be_absent = ~pl.col("error_message").str.contains("(?i)not authorized").fill_null(value=False)
    refused = (code == _INSUFFICIENT_PRIVILEGES) | ((code == _ABSENT_OR_NOT_AUTHORIZED) & ~may_be_absent)
    succeeded = pl.col("execution_status").str.to_lowercase() == "success"
    return (
        pl.when(succeeded)
        .then(pl.lit("SUCCESS"))
        .when(refused)
        .then(pl.lit("UNAUTHORIZED"))
        .otherwise(pl.lit("FAILURE"))
        .alias("status")
    )


def _judge_text() -> pl.Expr:
    # A password within a text is shown as ☺; such a text is whole all the same.
    text = pl.col("query_text")
    return (
        pl.when(text.is_null() | (text == ""))
        .then(pl.lit("MISSING"))
        .when(text.str.to_lowercase() == _REDACTED)
        .then(pl.lit("REDACTED"))
        .when(text.str.len_chars() >= _TEXT_LIMIT)
        .then(pl.lit("CUT"))
        .otherwise(pl.lit("WHOLE"))
        .alias("text_state")
    )


def _judge_access(*, settled: bool) -> pl.Expr:
    cannot = (pl.col("status") != "SUCCESS") | pl.col("query_type").str.contains(_WITHOUT_DATA).fill_null(value=False)
    # A row without usable objects is an answer too: no other will come.
    answered = pl.col("access_row").fill_null(value=False) | settled
    return (
        pl.when("has_objects")
        .then(pl.lit("KNOWN"))
        .when(cannot)
        .then(pl.lit("NOT_APPLICABLE"))
        .when(answered)
        .then(pl.lit("NONE"))
        .otherwise(pl.lit("PENDING"))
        .alias("access_state")
    )


def _translate_user_type(kind: pl.Expr) -> pl.Expr:
    person = pl.when(kind.str.to_uppercase() == "PERSON").then(pl.lit("PERSON"))
    return person.when(kind.str.to_uppercase().str.contains("SERVICE")).then(pl.lit("SERVICE"))


def _count_rows_produced() -> pl.Expr:
    """Rows returned by a SELECT, rows changed by anything else; a cached result writes none, which gives 0."""
    changed = pl.sum_horizontal(
        map(_parse_integer, ("rows_inserted", "rows_updated", "rows_deleted")), ignore_nulls=False
    )
    returned = _parse_integer("rows_written_to_result")
    written = pl.when(pl.col("query_type") == "SELECT").then(returned).otherwise(changed)
    return pl.coalesce(written, _parse_integer("rows_produced"))


def _convert_columns() -> dict[str, pl.Expr]:
    """The columns that only change their name, their type, or an empty value."""
    failed = pl.col("status") != "SUCCESS"
    internal = pl.col("client_ip").str.contains(r"^(INTERNAL_SNOWFLAKE_IP|0\.0\.0\.0$)")
    reported = pl.concat_str("reported_client_type", "reported_client_version", separator=" ", ignore_nulls=True)
    return {
        "user_email": _drop_empty(pl.col("email")),
        "user_created_at": _parse_time(pl.col("created_on")),
        "started_at": _parse_time(_parse_integer("start_time")),
        "ended_at": _parse_time(_parse_integer("end_time")),
        "duration_ms": _parse_integer("total_elapsed_time"),
        "error_code": pl.when(failed).then(_drop_empty(pl.col("error_code").str.strip_chars_start("0"))),
        "error_message": pl.when(failed).then(_drop_empty(pl.col("error_message"))),
        "statement_type": pl.col("query_type"),
        "text": pl.when(~pl.col("text_state").is_in(["MISSING", "REDACTED"])).then("query_text"),
        "rows_produced": _count_rows_produced(),
        "user_agent": _drop_empty(pl.coalesce(_drop_empty(pl.col("client_application_id")), reported)),
        "client_ip": pl.when(~internal).then(_drop_empty(pl.col("client_ip"))),
        "cluster_number": _parse_integer("cluster_number"),
        "cluster_id": pl.lit(None, pl.String),
        "workspace_id": pl.lit(None, pl.String),
        "service": pl.lit(None, pl.String),
        "notebook_id": pl.lit(None, pl.String),
        "account_id": pl.lit(None, pl.String),
    }


def _parse_integer(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int64)


def _parse_time(microseconds: pl.Expr) -> pl.Expr:
    return microseconds.cast(pl.Datetime("us", "UTC"))


def _drop_empty(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)
