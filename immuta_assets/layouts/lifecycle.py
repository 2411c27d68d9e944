"""Lives of layouts: which versions a deployment publishes on an export day, and whether that is still a good choice.

A choice is written ``prpr1:2027-01-31,prpr2``: prpr1 runs in parallel up to that export day and on it, prpr2 is active.
What a layout holds belongs to ``layouts``. Settings need this module before anything heavy is loaded: it stays light.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal, NamedTuple

LONGEST_VALUE = 60


class ChosenLayout(NamedTuple):
    """A version that a deployment publishes: for good, or until an export day and on it."""

    version: str
    until: date | None = None

    def __str__(self) -> str:
        return f"{self.version}:{self.until}" if self.until else self.version


class Life(NamedTuple):
    """Where a version stands on a day: active, parallel until a day, or retired (it gets no files)."""

    state: Literal["active", "parallel", "retired"]
    until: date | None = None

    def __str__(self) -> str:
        return f"{self.state} until {self.until}" if self.until else self.state


def chosen(text: str) -> tuple[ChosenLayout, ...]:
    """Parse versions separated by commas, each perhaps with ``:`` and the last export day of its parallel period.

    Raises ``ValueError`` with one sentence for an unknown or repeated version, a wrong date, and where none stays.
    """
    layouts = tuple(_chosen(part.strip()) for part in text.split(","))
    versions = [layout.version for layout in layouts]
    repeated = [version for version in dict.fromkeys(versions) if versions.count(version) > 1]
    if repeated:
        msg = f"{repeated[0]} is chosen more than once; name it once, with or without a date."
        raise ValueError(msg)
    if all(layout.until for layout in layouts):
        msg = f"{_shown(text)} leaves no layout once its dates have passed; name the one that stays without a date."
        raise ValueError(msg)
    return layouts


def life(version: str, choice: Sequence[ChosenLayout], day: date) -> Life:
    """Return the life of a version on an export day; one that is not chosen, or whose period is over, is retired."""
    untils = {layout.version: layout.until for layout in choice}
    until = untils.get(version)
    if until is None:
        return Life("active" if version in untils else "retired")
    return Life("parallel", until) if day <= until else Life("retired")


def published_on(choice: Sequence[ChosenLayout], day: date) -> list[str]:
    """Return the versions that get files on an export day, in the order of the choice."""
    return [layout.version for layout in choice if life(layout.version, choice, day).state != "retired"]


def stale_layouts(choice: Sequence[ChosenLayout], day: date, newest_in_code: str) -> list[str]:
    """Say what is outdated about a choice on an export day, a sentence each with what to do; empty where nothing is."""
    return list(_stale(choice, day, newest_in_code))


def _stale(choice: Sequence[ChosenLayout], day: date, newest: str) -> Iterator[str]:
    setting = f"IMMUTA_ASSETS_LAYOUTS ({','.join(map(str, choice))})"
    if life(newest, choice, day).state != "active":
        yield f"Layout {newest} is the newest, but not active: name it without a date in {setting}."
    for layout in choice:
        if layout.until and layout.until < day:
            yield (
                f"The parallel period of layout {layout.version} ended on {layout.until}, and its files are no longer "
                f"renewed: remove it from {setting}."
            )


def _chosen(part: str) -> ChosenLayout:
    from immuta_assets.layouts.versions import named  # noqa: PLC0415  # loads Polars, for which --help must not wait

    version, colon, until = part.partition(":")
    return ChosenLayout(named(version).version, _day(until, part) if colon else None)


def _day(text: str, part: str) -> date:
    """Parse a day as it is written everywhere else; ISO's other forms would be read differently by people."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        msg = f"{_shown(part)} names no date; a parallel period ends on a day such as 2027-01-31."
        raise ValueError(msg)
    return day


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…")
