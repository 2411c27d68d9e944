"""Incidents: when somebody is told of a problem, again, and that it is over.

A problem is told when it appears and whenever what is told of it changes, again after an interval while nothing
changes, and its end is told once. What a problem is, and how a message travels, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple


class Incident(NamedTuple):
    """A problem that goes on: since when, what was told of it last, when, and how often (UTC)."""

    since: datetime
    told: str
    told_at: datetime
    times: int = 1


class Change(NamedTuple):
    """What is to be told of a subject now."""

    subject: str
    kind: Literal["opened", "changed", "reminder", "resolved"]
    incident: Incident


def changes(
    open_incidents: Mapping[str, Incident], problems: Mapping[str, str], now: datetime, every: timedelta
) -> Iterator[Change]:
    """Compare the problems of now (subject → what is told of it) with the incidents that are open.

    An incident that a change carries is how it stands once that was told.
    """
    for subject, told in problems.items():
        before = open_incidents.get(subject)
        if before is None:
            yield Change(subject, "opened", Incident(now, told, now))
        elif told != before.told:
            yield Change(subject, "changed", Incident(before.since, told, now, before.times + 1))
        elif now - before.told_at >= every:
            yield Change(subject, "reminder", Incident(before.since, told, now, before.times + 1))
    for subject, before in open_incidents.items():
        if subject not in problems:
            yield Change(subject, "resolved", before)


def after(open_incidents: Mapping[str, Incident], told: Iterable[Change]) -> dict[str, Incident]:
    """Return the incidents that are open once these changes were told; a change that was not told stays to be told."""
    incidents = dict(open_incidents)
    for change in told:
        if change.kind == "resolved":
            del incidents[change.subject]
        else:
            incidents[change.subject] = change.incident
    return incidents
