"""The views of Snowflake's ``ACCOUNT_USAGE`` that are read: the statement sent to each, and the grant it needs.

Every column is named and travels as text, numbers and times (microseconds since 1970) included: each part of a result
comes with its own integer widths, and ids are wider than a float holds. Add a column when ``rows`` needs it;
one that older accounts lack goes into ``optional`` too. Statements are whole texts with ``?`` for every value. The long
views come sorted by query id, so that ranges of ids lie together in the spooled files.

A statement belongs to the hour of its latest end, whole: Snowflake now and then gives further rows of a query id, and
nothing promises that they end in the same hour. Later ends are looked for among statements that started before the hour
closed, so no more history is read. Anybody may set a query tag: it hides only what our own user ran.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple


class View(NamedTuple):
    """A view, its statement, the database role of ``SNOWFLAKE`` that may read it, and columns that may be missing."""

    name: str
    database_role: str
    statement: str
    optional: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """Full name of the view."""
        return f"SNOWFLAKE.ACCOUNT_USAGE.{self.name}"

    @property
    def all_columns(self) -> str:
        """Statement to be described, never run: it tells which columns the account has."""
        return f"select * from {self.path}"  # noqa: S608  # a constant of this module

    def list_missing(self, present: Collection[str]) -> list[str]:
        """Return the optional columns that are not among those present, sorted."""
        return sorted(self.optional - set(present))

    def replace_missing(self, missing: Collection[str]) -> str:
        """Return the statement with null in place of the missing columns."""
        return re.sub(r"seen\.(\w+)", lambda found: "null" if found[1].upper() in missing else found[0], self.statement)


_QUERY_HISTORY = """
select
    seen.query_id as query_id,
    seen.query_text as query_text,
    seen.query_type as query_type,
    seen.session_id::varchar as session_id,
    seen.authn_event_id::varchar as authn_event_id,
    seen.user_name as user_name,
    seen.user_type::varchar as user_type,
    seen.role_name as role_name,
    seen.warehouse_id::varchar as warehouse_id,
    seen.warehouse_name as warehouse_name,
    seen.cluster_number::varchar as cluster_number,
    seen.execution_status as execution_status,
    seen.error_code::varchar as error_code,
    seen.error_message as error_message,
    date_part(epoch_microsecond, seen.start_time)::varchar as start_time,
    date_part(epoch_microsecond, seen.end_time)::varchar as end_time,
    seen.total_elapsed_time::varchar as total_elapsed_time,
    seen.rows_produced::varchar as rows_produced,
    seen.rows_written_to_result::varchar as rows_written_to_result,
    seen.rows_inserted::varchar as rows_inserted,
    seen.rows_updated::varchar as rows_updated,
    seen.rows_deleted::varchar as rows_deleted
from snowflake.account_usage.query_history as seen
where seen.end_time >= ?
    and seen.start_time >= ? and seen.start_time < ?
    and not coalesce(seen.query_tag = ? and seen.user_name = current_user(), false)
qualify max(seen.end_time) over (partition by seen.query_id) < ?
order by seen.query_id
"""
_ACCESS_HISTORY = """
select
    seen.query_id as query_id,
    date_part(epoch_microsecond, seen.query_start_time)::varchar as query_start_time,
    seen.root_query_id::varchar as root_query_id,
    seen.direct_objects_accessed::varchar as objects_accessed,
    seen.objects_modified::varchar as objects_modified
from snowflake.account_usage.access_history as seen
where seen.query_start_time >= ? and seen.query_start_time < ?
order by seen.query_id
"""
_SESSIONS = """
select
    seen.session_id::varchar as session_id,
    seen.login_event_id::varchar as login_event_id,
    seen.client_application_id as client_application_id
from snowflake.account_usage.sessions as seen
where seen.created_on >= ? and seen.created_on < ?
"""
_LOGIN_HISTORY = """
select
    seen.event_id::varchar as event_id,
    seen.client_ip as client_ip,
    seen.reported_client_type as reported_client_type,
    seen.reported_client_version as reported_client_version
from snowflake.account_usage.login_history as seen
where seen.event_timestamp >= ? and seen.event_timestamp < ? and seen.is_success = 'YES'
"""
_USERS = """
select
    seen.name as name,
    date_part(epoch_microsecond, seen.created_on)::varchar as created_on,
    date_part(epoch_microsecond, seen.deleted_on)::varchar as deleted_on,
    seen.email as email,
    seen.type::varchar as type
from snowflake.account_usage.users as seen
"""
ACCESS_RECORDED = """
select count(*)::varchar as accesses
from snowflake.account_usage.access_history as seen
where seen.query_start_time >= ? and seen.query_start_time < ?
"""
COUNTED_HOURS = """
with ended as (
    select
        seen.query_id as query_id,
        date_part(epoch_microsecond, seen.end_time) as ended_at,
        max(date_part(epoch_microsecond, seen.end_time)) over (partition by seen.query_id) as latest_end
    from snowflake.account_usage.query_history as seen
    where seen.end_time >= ?
        and seen.start_time >= ? and seen.start_time < ?
        and not coalesce(seen.query_tag = ? and seen.user_name = current_user(), false)
    qualify max(seen.end_time) over (partition by seen.query_id) < ?
),
held as (
    select query_id, latest_end, latest_end - mod(latest_end, 3600000000) as ended_hour, count(*) as statement_rows
    from ended
    where ended_at >= latest_end - mod(latest_end, 3600000000)
    group by query_id, latest_end
),
accessed as (
    select seen.query_id as query_id, count(*) as access_rows
    from snowflake.account_usage.access_history as seen
    where seen.query_start_time >= ? and seen.query_start_time < ?
    group by seen.query_id
)
select
    held.ended_hour::varchar as ended_hour,
    sum(held.statement_rows)::integer::varchar as statements,
    count(*)::varchar as statement_ids,
    coalesce(sum(accessed.access_rows), 0)::integer::varchar as accesses,
    max(held.latest_end)::varchar as latest_end
from held
left join accessed on accessed.query_id = held.query_id
group by held.ended_hour
"""

QUERY_HISTORY = View(
    "QUERY_HISTORY",
    "GOVERNANCE_VIEWER",
    _QUERY_HISTORY,
    frozenset({"AUTHN_EVENT_ID", "USER_TYPE", "ROWS_PRODUCED", "ROWS_WRITTEN_TO_RESULT"}),
)
DIRECT_ACCESSES = View("ACCESS_HISTORY", "GOVERNANCE_VIEWER", _ACCESS_HISTORY, frozenset({"ROOT_QUERY_ID"}))
BASE_ACCESSES = DIRECT_ACCESSES._replace(statement=_ACCESS_HISTORY.replace("direct_objects", "base_objects"))
SESSIONS = View("SESSIONS", "SECURITY_VIEWER", _SESSIONS)
LOGIN_HISTORY = View("LOGIN_HISTORY", "SECURITY_VIEWER", _LOGIN_HISTORY)
USERS = View("USERS", "SECURITY_VIEWER", _USERS, frozenset({"TYPE"}))
