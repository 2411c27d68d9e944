"""Doctor of Dagster: whether the instance works, and whether daemons run and schedules and sensors are on.

Add here what only the instance or the definitions can answer. Everything else is tried in ``health.doctor``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from immuta_assets.definitions import build_graph
from immuta_assets.health.doctor import Diagnosis
from immuta_assets.settings import Settings, SettingsError


def diagnose_dagster(settings: Settings, home: str | None) -> Iterator[Diagnosis]:
    """Try the instance of ``home`` (the variable DAGSTER_HOME) with what the settings define."""
    if missing := _find_fault_of_home(home):
        yield Diagnosis("Dagster: instance", ok=False, missing=missing)
        return
    try:
        instance = dg.DagsterInstance.get()
    except Exception as error:  # noqa: BLE001  # as in _try_storage
        missing = f"It cannot be opened ({type(error).__name__}): correct {home}/dagster.yaml."
        yield Diagnosis("Dagster: instance", ok=False, missing=missing)
        return
    with instance:
        yield from diagnose_instance(instance)
        yield from diagnose_automation(instance, settings)


def _find_fault_of_home(home: str | None) -> str:
    if not home:
        return (
            "DAGSTER_HOME is not set, so there are no schedules and no alerts, and runs leave no trace: set it to the "
            "absolute path of the folder with dagster.yaml."
        )
    if not (Path(home).is_absolute() and Path(home).is_dir()):
        return f"DAGSTER_HOME is {home!r}; allowed is the absolute path of an existing folder."
    return ""


def diagnose_instance(instance: dg.DagsterInstance) -> Iterator[Diagnosis]:
    """Look whether the instance's storage answers, and which daemons have not been heard of lately."""
    storage = _try_storage(instance)
    yield storage
    if storage.ok:
        for name, status in sorted(instance.get_daemon_statuses().items()):
            missing = "" if status.healthy else f"The daemon {name} does not run: start `dagster-daemon run`."
            yield Diagnosis(f"Dagster: daemon {name}", ok=bool(status.healthy), missing=missing)


def _try_storage(instance: dg.DagsterInstance) -> Diagnosis:
    try:
        instance.get_runs_count()
    except Exception as error:  # noqa: BLE001  # every database has errors of its own, which may show its password
        missing = f"It does not answer ({type(error).__name__}): look at the section storage of dagster.yaml."
        return Diagnosis("Dagster: storage", ok=False, missing=missing)
    return Diagnosis("Dagster: storage", ok=True)


def diagnose_automation(instance: dg.DagsterInstance, settings: Settings) -> Iterator[Diagnosis]:
    """Look whether what the settings define can be loaded, and which of its schedules and sensors are off."""
    try:
        repository = build_graph(settings).get_repository_def()
    except SettingsError as error:
        missing = f"They cannot be loaded, so nothing runs by itself: {' '.join(str(error).splitlines())}"
        yield Diagnosis("Dagster: definitions", ok=False, missing=missing)
        return
    turned = {state.instigator_name: state.is_running for state in instance.all_instigator_state()}
    for schedule in repository.schedule_defs:
        is_on = turned.get(schedule.name, schedule.default_status is dg.DefaultScheduleStatus.RUNNING)
        yield _diagnose_switch("schedule", schedule.name, is_on=is_on)
    for sensor in repository.sensor_defs:
        is_on = turned.get(sensor.name, sensor.default_status is dg.DefaultSensorStatus.RUNNING)
        yield _diagnose_switch("sensor", sensor.name, is_on=is_on)


def _diagnose_switch(kind: str, name: str, *, is_on: bool) -> Diagnosis:
    missing = "" if is_on else f"The {kind} {name} is off: turn it on in Dagster's UI, under Automation."
    return Diagnosis(f"Dagster: {kind} {name}", ok=is_on, missing=missing)
