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
from benchmarks.engine import WriteLimit, WrittenOutcomes, measure_outcomes, measure_write_limit
from benchmarks.grounded import keep_grounded
from benchmarks.measuring import Cost, StoppedError, run_alone
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
    tenant = tenants.thin(tenants.generate(preset), data_sources=share)
    size = tenants.measure_size(tenant)
    with TemporaryDirectory() as name:
        folder = Path(name)
        tenants.keep(tenant, folder / "tenant")
        keep_grounded(tenant, folder / "grounded")
        engine = [run_alone(measure_outcomes, folder / "tenant") for _ in range(runs)]
        limits = [run_alone(measure_write_limit, folder / "tenant") for _ in range(runs)]
        run_alone(write_rows, folder / "tenant", folder / "engine.parquet")
        peers = [_measure_peer(peer, folder, size, runs) for peer in PEERS]
    _show_engine(size, engine)
    _show_write_limit(limits)
    _show_peers(size, engine, peers)
    found = {"preset": preset, "share": share, "tenant": size._asdict()}
    report.save(results, "outcomes", found | _list_raw(engine, limits, peers))
    if any(peer.agrees is False for peer in peers):
        raise typer.Exit(1)


def _measure_peer(peer: str, folder: Path, size: Size, runs: int) -> Peer:
    try:
        done = [run_alone(PEERS[peer], folder / "grounded", folder) for _ in range(runs)]
    except StoppedError as error:
        return Peer(peer, [], size.pairs, None, str(error))
    compare = agree_on_sample if done[-1].sample else agree
    agrees = compare(folder / "engine.parquet", done[-1].rows)
    return Peer(peer, [each.cost for each in done], done[-1].sample or size.pairs, agrees, None)


def _show_engine(size: Size, engine: list[WrittenOutcomes]) -> None:
    evaluating = report.take_middle(each.evaluate for each in engine)
    writing = report.take_middle(each.write for each in engine)
    rows = engine[-1].rows
    report.show(
        f"Engine: {size.users:,} users × {size.data_sources:,} data sources × {size.policies:,} policies",
        report.TIMED,
        [
            report.format_timed("evaluate to the compact form", evaluating, size.pairs, "pairs"),
            report.format_timed(f"write the file: {rows:,} rows, {engine[-1].bytes:,} bytes", writing, rows, "rows"),
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
            report.format_timed(
                f"write {rows:,} rows, expanding", report.take_middle(each.expanded for each in limits), rows, "rows"
            ),
            report.format_timed(
                "write them from memory", report.take_middle(each.from_memory for each in limits), rows, "rows"
            ),
        ],
    )


def _show_peers(size: Size, engine: list[WrittenOutcomes], peers: list[Peer]) -> None:
    compact = report.take_middle(each.evaluate for each in engine)
    file = report.take_middle(each.total for each in engine)
    report.show(
        "Peers, from grounded conditions to a file of the same rows; × is how much more time or memory they take",
        ["", *report.FIGURES, "pairs/s", *RATIOS, "agrees"],
        [
            ["engine to compact form", *_format_rates(compact, size.pairs), "", "", "", "", ""],
            ["engine to file", *_format_rates(file, size.pairs), "", "", "", "", ""],
            *([peer.name, *_compare_peer(peer, size, file, compact)] for peer in peers),
        ],
    )


def _format_rates(cost: Cost, pairs: int) -> list[str]:
    return [*report.format_figures(cost), f"{pairs / cost.seconds:,.0f}"]


def _compare_peer(peer: Peer, size: Size, *ours: Cost) -> list[str]:
    """Return a peer's figures and its ratios to the engine's, time per pair and memory in total."""
    if peer.stopped:
        return [peer.stopped]
    cost = report.take_middle(peer.costs)
    ratios = [
        f"{ratio:,.1f}"
        for our in ours
        for ratio in (cost.seconds / peer.pairs * size.pairs / our.seconds, cost.megabytes / our.megabytes)
    ]
    return [*_format_rates(cost, peer.pairs), *ratios, "yes" if peer.agrees else "NO"]


def _list_raw(engine: list[WrittenOutcomes], limits: list[WriteLimit], peers: list[Peer]) -> dict[str, object]:
    return {
        "rows": engine[-1].rows,
        "bytes": engine[-1].bytes,
        "evaluate": report.list_raw(each.evaluate for each in engine),
        "write": report.list_raw(each.write for each in engine),
        "write_limit": {
            "rows": limits[-1].rows,
            "expanded": report.list_raw(each.expanded for each in limits),
            "from_memory": report.list_raw(each.from_memory for each in limits),
        },
        "peers": [peer._asdict() | {"costs": report.list_raw(peer.costs)} for peer in peers],
    }


if __name__ == "__main__":
    typer.run(main)
