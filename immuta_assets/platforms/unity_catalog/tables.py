"""The statements sent to Databricks: which rows and columns of its system tables are read.

Each is sent after ``ENDED``, so that all mean the same statements; values come as named parameters. Change them when
the system tables change. What rows mean belongs to ``rows``, when they are read to ``reader``.
"""

from __future__ import annotations

ENDED = """
WITH versions AS (
    SELECT account_id, workspace_id, statement_id AS query_id, session_id, execution_status, executed_by,
           statement_text, statement_type, error_message, client_application, start_time, end_time,
           total_duration_ms, produced_rows, from_result_cache,
           coalesce(cache_origin_statement_id, statement_id) AS lineage_id,
           compute.type AS compute_type, compute.cluster_id AS cluster_id, compute.warehouse_id AS warehouse_id,
           query_source.notebook_id AS notebook_id, date_trunc('HOUR', end_time) AS hour,
           count(*) OVER (PARTITION BY statement_id, date_trunc('HOUR', end_time)) AS copies,
           row_number() OVER (
               PARTITION BY statement_id ORDER BY greatest(end_time, update_time) DESC, end_time DESC
           ) AS version
    FROM system.query.history
    WHERE start_time >= :earliest_start AND start_time < :until AND (end_time >= :since OR update_time >= :since)
      AND (:workspaces = '' OR array_contains(split(:workspaces, ','), workspace_id))
      AND NOT coalesce(executed_by = current_user() AND query_tags['application'] = 'immuta-assets', false)
),
ended AS (
    SELECT * FROM versions
    WHERE version = 1 AND end_time >= :since AND end_time < :until AND start_time >= hour - INTERVAL 8 DAYS
)
"""
"""What every statement begins with: the statements that ended in the hours, but ours.

A row may be written anew with another end; only the newest tells the hour, so it is chosen before the hours are.
``copies`` are the statement's rows of its hour. Anybody may set a tag: it hides only what our own principal ran.
"""

COUNT = """
SELECT hour, sum(copies) AS statements, count(*) AS statement_ids, sum(accesses) AS accesses,
       max(end_time) AS latest_end
FROM (
    SELECT ended.query_id, ended.hour, ended.end_time, ended.copies, count(lineage.statement_id) AS accesses
    FROM ended LEFT JOIN (
        SELECT statement_id, event_date FROM system.access.column_lineage
        WHERE event_date >= :first_date AND event_date <= :last_date
        UNION ALL
        SELECT statement_id, event_date FROM system.access.table_lineage
        WHERE event_date >= :first_date AND event_date <= :last_date
    ) AS lineage
      ON lineage.statement_id = ended.lineage_id
     AND lineage.event_date >= CAST(ended.hour - INTERVAL 8 DAYS AS DATE)
     AND lineage.event_date <= CAST(ended.hour + INTERVAL 25 HOURS AS DATE)
    GROUP BY ended.query_id, ended.hour, ended.end_time, ended.copies
)
GROUP BY hour
"""
"""What ``Counted`` holds, by hour: of the lineage that which a reading of the hour asks for."""

HISTORY = "SELECT * FROM ended ORDER BY query_id"

LINEAGE = """
SELECT ended.query_id, database, schema, name, coalesce(upper(min(object_type)), 'TABLE') AS object_type,
       array_sort(collect_set(column_name)) AS accessed_columns, max(event_time) AS event_time
FROM ended JOIN (
    SELECT statement_id, source_table_catalog AS database, source_table_schema AS schema,
           coalesce(source_table_name, source_path) AS name, source_type AS object_type,
           source_column_name AS column_name, event_time
    FROM system.access.column_lineage
    WHERE event_date >= :first_date AND event_date <= :last_date
    UNION ALL
    SELECT statement_id, target_table_catalog AS database, target_table_schema AS schema,
           coalesce(target_table_name, target_path) AS name, target_type AS object_type,
           target_column_name AS column_name, event_time
    FROM system.access.column_lineage
    WHERE event_date >= :first_date AND event_date <= :last_date
) AS touched ON touched.statement_id = ended.lineage_id
WHERE name IS NOT NULL
GROUP BY ended.query_id, database, schema, name
ORDER BY query_id, database, schema, name
"""
"""Objects that those statements read and wrote, or those did whose cached results they were given, each once.

A path is its own name. Columns are put together by the warehouse: lineage has a row for every pair of them.
"""

INDIRECT = """
SELECT ended.query_id, source_table_catalog AS database, source_table_schema AS schema, source_table_name AS name
FROM ended JOIN system.access.table_lineage AS lineage ON lineage.statement_id = ended.lineage_id
WHERE event_date >= :first_date AND event_date <= :last_date
GROUP BY ended.query_id, source_table_catalog, source_table_schema, source_table_name
HAVING bool_and(NOT direct_access)
"""
"""Tables that those statements reached through views only."""
