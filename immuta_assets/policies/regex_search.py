"""Regular expressions of policies, searched in a process of their own, so that a hostile one cannot stop an export.

A search may take a second of processor time, which no useful expression needs; one that takes longer, or does not
compile, is reported as unusable. This file also runs as the program of that process, and so imports nothing of the
project. Only the search itself belongs here; what a match means is decided in ``targets``.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS_PER_SEARCH = 1.0


class Pattern(NamedTuple):
    """A regular expression of a policy, in Python's syntax."""

    regex: str
    ignore_case: bool


def search_names(patterns: Sequence[Pattern], names: Sequence[str]) -> list[list[int] | None]:
    """For each pattern, the positions of the names it is found in; None where the pattern is unusable."""
    if not patterns:
        return []
    request = json.dumps({"patterns": patterns, "names": names})
    answer = subprocess.run(  # noqa: S603 - this very file, run by this very interpreter
        [sys.executable, "-I", __file__], input=request, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    found: list[list[int] | None] = json.loads(answer.stdout)
    return found


class _TooLongError(Exception):
    """A search used up its processor time."""


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise _TooLongError


def _find_positions(pattern: Pattern, names: Sequence[str]) -> list[int] | None:
    try:
        compiled = re.compile(pattern.regex, re.IGNORECASE if pattern.ignore_case else 0)
        return [position for position, name in enumerate(names) if _is_match(compiled, name)]
    except (re.error, _TooLongError, RecursionError, OverflowError, MemoryError):
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _is_match(compiled: re.Pattern[str], name: str) -> bool:
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_PER_SEARCH)
    return compiled.search(name) is not None


def _main() -> None:
    signal.signal(signal.SIGVTALRM, _stop)
    request = json.load(sys.stdin)
    answer = [_find_positions(Pattern(*pattern), request["names"]) for pattern in request["patterns"]]
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
