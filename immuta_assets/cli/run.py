"""What commands need to start a run: Dagster's instance, the store that is kept, the connections, the progress.

Add here what two commands that start runs share. What a run does, and what its result is, belongs to
``orchestration.run``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from immuta_assets.cli import console
from immuta_assets.settings import Settings, SettingsError

if TYPE_CHECKING:
    import dagster as dg

    from immuta_assets.orchestration.run import Step
    from immuta_assets.platforms.connection import Connection


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """Give the instance of ``DAGSTER_HOME``, or without that one which forgets everything in the end."""
    import dagster as dg  # noqa: PLC0415

    home = os.environ.get("DAGSTER_HOME")
    if home and not (Path(home).is_absolute() and Path(home).is_dir()):
        msg = f"DAGSTER_HOME is {home!r}; allowed is the absolute path of an existing folder."
        raise SettingsError(msg)
    with dg.DagsterInstance.get() if home else dg.DagsterInstance.ephemeral() as instance:
        yield instance


@contextmanager
def keep_store(settings: Settings) -> Iterator[Settings]:
    """Keep the assets' files for this call only, unless there is an instance or a store to keep them for."""
    if "store" in settings.model_fields_set or os.environ.get("DAGSTER_HOME"):
        yield settings
        return
    with TemporaryDirectory(prefix="immuta-assets-") as folder:
        yield settings.model_copy(update={"store": folder})


def load_connections(settings: Settings) -> dict[str, Connection]:
    """Return the connections of the settings by name, in the order of their file."""
    from immuta_assets.platforms import connections  # noqa: PLC0415

    return {each.name: each for each in connections.load(settings.connections, os.environ)}


def find_connection(settings: Settings, name: str) -> Connection:
    """Return the connection that ``--connection`` names, or raise ``SettingsError`` with those that there are."""
    known = load_connections(settings)
    if name not in known:
        msg = f"--connection is {name!r}; allowed is one of {', '.join(known)} ({settings.connections})."
        raise SettingsError(msg)
    return known[name]


def tell_step(step: Step) -> None:
    """Print that a step of a run is finished."""
    console.tell(f"{step.number:>3}/{step.total} {step.name}")
