"""How the command line prints and ends: shared by all commands.

Results go to standard output, everything else to standard error. Add here what two commands print alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from immuta_assets.settings import SettingsError

if TYPE_CHECKING:
    from immuta_assets.orchestration.run import Check

CHECK_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
WIDTH_OF_PIPES = 200


@contextmanager
def report_errors() -> Iterator[None]:
    """Turn what an operator can put right into one line on standard error and an exit code."""
    try:
        yield
    except SettingsError as error:
        fail(BAD_INPUT, str(error))
    except BrokenPipeError:
        # Whoever reads has enough; Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        fail(BAD_INPUT, f"{error.filename or 'Input or output'}: {error.strerror or error}.")
    except KeyboardInterrupt:
        fail(INTERRUPTED, "Interrupted.")


def fail(code: int, message: str) -> NoReturn:
    """Print each line of ``message`` as an error and exit with ``code``."""
    for line in message.splitlines():
        tell(f"Error: {line}", style="red")
    raise typer.Exit(code)


def tell(line: str, style: str = "") -> None:
    """Print a line to standard error."""
    Console(stderr=True).print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def show(output: Table | str) -> None:
    """Print a result to standard output, on lines wide enough for a table where nobody looks at a terminal."""
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=WIDTH_OF_PIPES)
    console.print(output, markup=False, highlight=False, soft_wrap=isinstance(output, str))


def make_table(text: str, *more: str, numbers: Iterable[str] = (), title: str | None = None) -> Table:
    """Return an empty table with a heading per column; texts after the first one may wrap, numbers come last."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(text, no_wrap=True)
    for heading in more:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def show_warnings(checks: Iterable[Check]) -> None:
    """Print the checks that did not pass."""
    warnings = [f"  {check.asset} {check.name}: {check.description}" for check in checks if check.status != "passed"]
    show("\n".join([f"{len(warnings):,} warning{'' if len(warnings) == 1 else 's'}", *warnings]))


def show_next(*commands: str) -> None:
    """Print the commands to run next."""
    show("\n".join(["Next:", *(f"  {command}" for command in commands)]))


def find_command(name: str) -> str:
    """Return the path of a command in Python's own folder, relative where it lies below the working directory."""
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def format_duration(duration: timedelta) -> str:
    """Return a duration in hours and minutes, such as 25h10m."""
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return f"{hours:,}h{minutes:02}m"
