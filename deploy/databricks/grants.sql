-- What a principal needs to read the query history of Databricks Unity Catalog (connections of kind unity_catalog).
--
-- Replace `immuta-assets` by the principal of connections.yaml: a group, a user's e-mail address, or the application id
-- of a service principal. Run it as a metastore admin who is also an account admin.
--
-- First, once per metastore, the system schemas must be enabled, from a shell:
--     databricks system-schemas enable <metastore id> query
--     databricks system-schemas enable <metastore id> access
--
-- The system tables hold the workspaces of one region: make one connection per region.

GRANT USE CATALOG ON CATALOG system TO `immuta-assets`;

GRANT USE SCHEMA ON SCHEMA system.query TO `immuta-assets`;
GRANT SELECT ON TABLE system.query.history TO `immuta-assets`;

GRANT USE SCHEMA ON SCHEMA system.access TO `immuta-assets`;
GRANT SELECT ON TABLE system.access.column_lineage TO `immuta-assets`;
GRANT SELECT ON TABLE system.access.table_lineage TO `immuta-assets`;

-- Outside SQL, in the workspace and the account:
--   * CAN USE on the SQL warehouse of http_path.
--   * Membership in the account group databricks_pii_access; without it texts read <REDACTED> and users __REDACTED__.
