"""What must not be seen: values as messages show them, and addresses without what may be a secret.

Add here how a kind of text is made fit to be shown. Who may see a message belongs to whoever writes it.
"""

from __future__ import annotations

import re

LONGEST_VALUE = 60


def quote_value(value: object) -> str:
    """Return a value for a message, in quotes that are balanced; a long one is cut to 60 characters, the last a …."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > LONGEST_VALUE:
        return repr(f"{text[: LONGEST_VALUE - 1]}…")
    return repr(value)


def redact_address(address: str) -> str:
    """Return an address without what may be a secret: the user and password before its host, and its query."""
    return re.sub(r"//[^/]*@", "//…@", address.partition("?")[0])
