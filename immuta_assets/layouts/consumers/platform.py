"""What the platforms have in common on which consumers read the export: names, types, addresses, external tables.

Add here what every platform must tell; how one of them says it belongs to its own module. Every name and every text
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


class External(NamedTuple):
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
class Platform:
    """How one platform is spoken to; its name is that of its dialect.

    ``types`` are by documented type; ``addresses`` are by scheme of a location, with its parts in braces. ``set_up``
    says, once per account, how to get at a location (also given as the platform writes it) and where tables are made;
    ``external_table`` makes one, of ``external_kind``. ``upper_case``: names of tables are unquoted, in upper case.
    """

    dialect: str
    types: Mapping[str, str]
    addresses: Mapping[str, str]
    set_up: Callable[[Location, str], Iterator[Statement]]
    external_table: Callable[[External], str]
    external_kind: str = "TABLE"
    upper_case: bool = False
    view_properties: tuple[exp.Property, ...] = ()

    def view_name(self, table: str) -> exp.Identifier:
        """Return the name that consumers query, the same whatever version lies below."""
        return self._name(table)

    def external_name(self, layout: Layout, table: str) -> exp.Identifier:
        """Return the name of the external table over one version of a table."""
        return self._name("ext", table, layout.version)

    def external_tables(self, layout: Layout, location: Location) -> list[Statement]:
        """Return what makes an external table over each table of a version."""
        externals = [self._external(layout, table, location) for table in layout.tables]
        return [
            Statement("external table", written(each.name, self.dialect), self.external_table(each))
            for each in externals
        ]

    def root(self, location: Location) -> str:
        """Return a location as the platform writes it; raises ``ValueError`` where it cannot read there."""
        if location.scheme not in self.addresses:
            msg = f"{self.dialect} cannot read a location of {location.scheme}, only of {' or '.join(self.addresses)}."
            raise ValueError(msg)
        return self.addresses[location.scheme].format(**location._asdict()).rstrip("/")

    def dtype(self, documented: str) -> exp.DataType:
        """Return the type of a documented one."""
        return exp.DataType.build(self.types[documented], dialect=self.dialect)

    def _name(self, *parts: str) -> exp.Identifier:
        name = "_".join(parts).replace("-", "_")
        return exp.to_identifier(name.upper()) if self.upper_case else exp.to_identifier(name, quoted=True)

    def _external(self, layout: Layout, table: str, location: Location) -> External:
        name, described = self.external_name(layout, table), list_columns(layout.tables[table])
        return External(name, described, self.root(location), f"{table}/v={layout.version}/", f"{table}.parquet")


def written(expression: exp.Expr, dialect: str) -> str:
    """Return an expression as SQL."""
    return expression.sql(dialect, pretty=True)


def literal(text: str, dialect: str) -> str:
    """Return a text as a quoted literal."""
    return exp.Literal.string(text).sql(dialect)


def definitions(external: External, types: Mapping[str, str], dialect: str, form: str = "{name} {type}") -> str:
    """Return the columns of an external table, one on each line, in the given form."""
    return ",\n".join(
        "  " + form.format(name=exp.to_identifier(column.name, quoted=True).sql(dialect), type=types[column.type])
        for column in external.columns
    )
