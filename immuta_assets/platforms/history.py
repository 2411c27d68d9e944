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


def _timestamp(*, nullable: bool = False, description: str) -> dy.Datetime:
    return dy.Datetime(time_zone="UTC", nullable=nullable, description=description)


class Statements(dy.Schema):
    """Statements that ended in the hour, each query id once."""

    query_id = dy.String(primary_key=True, description="Id of the statement on the platform.")
    root_query_id = dy.String(nullable=True, description="Outermost statement, for one that a procedure ran.")
    user_name = dy.String(nullable=True, description="Name on the platform of the principal who ran it, as given.")
    user_created_at = _timestamp(nullable=True, description="When the user of that name alive at the time was created.")
    user_email = dy.String(nullable=True, description="E-mail the platform knows for that user.")
    user_type = dy.Enum(["PERSON", "SERVICE"], nullable=True, description="Kind of principal, where the platform says.")
    session_id = dy.String(nullable=True, description="Session.")
    started_at = _timestamp(description="Start.")
    ended_at = _timestamp(description="End; lies in the hour.")
    duration_ms = dy.Int64(nullable=True, description="Total elapsed time in milliseconds.")
    status = dy.Enum(STATUSES, description="Outcome.")
    error_code = dy.String(nullable=True, description="Code of the error; null on success.")
    error_message = dy.String(nullable=True, description="Message of the error; null on success.")
    statement_type = dy.String(nullable=True, description="Kind of statement in the platform's words.")
    text = dy.String(nullable=True, description="Text, as far as the platform gives it.")
    text_state = dy.Enum(TEXT_STATES, description="Whether the text is whole.")
    access_state = dy.Enum(ACCESS_STATES, description="What is known of the objects.")
    rows_produced = dy.Int64(nullable=True, description="Rows returned or written.")
    user_agent = dy.String(nullable=True, description="Client application.")
    client_ip = dy.String(nullable=True, description="Address of the client; null for internal ones.")
    role_name = dy.String(nullable=True, description="Snowflake: role.")
    warehouse_id = dy.String(nullable=True, description="Warehouse.")
    warehouse_name = dy.String(nullable=True, description="Snowflake: name of the warehouse.")
    cluster_number = dy.Int64(nullable=True, description="Snowflake: cluster of the warehouse.")
    cluster_id = dy.String(nullable=True, description="Databricks: cluster.")
    workspace_id = dy.String(nullable=True, description="Databricks: workspace.")
    service = dy.String(nullable=True, description="Databricks: WAREHOUSE or CLUSTER.")
    notebook_id = dy.String(nullable=True, description="Databricks: notebook.")
    account_id = dy.String(nullable=True, description="Databricks: account.")


class Accesses(dy.Schema):
    """Objects that the statements accessed, each once per statement."""

    query_id = dy.String(primary_key=True, description="The statement.")
    object_name = dy.String(primary_key=True, description="Full name: database, schema and name joined by dots.")
    database = dy.String(nullable=True, description="Database, or catalog on Databricks, unquoted.")
    schema = dy.String(nullable=True, description="Schema, unquoted.")
    name = dy.String(description="Name within the schema, unquoted.")
    object_type = dy.String(description="TABLE, VIEW, … in upper case.")
    accessed_columns = dy.List(dy.String(), description="Names of the columns accessed, sorted, each once.")
    inferred = dy.Bool(description="Whether the object was found by parsing the text instead of being named.")
