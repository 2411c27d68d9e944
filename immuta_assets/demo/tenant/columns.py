"""The columns of the demo's tables, with their types and tags.

Names decide tags, as sensitive data discovery would: add a column here together with the tags it should carry.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from immuta_assets.demo.tenant.catalog import Object, Table
from immuta_assets.demo.tenant.draw import chance, some


class Column(NamedTuple):
    """A column that may occur: its name, its type in the tenant, its tags."""

    name: str
    data_type: str
    tags: tuple[str, ...] = ()


PERSONAL = (
    Column("first_name", "text", ("PII.Name.First", "Discovered.Entity.Person Name")),
    Column("last_name", "text", ("PII.Name.Last", "Discovered.Entity.Person Name")),
    Column("email", "text", ("PII.Email", "Discovered.Entity.Electronic Mail Address")),
    Column("phone_number", "text", ("PII.Phone", "Discovered.Entity.Telephone Number")),
    Column("date_of_birth", "date", ("PII.Birth Date", "Discovered.Entity.Date")),
    Column("street_address", "text", ("PII.Address", "Discovered.Entity.Location")),
    Column("postal_code", "text", ("PII.Address", "Discovered.Entity.Postal Code")),
    Column("ssn", "text", ("PII.SSN", "Discovered.Country.US", "Discovered.PII")),
    Column("passport_number", "text", ("PII.Passport", "Discovered.Passport")),
    Column("iban", "text", ("Financial.IBAN", "Discovered.Entity.IBAN Code")),
    Column("card_number", "text", ("Financial.Card Number", "Discovered.PCI")),
    Column("ip_address", "text", ("PII.IP Address", "Discovered.Entity.IP Address")),
    Column("gender", "text", ("PII.Gender",)),
    Column("health_note", "text", ("Health.Note", "Discovered.PHI")),
)
BUSINESS = (
    Column("status", "text"),
    Column("country_code", "text", ("Discovered.Entity.Country",)),
    Column("currency", "text"),
    Column("amount", "decimal", ("Financial.Amount",)),
    Column("net_amount", "decimal", ("Financial.Amount",)),
    Column("quantity", "integer"),
    Column("unit_price", "decimal"),
    Column("channel", "text"),
    Column("category", "text"),
    Column("priority", "integer"),
    Column("valid_from", "date"),
    Column("valid_to", "date"),
    Column("region", "text"),
    Column("score", "float"),
    Column("is_active", "boolean"),
    Column("comment", "text"),
    Column("external_reference", "text"),
    Column("parent_id", "integer"),
    Column("source_system", "text"),
    Column("geo_latitude", "float", ("Discovered.Entity.Latitude",)),
)
QUIRKY = (
    Column("größe", "decimal"),
    Column("备注", "text"),
    Column("unit price (€)", "decimal"),
    Column("O'Brien code", "text"),
    Column('the "real" name', "text", ("PII.Name.Alias",)),
    Column("v2.payload", "text"),
)
HOUSEKEEPING = (
    Column("created_at", "timestamp"),
    Column("updated_at", "timestamp"),
    Column("load_id", "text"),
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


def dictionaries(rng: random.Random, tables: Sequence[Table]) -> Iterator[Object]:
    """Write the columns of every table as ``GET /dictionary/{dataSourceId}`` objects, 8 to 15 columns each."""
    for table in tables:
        with_ids = chance(rng, 0.9)
        drawn = enumerate(_draw(rng, table))
        yield {
            "dataSource": table.data_source_id,
            "metadata": [
                _written(rng, column, table, table.data_source_id * 100 + index if with_ids else None)
                for index, column in drawn
            ],
        }


def _draw(rng: random.Random, table: Table) -> Iterator[Column]:
    yield Column(f"{table.subject}_id", "integer")
    if table.personal:
        yield from some(rng, PERSONAL, 3, 5)
    yield from some(rng, BUSINESS, 2, 5) if table.personal else some(rng, BUSINESS, 4, 10)
    if chance(rng, 0.02):
        yield rng.choice(QUIRKY)
    yield from HOUSEKEEPING


def _written(rng: random.Random, column: Column, table: Table, column_id: int | None) -> Object:
    remote = REMOTE_TYPES.get(table.database.platform.technology, {}).get(column.data_type)
    described = column.tags or chance(rng, 0.2)
    return {
        "name": column.name if table.lower or not column.name.isascii() else column.name.upper(),
        "id": column_id,
        "description": f"{column.name.replace('_', ' ').capitalize()} of the record." if described else None,
        "dataType": column.data_type,
        "remoteType": remote,
        "tags": [_tag(rng, name) for name in column.tags if chance(rng, 0.85)],
    }


def _tag(rng: random.Random, name: str) -> Object:
    """Discovered tags come from sensitive data discovery; the others from a framework, the catalogue or a person."""
    if name.startswith("Discovered."):
        return {"name": name, "source": "curated", "context": "sdd"}
    source, context = rng.choice((("curated", "framework"), ("collibra", "catalog"), ("curated", "manual")))
    return {"name": name, "source": source, "context": context}
