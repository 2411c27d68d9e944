"""The two frames every platform's history is read into: statements, and the objects they accessed.

They hold one hour of one connection: the statements that ended in it. A reader fills what its platform knows and leaves
the rest null; whatever differs between platforms in *meaning* (status words, error codes) is settled by the reader, so
that events are made in one way. Add a column when an event needs another fact of the platform. How rows become events
belongs to ``events``.

All timestamps are UTC with microseconds; ids are text, however large; durations are milliseconds.
"""

from __future__ import annotations

import dataframely as dy

STATUSES = ("SUCCESS", "FAILURE", "UNAUTHORIZED")
"""``actionStatus`` of a query event."""

TEXT_STATES = ("WHOLE", "CUT", "REDACTED", "MISSING")
"""Whether the platform gave a statement's text whole; only a whole text may be parsed."""

ACCESS_STATES = ("KNOWN", "PENDING", "CACHED", "NOT_APPLICABLE", "NONE")
"""What is known of a statement's objects.

KNOWN: the platform named them. PENDING: they may still arrive. CACHED: served from a result cache, no origin found.
NOT_APPLICABLE: the statement cannot touch data (failed before, USE, SHOW …). NONE: none ever arrived.
"""


def _define_timestamp(*, nullable: bool = False, description: str) -> dy.Datetime:
    return dy.Datetime(time_zone="UTC", nullable=nullable, description=description)


class Statements(dy.Schema):
    """Statements that ended in the hour, each query id once."""

    query_id = dy.String(primary_key=True, description="Id of the statement on the platform.")
    root_query_id = dy.String(
        nullable=True, description="Id of the outermost statement, for one that a procedure ran; null for others."
    )
    user_name = dy.String(
        nullable=True, description="Name on the platform of the user who ran it, as given; null where it is withheld."
    )
    user_created_at = _define_timestamp(
        nullable=True,
        description="When the user who bore that name at the start was created (UTC); null where unknown.",
    )
    user_email = dy.String(
        nullable=True, description="E-mail that the platform knows for that user; null where it knows none."
    )
    user_type = dy.Enum(
        ["PERSON", "SERVICE"],
        nullable=True,
        description="Kind of user: PERSON, SERVICE, or null where the platform does not say.",
    )
    session_id = dy.String(nullable=True, description="Id of the session on the platform; null where it does not say.")
    started_at = _define_timestamp(description="Start of the statement (UTC).")
    ended_at = _define_timestamp(description="End of the statement (UTC); lies in the hour.")
    duration_ms = dy.Int64(
        nullable=True, description="Total elapsed time in milliseconds; null where the platform does not say."
    )
    status = dy.Enum(STATUSES, description="Outcome: SUCCESS, FAILURE, or UNAUTHORIZED if access was denied.")
    error_code = dy.String(nullable=True, description="Error code or class of the platform; null on success.")
    error_message = dy.String(nullable=True, description="Error message of the platform; null on success.")
    statement_type = dy.String(
        nullable=True,
        description="Kind of statement in the platform's words, such as SELECT; null where it does not say.",
    )
    text = dy.String(
        nullable=True,
        description="Text of the statement, as far as the platform gives it; null where text_state is REDACTED or "
        "MISSING.",
    )
    text_state = dy.Enum(
        TEXT_STATES, description="Whether the text is given: WHOLE, CUT, REDACTED (withheld) or MISSING (empty)."
    )
    access_state = dy.Enum(
        ACCESS_STATES,
        description="What is known of its objects: KNOWN (named), PENDING (may still arrive), CACHED (served from a "
        "cache, no origin found), NOT_APPLICABLE (cannot touch data) or NONE (none ever arrived).",
    )
    rows_produced = dy.Int64(
        nullable=True, description="Number of rows returned or written; null where the platform does not say."
    )
    user_agent = dy.String(nullable=True, description="Client application, as it names itself; null where it does not.")
    client_ip = dy.String(nullable=True, description="IP address of the client; null for internal ones.")
    role_name = dy.String(nullable=True, description="Snowflake: role that ran it; null elsewhere.")
    warehouse_id = dy.String(nullable=True, description="Id of the warehouse that ran it; null where none did.")
    warehouse_name = dy.String(
        nullable=True, description="Snowflake: name of the warehouse; null elsewhere, and where none ran it."
    )
    cluster_number = dy.Int64(
        nullable=True,
        description="Snowflake: number of the cluster within the warehouse; null elsewhere, and where none ran it.",
    )
    cluster_id = dy.String(
        nullable=True,
        description="Databricks: id of the cluster that ran it; null elsewhere, and where a warehouse did.",
    )
    workspace_id = dy.String(nullable=True, description="Databricks: id of the workspace; null elsewhere.")
    service = dy.String(nullable=True, description="Databricks: kind of compute, WAREHOUSE or CLUSTER; null elsewhere.")
    notebook_id = dy.String(
        nullable=True, description="Databricks: id of the notebook it was run from; null where none is known."
    )
    account_id = dy.String(nullable=True, description="Databricks: id of the account; null elsewhere.")


class Accesses(dy.Schema):
    """Objects that the statements accessed, each once per statement."""

    query_id = dy.String(primary_key=True, description="Id of the statement on the platform.")
    object_name = dy.String(
        primary_key=True, description="Full name of the object: database, schema and name joined by dots."
    )
    database = dy.String(
        nullable=True, description="Database (on Databricks: catalog), without quotes; null where the name has none."
    )
    schema = dy.String(nullable=True, description="Schema, without quotes; null where the name has none.")
    name = dy.String(description="Name within the schema, without quotes.")
    object_type = dy.String(
        description="Kind of object in upper case, such as TABLE or VIEW; UNKNOWN where the platform does not say."
    )
    accessed_columns = dy.List(
        dy.String(), description="Names of the columns accessed, sorted, each once; empty where none are named."
    )
    inferred = dy.Bool(description="Whether the object was found by parsing the text instead of being named.")
