"""Lives of layouts: which versions a deployment publishes on an export day, and whether that is still a good choice.

A choice is written ``prpr1:2027-01-31,prpr2``: prpr1 runs in parallel up to that export day and on it, prpr2 is active.
How a choice is written is known to ``settings``, what a layout holds to ``layouts.versions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal, NamedTuple

from immuta_assets.secrets import quote_value
from immuta_assets.settings import LayoutChoice, Settings, SettingsError, describe_wrong_value


class Life(NamedTuple):
    """Where a version stands on a day: active, parallel until a day, or retired (it gets no files)."""

    state: Literal["active", "parallel", "retired"]
    until: date | None = None

    def __str__(self) -> str:
        return f"{self.state} until {self.until}" if self.until else self.state


def choose_layouts(settings: Settings) -> tuple[LayoutChoice, ...]:
    """Return the choice of the settings; raises ``SettingsError`` where it cannot be followed, see ``check_choice``."""
    try:
        check_choice(settings.layouts)
    except ValueError as error:
        text = ",".join(map(str, settings.layouts))
        raise SettingsError(describe_wrong_value("IMMUTA_ASSETS_LAYOUTS", text)) from error
    return settings.layouts


def check_choice(choice: Sequence[LayoutChoice]) -> None:
    """Raise ``ValueError`` with one sentence for an unknown or repeated version, and where none stays for good."""
    from immuta_assets.layouts.versions import find_layout  # noqa: PLC0415  # loads Polars, for which --help must not wait

    versions = [find_layout(layout.version).version for layout in choice]
    repeated = [version for version in dict.fromkeys(versions) if versions.count(version) > 1]
    if repeated:
        msg = f"{repeated[0]} is chosen more than once; name it once, with or without a date."
        raise ValueError(msg)
    if all(layout.until for layout in choice):
        text = quote_value(",".join(map(str, choice)))
        msg = f"{text} leaves no layout once its dates have passed; name the one that stays without a date."
        raise ValueError(msg)


def life(version: str, choice: Sequence[LayoutChoice], day: date) -> Life:
    """Return the life of a version on an export day; one that is not chosen, or whose period is over, is retired."""
    untils = {layout.version: layout.until for layout in choice}
    until = untils.get(version)
    if until is None:
        return Life("active" if version in untils else "retired")
    return Life("parallel", until) if day <= until else Life("retired")


def published_on(choice: Sequence[LayoutChoice], day: date) -> list[str]:
    """Return the versions that get files on an export day, in the order of the choice."""
    return [layout.version for layout in choice if life(layout.version, choice, day).state != "retired"]


def stale_layouts(choice: Sequence[LayoutChoice], day: date, newest_in_code: str) -> list[str]:
    """Say what is outdated about a choice on an export day, a sentence each with what to do; empty where nothing is."""
    return list(_stale(choice, day, newest_in_code))


def _stale(choice: Sequence[LayoutChoice], day: date, newest: str) -> Iterator[str]:
    setting = f"IMMUTA_ASSETS_LAYOUTS ({','.join(map(str, choice))})"
    if life(newest, choice, day).state != "active":
        yield f"Layout {newest} is the newest, but not active: name it without a date in {setting}."
    for layout in choice:
        if layout.until and layout.until < day:
            yield (
                f"The parallel period of layout {layout.version} ended on {layout.until}, and its files are no longer "
                f"renewed: remove it from {setting}."
            )
