"""What all platforms share on which consumers read the export: names, types, addresses, external tables.

Add here what every platform must say; how one of them says it belongs to its own module. Every name and every text
passes through the dialect's own quoting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp

from immuta_assets.frames.contract import ColumnContract, list_columns
from immuta_assets.layouts.consumers.location import Location
from immuta_assets.layouts.consumers.statements import Statement
from immuta_assets.layouts.versions import Layout

SCHEMA = "access_summary"
"""The schema (in Athena the database) of external tables and views; the set-up makes it and changes to it."""

ANY_CLOUD: Mapping[str, str] = {
    "s3": "s3://{container}/{prefix}",
    "gs": "gs://{container}/{prefix}",
    "abfss": "abfss://{container}@{account}.dfs.core.windows.net/{prefix}",
}
"""The addresses of a platform that writes them as a destination does."""


class ExternalTable(NamedTuple):
    """An external table to be made; its one file lies in the folder ``path`` (ending in a slash) below ``root``."""

    name: exp.Identifier
    columns: list[ColumnContract]
    root: str
    path: str
    file: str

    @property
    def folder(self) -> str:
        """The whole address of the folder, ending in a slash."""
        return f"{self.root}/{self.path}"


@dataclass(frozen=True)
class ConsumerPlatform:
    """The SQL of one platform; its name is that of its dialect.

    ``types`` are by documented type; ``addresses`` are by scheme of a location, with its parts in braces. ``set_up``
    gives the statements that an account needs once: access to a location (its second argument is the address as the
    platform writes it) and a place for tables. ``external_table`` makes a table of ``external_kind``. ``upper_case``
    means that names of tables are unquoted and in upper case.
    """

    dialect: str
    types: Mapping[str, str]
    addresses: Mapping[str, str]
    set_up: Callable[[Location, str], Iterator[Statement]]
    external_table: Callable[[ExternalTable], str]
    external_kind: str = "TABLE"
    upper_case: bool = False
    view_properties: tuple[exp.Property, ...] = ()

    def name_view(self, table: str) -> exp.Identifier:
        """Return the name that consumers query, the same whatever version lies below."""
        return self._build_name(table)

    def name_external_table(self, layout: Layout, table: str) -> exp.Identifier:
        """Return the name of the external table over one version of a table."""
        return self._build_name("ext", table, layout.version)

    def make_external_tables(self, layout: Layout, location: Location) -> list[Statement]:
        """Return what makes an external table over each table of a version."""
        externals = [self._describe_external_table(layout, table, location) for table in layout.tables]
        return [
            Statement("external table", render_sql(each.name, self.dialect), self.external_table(each))
            for each in externals
        ]

    def format_root(self, location: Location) -> str:
        """Return a location as the platform writes it; raises ``ValueError`` where it cannot read there."""
        if location.scheme not in self.addresses:
            msg = f"{self.dialect} cannot read a location of {location.scheme}, only of {' or '.join(self.addresses)}."
            raise ValueError(msg)
        return self.addresses[location.scheme].format(**location._asdict()).rstrip("/")

    def build_type(self, documented: str) -> exp.DataType:
        """Return the platform's type for a documented one."""
        return exp.DataType.build(self.types[documented], dialect=self.dialect)

    def _build_name(self, *parts: str) -> exp.Identifier:
        name = "_".join(parts).replace("-", "_")
        return exp.to_identifier(name.upper()) if self.upper_case else exp.to_identifier(name, quoted=True)

    def _describe_external_table(self, layout: Layout, table: str, location: Location) -> ExternalTable:
        name, described = self.name_external_table(layout, table), list_columns(layout.tables[table])
        return ExternalTable(
            name, described, self.format_root(location), f"{table}/v={layout.version}/", f"{table}.parquet"
        )


def render_sql(expression: exp.Expr, dialect: str) -> str:
    """Return an expression as SQL."""
    return expression.sql(dialect, pretty=True)


def quote_literal(text: str, dialect: str) -> str:
    """Return a text as a quoted literal."""
    return exp.Literal.string(text).sql(dialect)


def define_columns(external: ExternalTable, types: Mapping[str, str], dialect: str, form: str = "{name} {type}") -> str:
    """Return the columns of an external table, one on each line, in the given form."""
    return ",\n".join(
        "  " + form.format(name=exp.to_identifier(column.name, quoted=True).sql(dialect), type=types[column.type])
        for column in external.columns
    )
