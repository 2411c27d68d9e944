"""Access summary export and query audit of an Immuta tenant, as a Dagster asset graph.

The packages follow the data's two ways: ``tenant`` (governance metadata in) → ``policies`` (what each lets in) →
``outcomes`` (who has access, and why) → ``access_summary`` (the twelve tables) → ``layouts`` (versions of the export) →
``publishing`` (files where consumers read them); and ``platforms`` (query history in) → ``audit`` (events). Below them
lie ``frames``, ``object_store`` and ``datasets``, beside them ``health``. They are plain Polars; everything that knows
Dagster lives in ``orchestration``, ``definitions`` and ``cli``.
"""
