"""Notifications: how a message reaches people, by any service that apprise speaks, or else by the log.

Add here what concerns the way of a message. What it says, and when it is sent, belongs to ``incidents`` and to the
sensors. A message holds nothing about a person: errors pass through ``redact_people``. Addresses hold secrets and are
shown nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple, Protocol

from pydantic import SecretStr

Kind = Literal["info", "success", "warning", "failure"]

_TALKATIVE = ("apprise", "urllib3.connectionpool", "requests_oauthlib")
"""Loggers that may show an address, or the part of it that is the secret."""


class Message(NamedTuple):
    """A notification: one line as title, and text."""

    title: str
    body: str
    kind: Kind = "failure"


class Log(Protocol):
    """What a logger must be able to do here."""

    def warning(self, msg: object, *args: object) -> None:
        """Log a warning."""


class NotifyError(Exception):
    """An address that cannot be used; one sentence that names its place in the list and never shows it."""


class Notifier:
    """Sends messages to addresses in apprise's form; without any, the log alone gets them."""

    def __init__(self, addresses: Sequence[SecretStr] = ()) -> None:
        """Take the addresses; raise ``NotifyError`` for one of a form that apprise does not know."""
        self._addresses = tuple(addresses)
        for place, address in enumerate(addresses, start=1):
            if not _is_usable(address):
                msg = (
                    f"Address {place} of {len(addresses)} in IMMUTA_ASSETS_NOTIFY (not shown, since it holds secrets) "
                    f"cannot be used; allowed are addresses in the form of apprise, such as mailto:// or slack://."
                )
                raise NotifyError(msg)

    def __repr__(self) -> str:
        """Show how many addresses there are, and none of them."""
        return f"Notifier({len(self._addresses):,} addresses)"

    def deliver(self, message: Message) -> list[int]:
        """Send a message to every address; return the places (from 1) of those that it did not reach."""
        return [place for place, address in enumerate(self._addresses, start=1) if not _send(address, message)]

    def send(self, message: Message, log: Log) -> bool:
        """Log a message and send it to every address; return whether it reached anybody; else send it again."""
        log.warning("%s\n%s", message.title, message.body)
        failed = self.deliver(message)
        if failed:
            places = " and ".join(map(str, failed))
            log.warning("The notification did not reach address %s in IMMUTA_ASSETS_NOTIFY.", places)
        return len(failed) < max(len(self._addresses), 1)


def _is_usable(address: SecretStr) -> bool:
    from apprise import Apprise  # noqa: PLC0415  # loads hundreds of services

    with _silence_services():
        return bool(Apprise().add(address.get_secret_value()))


def _send(address: SecretStr, message: Message) -> bool:
    from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415

    service = Apprise()
    with _silence_services():
        service.add(address.get_secret_value())
        return bool(
            service.notify(message.body, message.title, NotifyType(message.kind), body_format=NotifyFormat.TEXT)
        )


@contextmanager
def _silence_services() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
