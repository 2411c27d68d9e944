"""Where the published files lie, as a consumer's platform has to be told; every platform writes addresses its own way.

The forms are those of a destination (``object_store.addresses``), in which blanks may be left for the reader; how a
platform writes one belongs to the platform's module.
"""

from __future__ import annotations

from typing import NamedTuple

from immuta_assets.object_store.addresses import parse as parse_address
from immuta_assets.object_store.interface import StoreError


class Location(NamedTuple):
    """A place in an object store, or a folder (scheme ``file``); ``prefix`` has no slash at its end."""

    scheme: str
    prefix: str
    container: str = ""
    account: str = "<storage-account>"


def parse(text: str) -> Location:
    """Take an address apart; raises ``ValueError`` with one sentence for one of no allowed form.

    A profile is left out: it is the operator's, not the consumer's. An address with az:// is the same container as one
    with abfss://, without the account's name.
    """
    try:
        address = parse_address(text, blanks=True)
    except StoreError as error:
        raise ValueError(str(error)) from error
    if address.scheme == "abfss" and address.account:
        return Location("abfss", address.prefix, address.container, address.account)
    return Location("abfss" if address.scheme == "az" else address.scheme, address.prefix, address.container)
