"""The graph as text against the committed ``graph.txt``, so that no edge, partition, check or schedule changes unseen.

``UPDATE_GRAPH_SNAPSHOT=1 pytest tests/orchestration/test_graph_snapshot.py`` accepts a change; review the diff.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from immuta_assets.definitions import build_graph
from immuta_assets.demo import query_history as demo
from immuta_assets.settings import load

SNAPSHOT = Path(__file__).with_name("graph.txt")


def described(definitions: dg.Definitions) -> Iterator[str]:
    for asset in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key):
        yield from described_asset(asset)
    graph = definitions.resolve_asset_graph()
    for check in sorted(graph.asset_check_keys, key=lambda key: (key.asset_key, key.name)):
        spec = graph.get_check_spec(check)
        kind = "blocking" if spec.blocking else "warning"
        yield f"check {check.asset_key.to_user_string()}:{check.name} | {kind} | {partitions(spec.partitions_def)}"
    for job in (definitions.resolve_job_def(job.name) for job in definitions.jobs or ()):
        yield f"job {job.name}"
        yield from sorted(f"  selects {key.to_user_string()}" for key in job.asset_layer.executable_asset_keys)
    for schedule in (definitions.resolve_schedule_def(schedule.name) for schedule in definitions.schedules or ()):
        when = f"{schedule.cron_schedule} {schedule.execution_timezone}"
        yield f"schedule {schedule.name} | {when} | {schedule.default_status.value} | {schedule.job_name}"


def described_asset(spec: dg.AssetSpec) -> Iterator[str]:
    facts = [spec.group_name, " ".join(sorted(spec.kinds)), " ".join(spec.owners), partitions(spec.partitions_def)]
    yield f"asset {spec.key.to_user_string()} | {' | '.join(map(str, facts))} | automation: {spec.automation_condition}"
    yield from sorted(f"  reads {dep.asset_key.to_user_string()}" for dep in spec.deps)


def partitions(definition: dg.PartitionsDefinition[str] | None) -> str:
    if isinstance(definition, dg.HourlyPartitionsDefinition):
        return f"hourly {definition.timezone} from {definition.start:%Y-%m-%d}"
    if not isinstance(definition, dg.DailyPartitionsDefinition):
        return str(definition)
    opens = f"{definition.hour_offset:02}:{definition.minute_offset:02} {definition.timezone}"
    return f"daily at {opens} from {definition.start:%Y-%m-%d} to {definition.end_offset:+}"


def test_the_graph_is_the_committed_one(tmp_path: Path) -> None:
    connections = tmp_path / "connections.yaml"
    connections.write_text(demo.CONNECTIONS, encoding="utf-8")
    settings = load(store=tmp_path, connections=connections, export_timezone="America/New_York", layouts="prpr1,prpr2")
    found = list(described(build_graph(settings)))
    if os.environ.get("UPDATE_GRAPH_SNAPSHOT"):
        SNAPSHOT.write_text("\n".join(found) + "\n", encoding="utf-8")
    assert found == SNAPSHOT.read_text(encoding="utf-8").splitlines()
