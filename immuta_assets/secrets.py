"""Secrets, where configuration refers to them, and what messages show of values, addresses and people.

Add here another way to refer to a secret, or how another kind of text is made fit to be shown. Which keys hold secrets,
and who reads a message, belongs to whoever has the keys and writes the message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

LONGEST_VALUE = 60
LONGEST_TEXT = 500
LARGEST_SECRET = 64 * 1024
"""The most bytes that a file with a secret may have."""

REFERENCE = "{env: NAME of an environment variable} or {file: PATH of a file that holds the secret}"
"""The forms of a reference, for people."""

_QUOTED = re.compile(r"""(?<!\w)'(?:[^'\\]|\\.)*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$)|“[^”]*(?:”|$)""")
_MAIL = re.compile(r"[^\s<>()\[\],;:]+@[^\s<>()\[\],;:]+")


class SecretError(ValueError):
    """A reference that cannot be followed; a clause whose subject the caller knows, and never the secret."""


def is_reference(value: object) -> bool:
    """Return whether a value is meant as a reference to a secret."""
    return isinstance(value, dict) and ("env" in value or value.keys() == {"file"})


def resolve_secret(reference: object, environment: Mapping[str, str], folder: Path) -> SecretStr:
    """Return the secret that ``{env: NAME}`` or ``{file: PATH}`` refers to, the path meant from ``folder``.

    A file holds the secret alone, in UTF-8; line ends after it do not count. Who else may read it is not asked: mounted
    secrets of Kubernetes and Docker are readable for all in their container. Raises ``SecretError``.
    """
    match reference:
        case {"env": str(name), **others} if not others and re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            if not environment.get(name):
                msg = f"refers to the environment variable {name}, which is not set"
                raise SecretError(msg)
            return SecretStr(environment[name])
        case {"file": str(path), **others} if not others and path:
            return SecretStr(_read_secret(folder / path))
        case _:
            msg = f"is not a reference (its value is not shown); allowed is {REFERENCE}"
            raise SecretError(msg)


def _read_secret(path: Path) -> str:
    try:
        problem = _find_problem(path)
        secret = "" if problem else path.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        problem, secret = f"cannot be read ({error.strerror})", ""
    except UnicodeDecodeError:
        problem, secret = "is not text in UTF-8", ""
    if not secret:
        msg = f"refers to the file {path}, which {problem or 'is empty'}"
        # Outside the handlers: an error of decoding holds what was read.
        raise SecretError(msg)
    return secret


def _find_problem(path: Path) -> str:
    """Say why a path is not read; a pipe could be read without end."""
    if not path.is_file():
        return "is no file"
    return f"is larger than {LARGEST_SECRET // 1024} KiB" if path.stat().st_size > LARGEST_SECRET else ""


def quote_value(value: object) -> str:
    """Return a value for a message, in quotes that are balanced; a long one is cut to 60 characters, the last a …."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > LONGEST_VALUE:
        return repr(f"{text[: LONGEST_VALUE - 1]}…")
    return repr(value)


def redact_address(address: str) -> str:
    """Return an address without what may be a secret: the user and password before its host, and its query."""
    return re.sub(r"//[^/]*@", "//…@", address.partition("?")[0])


def redact_people(text: str) -> str:
    """Return a text without what may be about a person: values in quotes, mail addresses, and what is long.

    A quote that is never closed takes the rest with it.
    """
    bare = _MAIL.sub("…", _QUOTED.sub("'…'", text))
    return bare if len(bare) <= LONGEST_TEXT else f"{bare[: LONGEST_TEXT - 1]}…"
