"""Snowflake: the views of ACCOUNT_USAGE, read for an hour, and what their rows mean."""
