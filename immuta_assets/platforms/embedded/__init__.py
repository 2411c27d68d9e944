"""History that is kept in a DuckDB file, for demonstrations and tests."""
