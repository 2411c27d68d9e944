"""Databricks Unity Catalog: what is particular to it, its system tables read for an hour, what their rows mean."""
