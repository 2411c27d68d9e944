"""The facts about the tenant that every table needs: which tenant, where it lives, and which moment is exported.

Only what the collection ``tenant`` holds belongs here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple, Self

import polars as pl


class TenantInfo(NamedTuple):
    """The single row of the collection ``tenant``."""

    tenant_id: str
    url: str
    dumped_at: datetime

    @classmethod
    def read(cls, frame: pl.DataFrame | pl.LazyFrame) -> Self:
        """Read the row of a ``tenant`` frame; ``dumped_at`` is in UTC."""
        return cls(**frame.lazy().collect().row(0, named=True))

    @property
    def export_date(self) -> datetime:
        """``dumped_at`` as the export writes it: UTC without a zone, microseconds."""
        return self.dumped_at.astimezone(UTC).replace(tzinfo=None)
