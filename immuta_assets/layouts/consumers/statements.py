"""A statement of SQL for people: what it makes, and how several of them become one script.

Add a kind of statement here; how one reads on a platform belongs to ``views`` and to the platform's module.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Kind = Literal["set-up", "external table", "view", "removal", "check"]


class Statement(NamedTuple):
    """One statement, without a semicolon: what it makes (``name``), and what an operator has to know before running it.

    The reader replaces a text in angle brackets by a name of their own account.
    """

    kind: Kind
    name: str
    sql: str
    note: str = ""


def render_script(statements: Iterable[Statement]) -> str:
    """Return the statements as one script, each with its note as a comment before it."""
    return "\n".join(f"{render_comment(each.note)}{each.sql};\n" for each in statements)


def render_comment(text: str) -> str:
    """Return ``text`` as lines of comment; nothing where there is no text."""
    return "".join(f"-- {line}\n" for line in text.splitlines())
