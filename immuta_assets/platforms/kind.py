"""What every kind of connection can do: be read, be counted, and say where its events come from.

A kind is one object of this class, in the package of its platform; ``registry`` lists them. Add a field when every kind
must be able to do something more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from immuta_assets.platforms.connection import Connection
from immuta_assets.platforms.hour import Counted, Hour
from immuta_assets.platforms.origin import Origin

ReadHour = Callable[[datetime, Path, datetime], Hour]
"""Reads an hour, by its start, by way of files in a spool folder, as far as it had come at a moment."""

AnyConnection = TypeVar("AnyConnection", bound=Connection)


@dataclass(frozen=True)
class ConnectionKind(Generic[AnyConnection]):
    """A kind of connection: its keys in the file of connections, and what can be done with one."""

    model: type[AnyConnection]
    open_reader: Callable[[AnyConnection], AbstractContextManager[ReadHour]]
    """Gives the function that reads hours; what it holds open is closed after them."""
    count_hours: Callable[[AnyConnection, datetime, datetime, datetime], dict[datetime, Counted]]
    """Counts hours from a moment until another, as far as they had come at a third."""
    make_origin: Callable[[AnyConnection, str], Origin]
    """Says where events come from, for the id of the tenant."""
