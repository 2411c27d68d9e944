"""Notifications: they arrive, they say nothing about people, and their addresses are shown nowhere."""

from __future__ import annotations

import logging

import pytest
from fakes.webhook import SECRET, Webhook
from pydantic import SecretStr

from immuta_assets.health.notifications import Message, Notifier, NotifyError

LOG = logging.getLogger("test")
MESSAGE = Message("Stale", "12 files are overdue.")


def test_a_message_arrives_at_every_address(hook: Webhook) -> None:
    address = SecretStr(hook.address)
    assert Notifier([address, address]).send(MESSAGE, LOG)
    assert [(each["title"], each["message"], each["type"]) for each in hook.received] == [
        ("Stale", "12 files are overdue.", "failure")
    ] * 2


def test_without_an_address_the_log_alone_tells(caplog: pytest.LogCaptureFixture) -> None:
    assert Notifier().send(MESSAGE, LOG)
    assert caplog.messages == ["Stale\n12 files are overdue."]


def test_a_message_that_nobody_took_is_to_be_sent_again(hook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    hook.answer = 500
    assert not Notifier([SecretStr(hook.address)]).send(MESSAGE, LOG)
    assert caplog.messages[-1] == "The notification did not reach address 1 in IMMUTA_ASSETS_NOTIFY."


def test_a_broken_address_keeps_nothing_from_the_others(hook: Webhook) -> None:
    nobody = SecretStr(f"json://{SECRET}@127.0.0.1:9")
    assert Notifier([nobody, SecretStr(hook.address)]).send(MESSAGE, LOG)
    assert hook.titles == ["Stale"]


def test_an_address_is_shown_nowhere(hook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    notifier = Notifier([SecretStr(hook.address)])
    for answer in (200, 500):
        hook.answer = answer
        notifier.send(MESSAGE, LOG)
    assert repr(notifier) == "Notifier(1 addresses)"
    assert SECRET not in caplog.text + repr(vars(notifier))


def test_a_wrong_address_is_refused_by_its_place_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NotifyError, match="Address 2 of 2") as refused:
        Notifier([SecretStr("json://127.0.0.1"), SecretStr(f"slak://{SECRET}")])
    assert SECRET not in f"{refused.value}{caplog.text}"
