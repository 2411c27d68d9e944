"""The doctor of Dagster looks at the instance, the daemons and what runs by itself, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
)

from immuta_assets.health.doctor import Diagnosis
from immuta_assets.orchestration.doctor import diagnose_automation, diagnose_dagster, diagnose_instance
from immuta_assets.settings import Settings

REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("immuta_assets"), "__repository__")


def turn_off(instance: dg.DagsterInstance, name: str) -> None:
    """Do what the UI's switch does."""
    is_schedule = name == "daily_export"
    instance.add_instigator_state(
        InstigatorState(
            RemoteInstigatorOrigin(REPOSITORY, name),
            InstigatorType.SCHEDULE if is_schedule else InstigatorType.SENSOR,
            InstigatorStatus.STOPPED,
            ScheduleInstigatorData("0 5 * * *") if is_schedule else SensorInstigatorData(),
        )
    )


def test_daemons_that_were_never_heard_of_are_named() -> None:
    with dg.instance_for_test() as instance:
        storage, *daemons = diagnose_instance(instance)
    assert storage == Diagnosis("Dagster: storage", ok=True)
    assert {each.what: each.missing for each in daemons}["Dagster: daemon SCHEDULER"] == (
        "The daemon SCHEDULER does not run: start `dagster-daemon run`."
    )


def test_an_installation_without_an_instance_is_a_diagnosis(settings: Settings) -> None:
    (found,) = diagnose_dagster(settings, None)
    assert (found.what, found.ok) == ("Dagster: instance", False)
    assert found.missing.startswith("DAGSTER_HOME is not set")


def test_a_home_that_is_no_folder_is_a_diagnosis_and_is_not_created(settings: Settings, tmp_path: Path) -> None:
    home = tmp_path / "mistyped"
    (found,) = diagnose_dagster(settings, str(home))
    assert found.missing == f"DAGSTER_HOME is {str(home)!r}; allowed is the absolute path of an existing folder."
    assert not home.exists()


def test_schedules_and_sensors_are_on_unless_somebody_turned_them_off(settings: Settings) -> None:
    with dg.instance_for_test() as instance:
        before = list(diagnose_automation(instance, settings))
        for name in ("daily_export", "failures"):
            turn_off(instance, name)
        off = {each.what: each.missing for each in diagnose_automation(instance, settings) if not each.ok}
    assert {"Dagster: schedule daily_export", "Dagster: sensor destinations"} <= {each.what for each in before}
    assert all(each.ok for each in before)
    assert off == {
        "Dagster: schedule daily_export": (
            "The schedule daily_export is off: turn it on in Dagster's UI, under Automation."
        ),
        "Dagster: sensor failures": "The sensor failures is off: turn it on in Dagster's UI, under Automation.",
    }


def test_what_was_turned_off_and_is_defined_no_more_is_no_diagnosis(settings: Settings) -> None:
    with dg.instance_for_test() as instance:
        turn_off(instance, "due_hours_gone")
        assert all(each.ok for each in diagnose_automation(instance, settings))


def test_definitions_that_cannot_be_loaded_are_a_diagnosis(settings: Settings) -> None:
    settings.connections.write_text("connections: [", "utf-8")
    with dg.instance_for_test() as instance:
        (found,) = diagnose_automation(instance, settings)
    assert (found.what, found.ok) == ("Dagster: definitions", False)
    assert "is not valid YAML" in found.missing
