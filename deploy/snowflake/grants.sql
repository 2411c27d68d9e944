-- What Snowflake's query history needs, and nothing more. Run as ACCOUNTADMIN; change the four names to yours.
-- The same names stand in connections.yaml as role, warehouse and user.

-- A role of its own: whatever it may do is listed here.
CREATE ROLE IF NOT EXISTS IMMUTA_ASSETS_HISTORY
    COMMENT = 'Reads query history for audit events; sees no data';

-- QUERY_HISTORY (who ran what, when, with which outcome) and ACCESS_HISTORY (which objects and columns it accessed;
-- filled from the Enterprise Edition on, empty before).
GRANT DATABASE ROLE SNOWFLAKE.GOVERNANCE_VIEWER TO ROLE IMMUTA_ASSETS_HISTORY;

-- SESSIONS (client application), LOGIN_HISTORY (client address) and USERS (e-mail, kind, who bore a name when).
GRANT DATABASE ROLE SNOWFLAKE.SECURITY_VIEWER TO ROLE IMMUTA_ASSETS_HISTORY;

-- Not needed: OBJECT_VIEWER and USAGE_VIEWER (no view of theirs is read), MONITOR on the account, any table or view of
-- your own databases.

-- Instead of the two database roles, where they cannot be granted: the whole SNOWFLAKE database, which shows much more
-- (costs, all object definitions) and whatever Snowflake adds to it.
-- GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE IMMUTA_ASSETS_HISTORY;

-- A warehouse: the smallest, asleep between readings. A reading of an hour takes seconds to minutes.
CREATE WAREHOUSE IF NOT EXISTS IMMUTA_ASSETS_HISTORY
    WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE
    COMMENT = 'Query history for audit events';
GRANT USAGE ON WAREHOUSE IMMUTA_ASSETS_HISTORY TO ROLE IMMUTA_ASSETS_HISTORY;

-- A user that is no person: it enters with a key pair (or OAuth) and has no password. The public key is the text
-- between the lines of its PEM file; the private one goes into an environment variable that connections.yaml names.
-- Use it for nothing else: what it runs under its query tag, immuta-assets, is left out of the audit. What anybody else
-- runs under that tag is not.
CREATE USER IF NOT EXISTS IMMUTA_ASSETS_HISTORY
    TYPE = SERVICE
    DEFAULT_ROLE = IMMUTA_ASSETS_HISTORY
    DEFAULT_WAREHOUSE = IMMUTA_ASSETS_HISTORY
    RSA_PUBLIC_KEY = '<public key>'
    COMMENT = 'Reads query history for audit events';
GRANT ROLE IMMUTA_ASSETS_HISTORY TO USER IMMUTA_ASSETS_HISTORY;

-- What Snowflake shows of a statement's text is the account's choice; with
-- ENABLE_UNREDACTED_QUERY_SYNTAX_ERROR off, texts that failed to compile are shown as <redacted>, and stay so here.
