"""The file of connections: which data platforms are read, and with which credentials.

Here the YAML file is read and every problem of it is said. What is in a connection belongs to ``connection`` and to the
packages of the platforms, how one is opened to its kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from immuta_assets.platforms.connection import COMPLETE, NAME, Connection, FileContext
from immuta_assets.platforms.registry import KINDS, PLATFORMS
from immuta_assets.secrets import quote_value
from immuta_assets.settings import SettingsError

# PyYAML also raises these bare, for nesting that is too deep, impossible dates, and tags such as `!!int` on no number.
_YAML_ERRORS = (yaml.YAMLError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class ConnectionsError(SettingsError):
    """Wrong connections: one line per problem, saying where it is, what is there and what is allowed."""


def load(path: Path, environment: Mapping[str, str]) -> list[Connection]:
    """Read the connections of the file ``path``, in its order, with secrets from ``environment``.

    Raises ``ConnectionsError`` with every problem of the file; an environment variable that is empty is not set.
    """
    context = FileContext(environment, path.parent, PLATFORMS)
    connections: list[Connection] = []
    problems: list[str] = []
    for number, entry in enumerate(_read_entries(path), 1):
        connection, wrong = _parse_entry(entry, context)
        problems += [f"{path}: connection {_name_entry(entry, number)}: {problem}." for problem in wrong]
        connections += [connection] if connection else []
    names = Counter(connection.name for connection in connections)
    problems += [f"{path}: {count} connections are named {name}." for name, count in names.items() if count > 1]
    if problems:
        raise ConnectionsError("\n".join(problems))
    return connections


def load_names(path: Path) -> list[str]:
    """Read only the names of the connections of the file ``path``, in its order: whoever watches has no secrets.

    Raises ``ConnectionsError`` for a file that is none, and for a connection without a name.
    """
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in _read_entries(path)]
    problems = [
        f"{path}: connection {number} has no name that is allowed: a to z, 0 to 9 and _, beginning with a letter."
        for number, name in enumerate(names, 1)
        if not re.fullmatch(NAME, str(name or ""))
    ]
    if problems:
        raise ConnectionsError("\n".join(problems))
    return [str(name) for name in names]


def _read_entries(path: Path) -> list[object]:
    document = _read_document(path)
    match document:
        case {"connections": list(entries), **others} if not others:
            return entries
    msg = f"{path} must hold one key, connections, with a list of connections."
    raise ConnectionsError(msg)


class _StrictLoader(yaml.SafeLoader):
    """YAML's plain types only, and a key that is given twice is an error instead of the later one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if any(count > 1 for count in counts.values()):
            raise yaml.constructor.ConstructorError(problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _read_document(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506  # a SafeLoader
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
    except _YAML_ERRORS as error:
        # What the error says may quote the file, and a secret with it.
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        msg = f"{path} is not valid YAML in UTF-8 with every key once{where}."
    raise ConnectionsError(msg)


def _parse_entry(entry: object, context: FileContext) -> tuple[Connection | None, list[str]]:
    if not isinstance(entry, dict):
        return None, ["is no mapping; allowed are keys with values"]
    kind = KINDS.get(str(entry.get("kind")))
    if kind is None:
        held = f"kind is {quote_value(entry['kind'])}" if "kind" in entry else "kind is missing"
        return None, [f"{held}; allowed is {', '.join(KINDS)}"]
    try:
        return kind.model.model_validate(entry, context=context), []
    except ValidationError as error:
        # Pydantic may say of one key that an element is wrong and that the list is too short without it.
        by_key = {detail["loc"][:1]: detail for detail in reversed(error.errors())}
        return None, [_describe_problem(detail, kind.model) for detail in reversed(by_key.values())]


def _describe_problem(detail: ErrorDetails, model: type[Connection]) -> str:
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == COMPLETE:
        return f"{key} {detail['msg']}".strip()
    field = model.model_fields.get(key)
    if field is None:
        return f"{quote_value(key)} is no key of this kind; allowed are {', '.join(model.model_fields)}"
    extra = field.json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else ""
    held = "is missing" if detail["type"] == "missing" else f"is {quote_value(detail['input'])}"
    return f"{key} {held}; allowed is {allowed}"


def _name_entry(entry: object, number: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return quote_value(name) if isinstance(name, str) else f"number {number}"
