"""Snowflake: what is particular to it, the views of ACCOUNT_USAGE read for an hour, and what their rows mean."""
