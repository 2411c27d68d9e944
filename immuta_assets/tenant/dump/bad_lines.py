"""What is wrong with a line of a tenant dump, said in one sentence for people.

msgspec names the key of an ill-typed value but not the value; here its message is taken apart, the value is looked up
in the line and both are put in words. Extend ``_EXPECTED`` when a record gains a type that is not listed. Deciding
*what* is wrong does not belong here: types and checks are in ``records``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

_PATHS = re.compile(r"(?: - at `\$[^`]*`)+\Z")
_STEP = re.compile(r"\.?([^.\[\]]+|\[(?:\d+|\.\.\.)\])")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_TYPE = re.compile(r"(?:Expected|Invalid RFC3339 encoded) `?(?P<type>[^`]+)`?(?:, got `(?P<got>\w+)`)?.*")
_EXPECTED = {
    "int": "an integer of 64 bits",
    "str": "a text",
    "bool": "true or false",
    "int | str": "a text or an integer of 64 bits",
    "datetime": "an ISO-8601 timestamp with offset",
    "array": "a list",
    "object": "an object",
}
# msgspec takes an integer beyond 64 bits for a float where neither is expected.
_FOUND_AS: Mapping[str, set[type]] = {
    "int": {int},
    "float": {float, int},
    "bool": {bool},
    "null": {type(None)},
    "str": {str},
    "array": {list},
    "object": {dict},
}
_SHOWN_CHARACTERS = 60


def format_value(value: object) -> str:
    """Return the value as JSON, cut to 60 characters."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def locate_problem(key: str, predicate: str) -> str:
    """Return the text of a ``ValueError`` about one key (dotted path) of a record and what is wrong with it."""
    return f"{predicate} - at `$.{key}`"


def explain(line: bytes, error: Exception) -> str:
    """Say what is wrong with a line whose decoding raised ``error``; a full sentence without file and line number."""
    if isinstance(error, UnicodeDecodeError):
        return f"the text is not valid UTF-8 (byte {error.start + 1})."
    if not line.strip():
        return "nothing there, but an object is expected."
    try:
        return _explain_value(msgspec.json.decode(line), str(error))
    except RecursionError:
        return "the JSON is nested too deeply."
    except msgspec.DecodeError as malformed:
        return f"the JSON is not valid: {str(malformed).removeprefix('JSON is malformed: ').lower()}."


def _explain_value(document: object, message: str) -> str:
    reason = _PATHS.sub("", message)
    path = _join_paths(message.removeprefix(reason))
    if missing := _MISSING.fullmatch(reason):
        return f"the required key {'.'.join(filter(None, [path, missing[1]]))} is missing."
    if ill_typed := _TYPE.fullmatch(reason):
        key, found = _find_value(document, path, ill_typed["got"])
        expected = _EXPECTED[ill_typed["type"].removesuffix(" | null")]
        return f"{key or 'the content'} is {found}, but {expected} is expected."
    return f"{path or 'the object'} {reason}."


def _join_paths(paths: str) -> str:
    """Join the paths of nested errors: a check's own path stands before the path of the object that it checks."""
    return ".".join(part for part in reversed(re.findall(r"`\$\.?([^`]*)`", paths)) if part)


def _find_value(document: object, path: str, got: str | None) -> tuple[str, str]:
    """Return key path and shown value; of several candidates the first of the JSON type that msgspec ``got``."""
    for key, value in _list_candidates(document, "", _STEP.findall(path)):
        if got is None or type(value) in _FOUND_AS[got]:
            return key, format_value(value)
    return path, f"of type {got}"


def _list_candidates(value: object, key: str, steps: list[str]) -> Iterator[tuple[str, object]]:
    if not steps:
        yield key, value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict) and step == "[...]":
        for name, member in value.items():
            yield from _list_candidates(member, f"{key}.{name}", rest)
    elif isinstance(value, dict) and step in value:
        yield from _list_candidates(value[step], f"{key}.{step}".removeprefix("."), rest)
    elif isinstance(value, list) and (position := int(step[1:-1])) < len(value):
        yield from _list_candidates(value[position], key + step, rest)
