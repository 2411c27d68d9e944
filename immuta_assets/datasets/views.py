"""SQL by which other engines read the tables: a view per frame over the tables of all connections.

Tables are named by their place, never by a pattern over their files: files that are no longer live lie beside the live
ones. Add an engine as a function of ``ENGINES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from immuta_assets.datasets.hourly import HourlyDataset


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read_in_duckdb(uri: str) -> str:
    return f"delta_scan({_quote_text(uri)})"


def _read_in_spark(uri: str) -> str:
    return "delta.`" + uri.replace("`", "``") + "`"


ENGINES: Mapping[str, Callable[[str], str]] = {
    "duckdb": _read_in_duckdb,
    "spark": _read_in_spark,
    "databricks": _read_in_spark,
}
"""How each engine names a table at an address. Trino's tables are registered first (``register_table``)."""


def make_views(datasets: Mapping[str, Sequence[HourlyDataset]], engine: str) -> str:
    """Return the statements that make a view per frame; ``datasets`` holds the tables of connections by frame.

    The view has the columns of the table and, in front, ``connection``.
    """
    if engine == "trino":
        return "\n\n".join(_register_in_trino(name, tables) for name, tables in datasets.items())
    read = ENGINES[engine]
    return "\n\n".join(_make_view(name, tables, read) for name, tables in datasets.items())


def _make_view(name: str, tables: Sequence[HourlyDataset], read: Callable[[str], str]) -> str:
    selects = [
        f"SELECT {_quote_text(_name_connection(table))} AS connection, * FROM {read(table.root.locate(table.key))}"  # noqa: S608  # names and addresses of the operator's own, quoted
        for table in tables
    ]
    return f"CREATE OR REPLACE VIEW {name} AS\n" + "\nUNION ALL BY NAME\n".join(selects) + ";"


def _register_in_trino(name: str, tables: Sequence[HourlyDataset]) -> str:
    calls = [
        f"CALL delta.system.register_table(schema_name => 'audit', "
        f"table_name => {_quote_text(f'{name}_{_name_connection(table)}')}, "
        f"table_location => {_quote_text(table.root.locate(table.key))});"
        for table in tables
    ]
    selects = [
        f"SELECT {_quote_text(connection)} AS connection, * FROM delta.audit.{name}_{connection}"  # noqa: S608  # as above
        for connection in map(_name_connection, tables)
    ]
    return "\n".join(calls) + f"\nCREATE OR REPLACE VIEW {name} AS\n" + "\nUNION ALL\n".join(selects) + ";"


def _name_connection(table: HourlyDataset) -> str:
    """Return the connection that a table is of: the part of its key that is no frame."""
    parts = table.key.split("/")
    return parts[1] if parts[0] == "query_history" else parts[-1]
