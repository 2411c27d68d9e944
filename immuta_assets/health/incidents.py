"""Incidents: when people get a message about a problem, a reminder, and the message that it is over.

A message is due when a problem appears and whenever its description changes, again after an interval while nothing
changes, and once when it ends. What a problem is, and how a message travels, is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple


class Incident(NamedTuple):
    """A problem that goes on: since when, the description sent last, when that was, and how often (UTC).

    Sensors keep incidents between their ticks as arrays: append a field, and give it a default.
    """

    since: datetime
    description: str
    sent_at: datetime
    times: int = 1


class IncidentChange(NamedTuple):
    """A message that is due about a subject now."""

    subject: str
    kind: Literal["opened", "changed", "reminder", "resolved"]
    incident: Incident


def find_changes(
    open_incidents: Mapping[str, Incident], problems: Mapping[str, str], now: datetime, every: timedelta
) -> Iterator[IncidentChange]:
    """Compare the problems of now (subject → description) with the incidents that are open.

    An incident that a change carries is how it stands once the message is sent.
    """
    for subject, description in problems.items():
        before = open_incidents.get(subject)
        if before is None:
            yield IncidentChange(subject, "opened", Incident(now, description, now))
        elif description != before.description:
            yield IncidentChange(subject, "changed", _renew(before, description, now))
        elif now - before.sent_at >= every:
            yield IncidentChange(subject, "reminder", _renew(before, description, now))
    for subject, before in open_incidents.items():
        if subject not in problems:
            yield IncidentChange(subject, "resolved", before)


def _renew(before: Incident, description: str, now: datetime) -> Incident:
    return Incident(before.since, description, now, before.times + 1)


def apply_changes(open_incidents: Mapping[str, Incident], sent: Iterable[IncidentChange]) -> dict[str, Incident]:
    """Return the incidents that are open once these messages were sent; a message that was not sent stays due."""
    incidents = dict(open_incidents)
    for change in sent:
        if change.kind == "resolved":
            del incidents[change.subject]
        else:
            incidents[change.subject] = change.incident
    return incidents
