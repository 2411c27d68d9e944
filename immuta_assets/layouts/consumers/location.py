"""Where the published files lie, as a consumer's platform has to be told; every platform writes addresses its own way.

The forms are those of a destination; how a platform writes one belongs to the platform's module.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ALLOWED = "a folder, s3://bucket/prefix, gs://bucket/prefix, abfss://container@account.dfs.core.windows.net/prefix"

_LONGEST_SHOWN = 60
_FORMS = (
    r"(?P<scheme>s3|gs)://(?P<container>[^/?#@]+)(?:/(?P<prefix>[^?#]*))?",
    r"(?P<scheme>abfss)://(?P<container>[^/?#@]+)@(?P<account>[^/?#@.]+)\.dfs\.core\.windows\.net(?:/(?P<prefix>[^?#]*))?",
    r"(?P<scheme>az)://(?P<container>[^/?#@]+)(?:/(?P<prefix>[^?#]*))?",
    r"(?P<scheme>file)://(?P<prefix>/.*)",
    r"(?P<prefix>(?![A-Za-z][\w+.-]+:).+)",
)


class Location(NamedTuple):
    """A place in an object store, or a folder (scheme ``file``); ``prefix`` has no slash at its end."""

    scheme: str
    prefix: str
    container: str = ""
    account: str = "<storage-account>"


def parse(text: str) -> Location:
    """Take an address apart; raises ``ValueError`` with one sentence for one of no allowed form."""
    found = next((found for form in _FORMS if (found := re.fullmatch(form, text))), None)
    if found is None or not text.isprintable():
        # Credentials before the host, or in a query, must not be shown.
        shown = re.sub(r"//[^/]*@", "//…@", text.partition("?")[0])[:_LONGEST_SHOWN]
        msg = f"{shown!r} is no location of published files; allowed is {ALLOWED}."
        raise ValueError(msg)
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    scheme = parts.pop("scheme", "file")
    prefix = parts.pop("prefix", "").rstrip("/")
    # An address with az:// is the same container without the account's name.
    return Location("abfss" if scheme == "az" else scheme, prefix, **parts)
