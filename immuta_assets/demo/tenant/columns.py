"""The columns of the demo's tables, with their types and tags.

Names decide tags, as sensitive data discovery would: add a column here together with the tags it should carry.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from immuta_assets.demo.tenant.catalog import Object, Table
from immuta_assets.demo.tenant.draw import chance, draw_some


class ColumnForm(NamedTuple):
    """A column that may occur: its name, its type in the tenant, its tags."""

    name: str
    data_type: str
    tags: tuple[str, ...] = ()


PERSONAL = (
    ColumnForm("first_name", "text", ("PII.Name.First", "Discovered.Entity.Person Name")),
    ColumnForm("last_name", "text", ("PII.Name.Last", "Discovered.Entity.Person Name")),
    ColumnForm("email", "text", ("PII.Email", "Discovered.Entity.Electronic Mail Address")),
    ColumnForm("phone_number", "text", ("PII.Phone", "Discovered.Entity.Telephone Number")),
    ColumnForm("date_of_birth", "date", ("PII.Birth Date", "Discovered.Entity.Date")),
    ColumnForm("street_address", "text", ("PII.Address", "Discovered.Entity.Location")),
    ColumnForm("postal_code", "text", ("PII.Address", "Discovered.Entity.Postal Code")),
    ColumnForm("ssn", "text", ("PII.SSN", "Discovered.Country.US", "Discovered.PII")),
    ColumnForm("passport_number", "text", ("PII.Passport", "Discovered.Passport")),
    ColumnForm("iban", "text", ("Financial.IBAN", "Discovered.Entity.IBAN Code")),
    ColumnForm("card_number", "text", ("Financial.Card Number", "Discovered.PCI")),
    ColumnForm("ip_address", "text", ("PII.IP Address", "Discovered.Entity.IP Address")),
    ColumnForm("gender", "text", ("PII.Gender",)),
    ColumnForm("health_note", "text", ("Health.Note", "Discovered.PHI")),
)
BUSINESS = (
    ColumnForm("status", "text"),
    ColumnForm("country_code", "text", ("Discovered.Entity.Country",)),
    ColumnForm("currency", "text"),
    ColumnForm("amount", "decimal", ("Financial.Amount",)),
    ColumnForm("net_amount", "decimal", ("Financial.Amount",)),
    ColumnForm("quantity", "integer"),
    ColumnForm("unit_price", "decimal"),
    ColumnForm("channel", "text"),
    ColumnForm("category", "text"),
    ColumnForm("priority", "integer"),
    ColumnForm("valid_from", "date"),
    ColumnForm("valid_to", "date"),
    ColumnForm("region", "text"),
    ColumnForm("score", "float"),
    ColumnForm("is_active", "boolean"),
    ColumnForm("comment", "text"),
    ColumnForm("external_reference", "text"),
    ColumnForm("parent_id", "integer"),
    ColumnForm("source_system", "text"),
    ColumnForm("geo_latitude", "float", ("Discovered.Entity.Latitude",)),
)
QUIRKY = (
    ColumnForm("größe", "decimal"),
    ColumnForm("备注", "text"),
    ColumnForm("unit price (€)", "decimal"),
    ColumnForm("O'Brien code", "text"),
    ColumnForm('the "real" name', "text", ("PII.Name.Alias",)),
    ColumnForm("v2.payload", "text"),
)
HOUSEKEEPING = (
    ColumnForm("created_at", "timestamp"),
    ColumnForm("updated_at", "timestamp"),
    ColumnForm("load_id", "text"),
)
REMOTE_TYPES = {
    "Snowflake": {
        "text": "VARCHAR(16777216)", "integer": "NUMBER(38,0)", "decimal": "NUMBER(18,2)", "float": "FLOAT",
        "date": "DATE", "timestamp": "TIMESTAMP_NTZ(9)", "boolean": "BOOLEAN",
    },
    "Databricks": {
        "text": "string", "integer": "bigint", "decimal": "decimal(18,2)", "float": "double", "date": "date",
        "timestamp": "timestamp", "boolean": "boolean",
    },
    "Google BigQuery": {
        "text": "STRING", "integer": "INT64", "decimal": "NUMERIC", "float": "FLOAT64", "date": "DATE",
        "timestamp": "TIMESTAMP", "boolean": "BOOL",
    },
}  # fmt: skip
"""Technology → type in the tenant → type on the platform; others leave the type of the platform out."""


def write_dictionaries(rng: random.Random, tables: Sequence[Table]) -> Iterator[Object]:
    """Write the columns of every table as ``GET /dictionary/{dataSourceId}`` objects, 8 to 15 columns each."""
    for table in tables:
        with_ids = chance(rng, 0.9)
        drawn = enumerate(_draw_columns(rng, table))
        yield {
            "dataSource": table.data_source_id,
            "metadata": [
                _write_column(rng, column, table, table.data_source_id * 100 + index if with_ids else None)
                for index, column in drawn
            ],
        }


def _draw_columns(rng: random.Random, table: Table) -> Iterator[ColumnForm]:
    yield ColumnForm(f"{table.subject}_id", "integer")
    if table.personal:
        yield from draw_some(rng, PERSONAL, 3, 5)
    yield from draw_some(rng, BUSINESS, 2, 5) if table.personal else draw_some(rng, BUSINESS, 4, 10)
    if chance(rng, 0.02):
        yield rng.choice(QUIRKY)
    yield from HOUSEKEEPING


def _write_column(rng: random.Random, column: ColumnForm, table: Table, column_id: int | None) -> Object:
    remote = REMOTE_TYPES.get(table.database.platform.technology, {}).get(column.data_type)
    described = column.tags or chance(rng, 0.2)
    return {
        "name": column.name if table.lower or not column.name.isascii() else column.name.upper(),
        "id": column_id,
        "description": f"{column.name.replace('_', ' ').capitalize()} of the record." if described else None,
        "dataType": column.data_type,
        "remoteType": remote,
        "tags": [_write_tag(rng, name) for name in column.tags if chance(rng, 0.85)],
    }


def _write_tag(rng: random.Random, name: str) -> Object:
    """Discovered tags come from sensitive data discovery; the others from a framework, the catalogue or a person."""
    if name.startswith("Discovered."):
        return {"name": name, "source": "curated", "context": "sdd"}
    source, context = rng.choice((("curated", "framework"), ("collibra", "catalog"), ("curated", "manual")))
    return {"name": name, "source": source, "context": context}
