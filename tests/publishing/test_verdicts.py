"""Every verdict, made to happen at a real destination, by a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from published_sets import publish_sets, written

from immuta_assets.health.status import (
    FINE,
    STALE,
    UNKNOWN,
    Health,
    build_report,
    choose_exit_code,
    describe_problems,
    judge_destinations,
    list_files,
)
from immuta_assets.layouts.versions import LAYOUTS
from immuta_assets.object_store import Store, StoreOptions, UnavailableError, open_store
from immuta_assets.publishing import transaction
from immuta_assets.publishing.manifest import (
    manifest_key,
    published_key,
    read_tagged_manifest,
)
from immuta_assets.publishing.verdicts import (
    FAMILIES,
    MEANINGS,
    PUBLISHING,
    Expected,
    Verdict,
    inspect_destination,
    judge,
)
from immuta_assets.settings import parse_layouts

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = [date(2026, 3, 29), date(2026, 5, 4), date(2026, 10, 25)]
"""The clocks go forward, stay, and go back; at five they have done so."""
DAY = DAYS[1]
TABLE = "policy-metadata"
KEY = published_key("prpr2", TABLE)
TABLES = set(LAYOUTS["prpr2"].tables)
OLDER = set(LAYOUTS["prpr1"].tables)
SECOND = timedelta(seconds=1)

Damage = Callable[[Store, Path, date], object]
Found = dict[Verdict, set[str]]


def expected(layouts: str = "prpr2") -> Expected:
    return Expected(parse_layouts(layouts), BERLIN)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment of a day in Berlin, in UTC."""
    return datetime.combine(day, time(hour, minute), BERLIN).astimezone(UTC)


def export_date(day: date) -> datetime:
    """Ten past five in Berlin, as files show it."""
    return at(day, 5, 10).replace(tzinfo=None)


def publish(store: Store, folder: Path, day: date, *versions: str) -> None:
    publish_sets(store, folder, export_date(day), *versions)


def put_other_bytes(store: Store, folder: Path, day: date) -> None:
    store.put_file(written(folder, "prpr2", export_date(day))["domain-metadata"], KEY)


def put_another_export(store: Store, folder: Path, day: date) -> None:
    store.put_file(written(folder, "prpr2", export_date(day) - timedelta(days=1))[TABLE], KEY)


DAMAGES: dict[str, tuple[Damage, Found]] = {
    "missing": (lambda store, _, __: store.delete(KEY), {Verdict.MISSING: {TABLE}}),
    "altered": (put_other_bytes, {Verdict.ALTERED: {TABLE}}),
    "unreadable": (lambda store, _, __: store.put_bytes(KEY, store.read(KEY)[:-20]), {Verdict.UNREADABLE: {TABLE}}),
    "partial": (put_another_export, {Verdict.PARTIAL: {TABLE}, Verdict.OVERDUE: {TABLE}}),
    "superseded": (lambda store, folder, day: publish(store, folder, day, "prpr1"), {Verdict.SUPERSEDED: OLDER}),
}


@pytest.fixture
def published(tmp_path: Path) -> Store:
    """A folder with a complete set of prpr2 of DAY."""
    store = open_store(str(tmp_path / "published"))
    publish(store, tmp_path, DAY)
    return store


def verdicts(store: Store, now: datetime, layouts: str = "prpr2") -> Found:
    files = judge(inspect_destination(store), expected(layouts), now).files
    found = {verdict: {file.table for file in files if verdict in file.verdicts} for verdict in Verdict}
    return {verdict: tables for verdict, tables in found.items() if tables}


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_has_its_verdict_on_every_day_until_it_is_repaired(tmp_path: Path, damage: str, day: date) -> None:
    store = open_store(str(tmp_path / "published"))
    publish(store, tmp_path, day)
    assert verdicts(store, at(day, 7)) == {}
    harm, found = DAMAGES[damage]
    harm(store, tmp_path, day)
    assert verdicts(store, at(day, 7)) == found
    publish(store, tmp_path, day)
    assert verdicts(store, at(day, 7)).keys() == found.keys() & {Verdict.SUPERSEDED}


@pytest.mark.parametrize("kind", ["s3", "adls"])
def test_every_cloud_gives_the_same_verdicts(
    kind: str, destinations: dict[str, Callable[[], str]], impatient: StoreOptions, tmp_path: Path
) -> None:
    store = open_store(destinations[kind](), impatient)
    publish(store, tmp_path, DAY)
    assert verdicts(store, at(DAY, 7)) == {}
    for harm, found in DAMAGES.values():
        harm(store, tmp_path, DAY)
        assert verdicts(store, at(DAY, 7)) == found
        publish(store, tmp_path, DAY)
    assert verdicts(store, at(DAY + timedelta(days=1), 7))[Verdict.OVERDUE] == TABLES


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_a_set_is_overdue_from_seven_local_time_of_the_next_day_on(tmp_path: Path, day: date) -> None:
    store = open_store(str(tmp_path / "published"))
    publish(store, tmp_path, day - timedelta(days=1))
    assert verdicts(store, at(day, 7) - SECOND) == {}
    assert verdicts(store, at(day, 7)) == {Verdict.OVERDUE: TABLES}
    publish(store, tmp_path, day)
    assert verdicts(store, at(day, 7)) == verdicts(store, at(day + timedelta(days=1), 7) - SECOND) == {}


def test_everything_is_missing_where_nothing_was_ever_published(tmp_path: Path) -> None:
    assert verdicts(open_store(str(tmp_path / "nothing")), at(DAY, 7)) == {Verdict.MISSING: TABLES}


def test_the_same_bytes_written_again_are_fine(published: Store) -> None:
    published.put_bytes(KEY, published.read(KEY))
    assert verdicts(published, at(DAY, 7)) == {}


def test_files_without_a_manifest_are_partial(published: Store) -> None:
    published.delete(manifest_key("prpr2"))
    assert verdicts(published, at(DAY, 7)) == {Verdict.PARTIAL: TABLES}


def test_files_whose_manifest_is_damaged_are_unreadable(published: Store) -> None:
    published.put_bytes(manifest_key("prpr2"), b"{}")
    judgement = judge(inspect_destination(published), expected(), at(DAY, 7))
    assert judgement.verdicts == {Verdict.UNREADABLE}
    assert "is damaged" in str(judgement.error)


@pytest.fixture
def switching(published: Store, tmp_path: Path) -> Store:
    """A destination whose publication of the next day died after the first of its files was switched."""
    before = read_tagged_manifest(published, "prpr2")
    publish_sets(open_store(str(tmp_path / "next")), tmp_path, export_date(DAY + timedelta(days=1)))
    manifest = read_tagged_manifest(open_store(str(tmp_path / "next")), "prpr2").manifest
    assert manifest is not None
    intent = transaction.intend(published, manifest, before)
    transaction.stage(published, intent, written(tmp_path, "prpr2", manifest.export_date))
    transaction.claim(published, intent)
    published.move(intent.staged[TABLE], KEY)
    return published


def test_a_publication_that_goes_on_is_no_incident(switching: Store) -> None:
    assert judge(inspect_destination(switching), expected(), datetime.now(UTC)).verdicts <= {Verdict.OVERDUE}


def test_a_publication_that_died_leaves_a_partial_set(switching: Store) -> None:
    found = judge(inspect_destination(switching), expected(), datetime.now(UTC) + PUBLISHING)
    assert {file.table for file in found.files if Verdict.PARTIAL in file.verdicts} == TABLES


def test_the_layout_of_a_parallel_period_is_current_on_its_last_day_and_superseded_then(
    published: Store, tmp_path: Path
) -> None:
    layouts, tomorrow = "prpr1:2026-05-04,prpr2", DAY + timedelta(days=1)
    publish(published, tmp_path, DAY, "prpr1")
    assert verdicts(published, at(tomorrow, 7) - SECOND, layouts) == {}
    publish(published, tmp_path, tomorrow)
    assert verdicts(published, at(tomorrow, 7), layouts) == {Verdict.SUPERSEDED: OLDER}


def test_a_layout_that_is_chosen_and_not_published_is_missing(published: Store) -> None:
    assert verdicts(published, at(DAY, 7), "prpr1,prpr2") == {Verdict.MISSING: OLDER}


def test_a_contract_that_changed_since_is_told_and_is_no_reason_for_alarm(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "published"))
    publish_sets(store, tmp_path, export_date(DAY), contract="older")
    judgement = judge(inspect_destination(store), expected(), at(DAY, 7))
    assert judgement.outdated == [
        "Layout prpr2 was published by another contract than the one in the code: export the day again."
    ]
    assert choose_exit_code(Health([judgement], expected())) == FINE


def test_the_newest_layout_that_is_not_active_is_told(published: Store) -> None:
    outdated = judge(inspect_destination(published), expected("prpr1,prpr2:2026-05-04"), at(DAY, 7)).outdated
    assert [sentence for sentence in outdated if "not active" in sentence]


def test_a_dump_that_leads_belongs_to_the_day_that_opens(published: Store, tmp_path: Path) -> None:
    leading = expected()._replace(dump_lead=timedelta(hours=1))
    before_five = at(DAY + timedelta(days=1), 4, 30).replace(tzinfo=None)
    publish_sets(published, tmp_path, before_five)
    now = at(DAY + timedelta(days=1), 7)
    assert judge(inspect_destination(published), leading, now).verdicts == set()
    assert judge(inspect_destination(published), expected(), now).verdicts == {Verdict.OVERDUE}


def test_a_destination_that_does_not_answer_is_unknown(
    impatient: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHETEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
    (judgement,) = judge_destinations(
        ["s3://bucket"], lambda address: open_store(address, impatient), expected(), at(DAY, 7)
    )
    assert judgement.verdicts == {Verdict.UNKNOWN}
    assert isinstance(judgement.error, UnavailableError)
    assert choose_exit_code(Health([judgement], expected())) == STALE
    assert "secret-of-the-test" not in str(build_report(Health([judgement], expected())))


def test_an_address_that_is_none_could_not_be_told(impatient: StoreOptions) -> None:
    (judgement,) = judge_destinations(
        ["ftp://user:secret@host"], lambda address: open_store(address, impatient), expected(), at(DAY, 7)
    )
    assert judgement.verdicts == {Verdict.UNKNOWN}
    assert choose_exit_code(Health([judgement], expected())) == UNKNOWN
    assert "secret" not in str(build_report(Health([judgement], expected())))


def test_status_tells_each_file_and_what_to_do(published: Store) -> None:
    published.delete(KEY)
    judgements = [judge(inspect_destination(published), expected(), at(DAY, 7))]
    assert choose_exit_code(Health(judgements, expected())) == STALE
    told = {row.table: (row.verdict, row.export_date) for row in list_files(Health(judgements, expected()))}
    assert told.pop(TABLE) == ("missing", "")
    assert set(told.values()) == {("fine", "2026-05-04 03:10:00 UTC")}
    sentences = describe_problems(Health(judgements, expected()))
    assert sentences[0] == f"{published.uri}: Missing, 1 of the files: nothing lies there (prpr2/{TABLE})."
    assert any("republish" in sentence for sentence in sentences)


def test_status_of_a_complete_set_says_nothing_besides_the_files(published: Store) -> None:
    health = Health([judge(inspect_destination(published), expected(), at(DAY, 7))], expected())
    assert build_report(health) == {
        "fine": True,
        "files": [row._asdict() for row in list_files(health)],
        "ingestion": [],
        "notes": [],
    }


def test_every_verdict_has_a_meaning_and_belongs_to_one_check() -> None:
    assert list(MEANINGS) == list(Verdict)
    assert sorted(verdict for family in FAMILIES.values() for verdict in family.verdicts) == sorted(Verdict)
