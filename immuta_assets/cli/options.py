"""Options that several commands take, and how their values are read.

Add an option here when a second command takes it. An option of one command stays in that command's module.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from immuta_assets.settings import SettingsError

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
Hour = Annotated[str | None, typer.Option(metavar="HOUR", help="One hour by its start in UTC, such as 2026-11-20T05.")]


def parse_hour(text: str) -> str:
    """Return the partition key of an hour that is given as 2026-11-20T05; raise ``SettingsError`` for another form."""
    from immuta_assets.datasets.hours import format_hour_key  # noqa: PLC0415

    try:
        return format_hour_key(datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC))
    except ValueError as error:
        msg = f"--hour is {text!r}; allowed is the start of an hour in UTC such as 2026-11-20T05."
        raise SettingsError(msg) from error


def drop_absent(**options: object) -> dict[str, object]:
    """Return the options that were given: what is left out keeps the value of its setting."""
    return {name: value for name, value in options.items() if value is not None}
