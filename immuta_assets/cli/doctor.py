"""The command ``immuta-assets doctor``: everything that the settings name is tried, and what is missing is said.

What is tried belongs to ``health.doctor``, and to ``orchestration.doctor`` where Dagster is needed for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from immuta_assets.cli import console
from immuta_assets.cli.options import Json
from immuta_assets.settings import Settings, load

if TYPE_CHECKING:
    from immuta_assets.health.doctor import Diagnosis

Notify = Annotated[
    bool, typer.Option("--notify", help="Send a test message to every address of IMMUTA_ASSETS_NOTIFY, too.")
]


def diagnose(*, notify: Notify = False, as_json: Json = False) -> None:
    """Try the tenant dump, destinations, store, connections, notifications and Dagster, and say what is missing.

    Exits with 1 where something is missing. What is tried at destinations and store is removed again.
    """
    with console.report_errors():
        diagnoses = []
        for diagnosis in _try_everything(load(), notify=notify):
            diagnoses.append(diagnosis)
            if not as_json:
                console.show(f"{diagnosis.what}: {diagnosis.missing or 'ok'}")
        if as_json:
            typer.echo(json.dumps([each._asdict() for each in diagnoses], indent=2, ensure_ascii=False))
        raise typer.Exit(0 if all(each.ok for each in diagnoses) else 1)


def _try_everything(settings: Settings, *, notify: bool) -> Iterator[Diagnosis]:
    """Try whatever the settings name, one after the other."""
    from immuta_assets.health import doctor  # noqa: PLC0415
    from immuta_assets.orchestration.destinations import bind_open_store  # noqa: PLC0415
    from immuta_assets.orchestration.doctor import diagnose_dagster  # noqa: PLC0415
    from immuta_assets.platforms.registry import count_hours  # noqa: PLC0415

    yield from doctor.diagnose_settings(settings, bind_open_store(settings), count_hours, datetime.now(UTC))
    yield from doctor.diagnose_notifications(settings.notify, send=notify)
    yield from diagnose_dagster(settings, os.environ.get("DAGSTER_HOME"))
