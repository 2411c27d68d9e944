"""The assets ``maintenance/<connection>``: once a day, the tables of a connection are put in order.

What is done to a table belongs to ``datasets.maintenance``.
"""

# No postponed annotations: Dagster compares that of `context` itself.
import dagster as dg

from immuta_assets.audit.stored import ConnectionData
from immuta_assets.datasets.maintenance import Maintained, maintain_table
from immuta_assets.orchestration.assets import OWNERS
from immuta_assets.orchestration.failures import explain_errors
from immuta_assets.orchestration.moments import read_moment
from immuta_assets.platforms.connection import Connection


def make_key(connection: Connection) -> dg.AssetKey:
    """Return the key of the asset that stands for the state of a connection's tables."""
    return dg.AssetKey(["maintenance", connection.name])


def build_maintenance(connection: Connection, data: ConnectionData) -> dg.AssetsDefinition:
    """Return the asset that compacts the tables of a connection and removes what is no longer read."""

    @dg.asset(
        key=make_key(connection),
        group_name="maintenance",
        description="The tables of the connection in order: few files, a short log, nothing that nobody reads.",
        kinds={"delta"},
        owners=OWNERS,
    )
    def maintain(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        moment = read_moment(context)
        with explain_errors(connection.name):
            done = {name: maintain_table(table, moment) for name, table in data.tables.items()}
        totals = {
            f: sum(getattr(each, f) for each in done.values()) for f in ("compacted", "removed", "files", "bytes")
        }
        return dg.MaterializeResult(metadata={"tables": dg.MetadataValue.md(_describe(done)), **totals})

    return maintain


def _describe(done: dict[str, Maintained]) -> str:
    headings = ("table", *Maintained._fields)
    rows = [(name, *(f"{count:,}" for count in each)) for name, each in done.items()]
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
