"""The tenants that the benchmarks work on: generated, read, and kept as files that a fresh process loads quickly.

Make a tenant of another shape here. What a demo tenant contains belongs to ``immuta_assets.demo.tenant``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import polars as pl

from immuta_assets.demo.tenant import write_demo
from immuta_assets.outcomes.evaluation import COLLECTIONS
from immuta_assets.tenant import dump

AT = datetime(2026, 11, 21, 6, tzinfo=UTC)
"""The moment of every demo, so that each run works on the same tenant."""
Tenant = Mapping[str, pl.DataFrame]


class Size(NamedTuple):
    """Rows of the collections that make the work: ``users`` and ``data_sources`` are those that are enabled."""

    users: int
    data_sources: int
    policies: int

    @property
    def pairs(self) -> int:
        """Every user with every data source."""
        return self.users * self.data_sources


def generate(preset: str) -> dict[str, pl.DataFrame]:
    """Return the demo of a preset."""
    with TemporaryDirectory() as folder:
        write_demo(Path(folder), preset=preset, at=AT)
        return dump.read(Path(folder), COLLECTIONS)


def widen_policies(preset: str, widened: int) -> dict[str, pl.DataFrame]:
    """Return the demo of a preset in which that many more grants apply to every data source.

    Grants by groups or attributes only: further guardrails would let nobody through, grants of other levels conflict.
    """
    with TemporaryDirectory() as folder:
        write_demo(Path(folder), preset=preset, at=AT)
        lines = (Path(folder) / "policies.ndjson").read_bytes().splitlines()
        policies = [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
        for policy in [policy for policy in policies if _is_widenable(policy)][:widened]:
            policy["circumstances"] = []
        dump.write(Path(folder), "policies", policies)
        return dump.read(Path(folder), COLLECTIONS)


def _is_widenable(policy: Mapping[str, object]) -> bool:
    match policy:
        case {"type": "subscription", "actions": [{"subscriptionType": "policy" | "advanced", **action}, *_]}:
            kind = action.get("accessType", "GRANT" if action.get("shareResponsibility", True) else "GUARDRAIL")
            return kind == "GRANT" and bool(action.get("automaticSubscription", True))
        case _:
            return False


def thin(tenant: Tenant, *, users: float = 1, data_sources: float = 1) -> dict[str, pl.DataFrame]:
    """Return the tenant with a share of its users and of its data sources, drawn alike each time."""
    return {
        **tenant,
        "users": tenant["users"].sample(fraction=users, seed=0),
        "data_sources": tenant["data_sources"].sample(fraction=data_sources, seed=0),
    }


def measure_size(tenant: Tenant) -> Size:
    """How large the work is."""
    return Size(
        tenant["users"].filter(~pl.col("disabled"), ~pl.col("system_generated")).height,
        tenant["data_sources"].filter(~pl.col("deleted")).height,
        tenant["policies"].filter(pl.col("type") == "subscription").height,
    )


def keep(frames: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write frames for ``load``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")


def load(folder: Path) -> dict[str, pl.DataFrame]:
    """Return the frames that ``keep`` wrote."""
    return {path.stem: pl.read_parquet(path) for path in folder.glob("*.parquet")}
