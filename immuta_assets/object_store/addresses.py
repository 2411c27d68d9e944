"""Addresses of stores: the only place where one is taken apart, for settings, publishing and consumers' SQL alike.

Add a form here when there is a new kind of store. It stays light: nothing of a cloud is loaded to read an address. How
a store is reached belongs to its own module.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from immuta_assets.object_store.interface import StoreError
from immuta_assets.secrets import quote_value, redact_address

ALLOWED = (
    "the path of a local folder, file:///path, s3://bucket/prefix, s3://profile@bucket/prefix, gs://bucket/prefix, "
    "abfss://container@account.dfs.core.windows.net/prefix or az://container/prefix, "
    "with something between any two slashes of the prefix"
)
"""The forms of address, for people."""

_BLANK = "<[a-z-]+>"
_PREFIX = r"(?:/(?P<prefix>[^?#]*))?"
_FORMS = (
    rf"(?P<scheme>s3)://(?:(?P<account>[\w.-]{{1,64}})@)?(?P<container>[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]|{_BLANK})",
    rf"(?P<scheme>gs)://(?P<container>[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9]|{_BLANK})",
    rf"(?P<scheme>az)://(?P<container>[a-z0-9][a-z0-9-]{{1,61}}[a-z0-9]|{_BLANK})",
    (
        rf"(?P<scheme>abfss)://(?P<container>[a-z0-9][a-z0-9-]{{1,61}}[a-z0-9]|{_BLANK})"
        rf"@(?P<account>[a-z0-9]{{3,24}}|{_BLANK})\.dfs\.core\.windows\.net"
    ),
)


class Address(NamedTuple):
    """An address that has an allowed form. A local folder has the scheme ``file`` and its path as ``prefix``.

    ``account`` is the storage account on Azure, and on S3 the profile of AWS' own files that credentials come from.
    """

    uri: str
    scheme: str
    prefix: str
    container: str = ""
    account: str | None = None

    @property
    def public_uri(self) -> str:
        """The address as others need it: without a profile, which is the operator's own."""
        return self.uri.replace(f"//{self.account}@", "//", 1) if self.scheme == "s3" else self.uri


def parse(address: str, *, blanks: bool = False) -> Address:
    """Take an address apart; raise ``StoreError`` where it has none of the allowed forms.

    With ``blanks`` a container or an account may be one such as ``<bucket>``, which a reader is to fill in.
    """
    if found := _match(address, blanks=blanks):
        return found
    msg = f"{quote_value(redact_address(address))} is no address of a store; allowed is {ALLOWED}."
    raise StoreError(msg)


def _match(address: str, *, blanks: bool) -> Address | None:
    found = next((found for form in _FORMS if (found := re.fullmatch(form + _PREFIX, address))), None)
    if found is None:
        return _match_folder(address)
    segments = (found["prefix"] or "").split("/")
    if segments[-1] == "":
        segments.pop()
    is_blank = "<" in address.split("/")[2]
    if (is_blank and not blanks) or not all(map(_is_segment, segments)):
        return None
    return Address(address.removesuffix("/"), **found.groupdict() | {"prefix": "/".join(segments)})


def _match_folder(address: str) -> Address | None:
    is_uri = address.startswith("file:///")
    path = url2pathname(urlsplit(address).path) if is_uri else address
    if not path.isprintable() or (not is_uri and re.match(r"$|~|[A-Za-z][\w+.-]+:", path)):
        return None
    folder = str(Path(path))
    return Address(folder, "file", folder)


def _is_segment(text: str) -> bool:
    return text not in {"", ".", ".."} and text.isprintable()
