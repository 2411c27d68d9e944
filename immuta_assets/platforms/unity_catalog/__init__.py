"""Databricks Unity Catalog: its system tables, read for an hour, and what their rows mean."""
