"""Time and memory of one piece of work, in a process of its own.

Linux only: memory is the resident set of /proc. What is measured belongs to the scripts, how it is shown to ``report``.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MEMORY_LIMIT = 16_500
"""Megabytes at which a process is stopped, before the machine stops something else."""
TIME_LIMIT = 900
"""Seconds after which a process is stopped."""


class Cost(NamedTuple):
    """What a piece of work took.

    Wall time, processor time over all cores, which other work on the machine hardly changes, and the peak of memory
    above the inputs loaded before it.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float


class StoppedError(Exception):
    """A process that reached a limit or failed; the message says which."""


class Meter:
    """Measures pieces of work one after the other, each against the memory at the time the meter was made."""

    def __init__(self) -> None:
        self._base = _read_memory("self", "VmRSS")

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, Cost]:
        """Do the work; return its result and its cost."""
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
        start, cpu_start = perf_counter(), process_time()
        result = work(*args, **kwargs)
        seconds, cpu_seconds = perf_counter() - start, process_time() - cpu_start
        return result, Cost(seconds, cpu_seconds, max(0.0, _read_memory("self", "VmHWM") - self._base))


def run_alone(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the work in a fresh process and return its result; raises ``StoppedError`` where it does not finish."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, work, args, kwargs))
    process.start()
    sender.close()
    try:
        return _await_result(process, receiver)
    finally:
        process.kill()
        process.join()


def _answer(
    sender: Connection, work: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    sender.send(work(*args, **kwargs))


def _await_result(process: BaseProcess, receiver: Connection) -> T:  # type: ignore[type-var]  # what the pipe brings
    deadline = monotonic() + TIME_LIMIT
    while not receiver.poll(0.1):
        if _read_memory(process.pid or "self", "VmRSS") > MEMORY_LIMIT:
            message = f"stopped at {MEMORY_LIMIT:,} MB"
            raise StoppedError(message)
        if monotonic() > deadline:
            message = f"stopped after {TIME_LIMIT:,} s"
            raise StoppedError(message)
    try:
        return receiver.recv()  # type: ignore[no-any-return]
    except EOFError as error:
        message = "failed; its traceback is above"
        raise StoppedError(message) from error


def _read_memory(process: int | str, key: str) -> float:
    """Return a figure of /proc/<process>/status in MB; 0 for a process that has just ended."""
    found = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else 0.0
