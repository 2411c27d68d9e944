"""Access summary export and query audit of an Immuta tenant, as a Dagster asset graph.

The packages follow the data's way: ``tenant`` (governance metadata in) → ``policies`` (who is let in, and why) →
``access_summary`` (the twelve tables) → ``layouts`` (versions of the export) → ``delivery`` (files where consumers read
them). They are plain Polars; everything that knows Dagster lives in ``orchestration``, ``definitions`` and ``cli``.
"""
