"""What the command line prints, and how it ends: shared by ``cli`` and the groups of commands in files of their own.

Results go to standard output, everything else to standard error. Add what more than one group of commands needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from immuta_assets.settings import SettingsError

CHECK_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
WIDTH_OF_PIPES = 200


@contextmanager
def errors_told() -> Iterator[None]:
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
    """Tell each line of ``message`` as an error and exit with ``code``."""
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


def table(text: str, *more: str, numbers: Iterable[str] = (), title: str | None = None) -> Table:
    """Return an empty table with a heading per column; texts after the first one may wrap, numbers come last."""
    made = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), show_edge=False)
    made.add_column(text, no_wrap=True)
    for heading in more:
        made.add_column(heading, overflow="fold")
    for heading in numbers:
        made.add_column(heading, justify="right", no_wrap=True)
    return made
