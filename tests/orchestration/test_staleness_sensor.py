"""The sensors in Dagster: what they tell, what they ask for, and what they keep to themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from fakes.webhook import SECRET, Webhook
from published_sets import publish_sets, written
from pydantic import SecretStr

from immuta_assets.datasets.root import StoreRoot, open_root
from immuta_assets.definitions import build_graph
from immuta_assets.health.notifications import Notifier
from immuta_assets.layouts.stored import open_layout
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.object_store import Store, open_store
from immuta_assets.orchestration import failure_alerts, staleness
from immuta_assets.orchestration.partitions import define_export_days
from immuta_assets.orchestration.run import ExportResult
from immuta_assets.orchestration.staleness import Watch
from immuta_assets.publishing.manifest import published_key
from immuta_assets.publishing.verdicts import FAMILIES, Expected
from immuta_assets.settings import Settings, parse_layouts

BERLIN = ZoneInfo("Europe/Berlin")
EXPORT_DATE = datetime(2026, 5, 4, 3, 10)
NOON = datetime(2026, 5, 4, 10, tzinfo=UTC)
EVERY = timedelta(hours=6)
LINK = "https://dagster.example"
KEY = published_key("prpr2", "policy-metadata")
DAYS = define_export_days(BERLIN)


@dataclass
class Installation:
    """A destination, what is stored, and the sensor that looks at them, tick by tick."""

    store: Store
    root: StoreRoot
    hook: Webhook
    instance: dg.DagsterInstance
    now: datetime = NOON
    cursor: str | None = None
    definitions: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        keys = [("published", version, table) for version, layout in LAYOUTS.items() for table in layout.tables]
        assets = [published_asset(dg.AssetKey(list(key))) for key in keys]
        export = dg.define_asset_job("export", selection=dg.AssetSelection.groups("default").without_checks())
        republish = staleness.build_republish_job(["prpr2"])
        self.definitions = dg.Definitions(
            assets=assets,
            asset_checks=[staleness.build_destination_checks(self.watch)],
            jobs=[export, republish],
            sensors=[
                staleness.build_destinations_sensor(self.watch, self.root, export, republish),
                failure_alerts.build_failures_sensor(self.watch),
                failure_alerts.build_failed_runs_sensor(self.watch),
            ],
        )

    @property
    def watch(self) -> Watch:
        return Watch(
            destinations=[self.store.uri],
            open_store=open_store,
            expected=Expected(parse_layouts("prpr2"), BERLIN),
            notifier=Notifier([SecretStr(self.hook.address)]),
            repeat_every=EVERY,
            link=LINK,
            clock=lambda: self.now,
        )

    def tick(self, after: timedelta = timedelta(minutes=5)) -> dg.SensorResult:
        """Look once, somewhat later; what the sensor found is kept as the daemon does it."""
        self.now += after
        repository = self.definitions.get_repository_def()
        context = dg.build_sensor_context(self.instance, self.cursor, repository_def=repository)
        result = repository.get_sensor_def("destinations")(context)
        assert isinstance(result, dg.SensorResult)
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        self.cursor = result.cursor
        return result


def published_asset(key: dg.AssetKey) -> dg.AssetsDefinition:
    @dg.asset(key=key, partitions_def=DAYS)
    def publish() -> None: ...

    return publish


@pytest.fixture
def installation(tmp_path: Path, hook: Webhook, instance: dg.DagsterInstance) -> Installation:
    """A complete set at the destination, and the same export in the store."""
    store = open_store(str(tmp_path / "published"))
    publish_sets(store, tmp_path, EXPORT_DATE)
    root = StoreRoot(str(tmp_path / "store"))
    stored = open_layout(root, "prpr2")
    for table, path in written(tmp_path, "prpr2", EXPORT_DATE).items():
        stored[table].root.store.put_file(path, f"{stored[table].key}/2026-05-04.parquet")
    return Installation(store, root, hook, instance)


def requested(result: dg.SensorResult) -> list[tuple[str | None, str | None]]:
    return [(request.job_name, request.partition_key) for request in result.run_requests or []]


def failing(result: dg.SensorResult) -> list[tuple[str, str]]:
    return [
        (event.asset_key.path[-1], event.check_name)
        for event in result.asset_events
        if isinstance(event, dg.AssetCheckEvaluation) and not event.passed
    ]


def test_nothing_is_told_or_asked_for_where_all_is_well(installation: Installation) -> None:
    result = installation.tick()
    assert (requested(result), failing(result), installation.hook.received) == ([], [], [])


def test_checks_are_evaluated_anew_only_when_they_say_something_else(installation: Installation) -> None:
    assert len(installation.tick().asset_events) == len(staleness.list_check_keys())
    assert installation.tick().asset_events == []
    installation.store.delete(KEY)
    assert failing(installation.tick()) == [("policy-metadata", "whole_set")]
    assert installation.tick().asset_events == []


def test_checks_are_evaluated_anew_after_each_publication(installation: Installation) -> None:
    installation.tick()
    published = dg.AssetKey(["published", "prpr2", "policy-metadata"])
    installation.instance.report_runless_asset_event(dg.AssetMaterialization(published, partition="2026-05-04"))
    evaluated = [event for event in installation.tick().asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {event.asset_key for event in evaluated} == {published}
    assert len(evaluated) == len(FAMILIES)
    assert installation.tick().asset_events == []


def test_an_incident_is_told_once_then_at_its_interval_and_its_end_once(installation: Installation) -> None:
    content = installation.store.read(KEY)
    installation.store.delete(KEY)
    for after in (timedelta(0), timedelta(minutes=5), EVERY, timedelta(minutes=5)):
        installation.tick(after)
    installation.store.put_bytes(KEY, content)
    for _ in range(3):
        installation.tick()
    prefix = f"Access summary export at {installation.store.uri}: "
    assert [title.removeprefix(prefix) for title in installation.hook.titles] == ["opened", "reminder", "resolved"]


def test_a_notification_tells_files_last_export_deadline_cause_and_what_to_run(installation: Installation) -> None:
    installation.tick(timedelta(days=1))
    (told,) = installation.hook.received
    message = str(told["message"])
    assert "Overdue, 12 of the files" in message
    assert "prpr2/policy-metadata" in message
    assert "export_date 2026-05-04 03:10:00 UTC" in message
    assert "Deadline missed: 2026-05-05 07:00 Europe/Berlin" in message
    assert "Probable cause: no run was started" in message
    assert "immuta-assets export" in message
    assert LINK in message


def test_what_could_not_be_sent_is_sent_later(installation: Installation) -> None:
    installation.hook.answer = 503
    installation.store.delete(KEY)
    installation.tick()
    installation.hook.answer = 200
    installation.tick()
    assert [title.rpartition(" ")[2] for title in installation.hook.titles] == ["opened"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: store.delete(KEY),
        lambda store: store.put_bytes(KEY, b"no Parquet"),
        lambda store: store.put_bytes(KEY, store.read(published_key("prpr2", "domain-metadata"))),
    ],
    ids=["missing", "unreadable", "altered"],
)
def test_a_damaged_set_is_published_again_from_the_store_once_per_telling(
    installation: Installation, damage: Callable[[Store], object]
) -> None:
    damage(installation.store)
    first, second, third = installation.tick(), installation.tick(), installation.tick(EVERY)
    assert requested(first) == requested(second) == requested(third) == [("republish", "2026-05-04")]
    keys = [result.run_requests[0].run_key for result in (first, second, third) if result.run_requests]
    assert keys[0] == keys[1] != keys[2]


def test_a_missed_export_day_is_requested(installation: Installation) -> None:
    assert requested(installation.tick(timedelta(days=1))) == [("export", "2026-05-05")]


def test_a_set_that_is_stored_but_was_never_published_is_published(installation: Installation) -> None:
    for table in LAYOUTS["prpr2"].tables:
        key = dg.AssetKey(["prpr2", table])
        installation.root.store.move(
            f"{'/'.join(key.path)}/2026-05-04.parquet", f"{'/'.join(key.path)}/2026-05-05.parquet"
        )
    assert requested(installation.tick(timedelta(days=1))) == [("republish", "2026-05-05")]


def test_nothing_is_asked_for_while_a_run_is_on_its_way(installation: Installation) -> None:
    installation.store.delete(KEY)
    job = installation.definitions.resolve_job_def("republish")
    installation.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert requested(installation.tick()) == []


def test_the_checks_can_be_run_by_hand(installation: Installation) -> None:
    installation.store.delete(KEY)
    by_hand = dg.define_asset_job("by_hand", selection=dg.AssetSelection.checks(*staleness.list_check_keys()))
    job = dg.Definitions.merge(installation.definitions, dg.Definitions(jobs=[by_hand])).resolve_job_def("by_hand")
    found = job.execute_in_process(instance=installation.instance).get_asset_check_evaluations()
    assert len(found) == len(staleness.list_check_keys())
    assert [(each.asset_key.path[-1], each.check_name) for each in found if not each.passed] == [
        ("policy-metadata", "whole_set")
    ]


def test_the_run_that_is_asked_for_puts_the_destination_right(
    export: Callable[..., ExportResult], settings: Settings, hook: Webhook, instance: dg.DagsterInstance
) -> None:
    assert export(layouts=parse_layouts("prpr2")).failure is None
    installation = Installation(open_store(settings.destination[0]), open_root(settings), hook, instance)
    content = installation.store.read(KEY)
    installation.store.put_bytes(KEY, b"no Parquet")
    (asked,) = installation.tick().run_requests or []
    republish = build_graph(settings.model_copy(update={"layouts": parse_layouts("prpr2")})).resolve_job_def(
        "republish"
    )
    republish.execute_in_process(instance=instance, partition_key=asked.partition_key)
    assert installation.store.read(KEY) == content
    installation.tick()
    assert [title.rpartition(" ")[2] for title in hook.titles] == ["opened", "resolved"]


def test_no_secret_is_left_in_events_cursor_or_definitions(installation: Installation) -> None:
    installation.store.delete(KEY)
    result = installation.tick()
    assert SECRET not in f"{result}{installation.cursor}{installation.watch}{installation.definitions}"
