"""The Columns tab: a table's schema as Dagster shows it before the first run.

It stands on the definition only; a second one on materializations would hide the constraints.
"""

from __future__ import annotations

import dagster as dg
import dataframely as dy

from immuta_assets.frames.contract import abstract_type


def build_table_schema(schema: type[dy.Schema]) -> dg.TableSchema:
    """Return the columns with their types, descriptions, non-null and unique constraints."""
    keys = schema.primary_key()
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=_name_type(column),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=keys == [name]),
            )
            for name, column in schema.columns().items()
        ]
    )


def _name_type(column: dy.Column) -> str:
    match column:
        case dy.Datetime():
            return "timestamp"
        case dy.Duration():
            return "duration"
        case dy.List():
            return f"list<{_name_type(column.inner)}>"
        case dy.Struct():
            return f"struct<{', '.join(f'{name}: {_name_type(field)}' for name, field in column.inner.items())}>"
        case _:
            return abstract_type(column)
