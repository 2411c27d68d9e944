"""Durations as people write them: one grammar for settings, connections and the command line.

Add here what every duration has in common. Which durations are allowed belongs to whoever reads one.
"""

from __future__ import annotations

import re
from datetime import timedelta

from immuta_assets.secrets import quote_value

EXAMPLES = "30m, 1h30m, 2d or PT2H"
"""The forms of a duration, for people."""

_FORMS = (
    r"(?=\d)(?:(?P<days>\d{1,4})d)?(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,4})m)?",
    r"P(?=.*\d)(?:(?P<days>\d{1,4})D)?(?:T(?=\d)(?:(?P<hours>\d{1,4})H)?(?:(?P<minutes>\d{1,4})M)?(?:(?P<seconds>\d{1,5})S)?)?",
    "0",
)


def parse_duration(text: str) -> timedelta:
    """Parse days, hours and minutes in this order, each at most once: ``2d``, ``1h30m``; also ISO 8601, and ``0``.

    Raises ``ValueError`` with one sentence for anything else, such as a number without unit or one below 0.
    """
    found = next((found for form in _FORMS if (found := re.fullmatch(form, text, re.ASCII))), None)
    if found is None:
        msg = f"{quote_value(text)} is no duration; allowed is one such as {EXAMPLES}."
        raise ValueError(msg)
    return timedelta(**{unit: int(count) for unit, count in found.groupdict().items() if count})
