"""How fast policies are evaluated, beside other means to the same rows and beside writing rows down.

    python -m benchmarks.outcomes [--preset enterprise] [--share 1.0] [--runs 3]

Three tables. *Engine*: from loaded collections to the compact form, and from there to the file of ``policy-outcomes``.
*Write limit*: the first rows, as many as fit in memory, written while they are expanded and from memory. *Peers*: other
means to the same rows, each checked to agree. Peers start from grounded conditions (``grounded``), which the engine is
charged for; what they leave out, members by hand and grants for members only, the engine does as well.

``--share`` thins the data sources, for a machine on which the peers do not finish.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import typer

from benchmarks import report, tenants
from benchmarks.agreement import agree, agree_on_sample, write_rows
from benchmarks.engine import WriteLimit, Written, write_limit, written
from benchmarks.grounded import keep_grounded
from benchmarks.measuring import Cost, StoppedError, alone
from benchmarks.peers import PEERS
from benchmarks.tenants import Size

Share = Annotated[float, typer.Option(help="Share of the data sources.", min=0.001, max=1)]
RATIOS = ("× s, file", "× MB, file", "× s, compact", "× MB, compact")


class Peer(NamedTuple):
    """What a peer took in each run, how many pairs it decided, and whether its rows are the engine's.

    ``stopped`` says why it did not finish, where it did not.
    """

    name: str
    costs: list[Cost]
    pairs: int
    agrees: bool | None
    stopped: str | None


def main(
    preset: report.Preset = "enterprise",
    share: Share = 1.0,
    runs: report.Runs = 3,
    results: report.Results = report.RESULTS,
) -> None:
    """Compare the engine with the write limit and with its peers."""
    tenant = tenants.thinned(tenants.generated(preset), data_sources=share)
    size = tenants.size(tenant)
    with TemporaryDirectory() as name:
        folder = Path(name)
        tenants.keep(tenant, folder / "tenant")
        keep_grounded(tenant, folder / "grounded")
        engine = [alone(written, folder / "tenant") for _ in range(runs)]
        limits = [alone(write_limit, folder / "tenant") for _ in range(runs)]
        alone(write_rows, folder / "tenant", folder / "engine.parquet")
        peers = [_measured(peer, folder, size, runs) for peer in PEERS]
    _show_engine(size, engine)
    _show_write_limit(limits)
    _show_peers(size, engine, peers)
    found = {"preset": preset, "share": share, "tenant": size._asdict()}
    report.save(results, "outcomes", found | _raw(engine, limits, peers))
    if any(peer.agrees is False for peer in peers):
        raise typer.Exit(1)


def _measured(peer: str, folder: Path, size: Size, runs: int) -> Peer:
    try:
        done = [alone(PEERS[peer], folder / "grounded", folder) for _ in range(runs)]
    except StoppedError as error:
        return Peer(peer, [], size.pairs, None, str(error))
    compare = agree_on_sample if done[-1].sample else agree
    agrees = compare(folder / "engine.parquet", done[-1].rows)
    return Peer(peer, [each.cost for each in done], done[-1].sample or size.pairs, agrees, None)


def _show_engine(size: Size, engine: list[Written]) -> None:
    evaluating = report.middle(each.evaluate for each in engine)
    writing = report.middle(each.write for each in engine)
    rows = engine[-1].rows
    report.show(
        f"Engine: {size.users:,} users × {size.data_sources:,} data sources × {size.policies:,} policies",
        report.TIMED,
        [
            report.timed("evaluate to the compact form", evaluating, size.pairs, "pairs"),
            report.timed(f"write the file: {rows:,} rows, {engine[-1].bytes:,} bytes", writing, rows, "rows"),
        ],
    )


def _show_write_limit(limits: list[WriteLimit]) -> None:
    """Medians, and the median share of the limit: the two of one run stand side by side in time too."""
    rows = limits[-1].rows
    share = median(each.from_memory.seconds / each.expanded.seconds for each in limits)
    cpu_share = median(each.from_memory.cpu_seconds / each.expanded.cpu_seconds for each in limits)
    report.show(
        f"Write limit: {share:.0%} of it reached in time, {cpu_share:.0%} in processor time",
        report.TIMED,
        [
            report.timed(
                f"write {rows:,} rows, expanding", report.middle(each.expanded for each in limits), rows, "rows"
            ),
            report.timed("write them from memory", report.middle(each.from_memory for each in limits), rows, "rows"),
        ],
    )


def _show_peers(size: Size, engine: list[Written], peers: list[Peer]) -> None:
    compact = report.middle(each.evaluate for each in engine)
    file = report.middle(each.total for each in engine)
    report.show(
        "Peers, from grounded conditions to a file of the same rows; × is how much more time or memory they take",
        ["", *report.FIGURES, "pairs/s", *RATIOS, "agrees"],
        [
            ["engine to compact form", *_rates(compact, size.pairs), "", "", "", "", ""],
            ["engine to file", *_rates(file, size.pairs), "", "", "", "", ""],
            *([peer.name, *_compared(peer, size, file, compact)] for peer in peers),
        ],
    )


def _rates(cost: Cost, pairs: int) -> list[str]:
    return [*report.figures(cost), f"{pairs / cost.seconds:,.0f}"]


def _compared(peer: Peer, size: Size, *ours: Cost) -> list[str]:
    """A peer's figures and its ratios to the engine's, time per pair and memory in total."""
    if peer.stopped:
        return [peer.stopped]
    cost = report.middle(peer.costs)
    ratios = [
        f"{ratio:,.1f}"
        for our in ours
        for ratio in (cost.seconds / peer.pairs * size.pairs / our.seconds, cost.megabytes / our.megabytes)
    ]
    return [*_rates(cost, peer.pairs), *ratios, "yes" if peer.agrees else "NO"]


def _raw(engine: list[Written], limits: list[WriteLimit], peers: list[Peer]) -> dict[str, object]:
    return {
        "rows": engine[-1].rows,
        "bytes": engine[-1].bytes,
        "evaluate": report.raw(each.evaluate for each in engine),
        "write": report.raw(each.write for each in engine),
        "write_limit": {
            "rows": limits[-1].rows,
            "expanded": report.raw(each.expanded for each in limits),
            "from_memory": report.raw(each.from_memory for each in limits),
        },
        "peers": [peer._asdict() | {"costs": report.raw(peer.costs)} for peer in peers],
    }


if __name__ == "__main__":
    typer.run(main)
