"""What messages show of values and addresses, and what they never show."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.secrets import (
    LARGEST_SECRET,
    LONGEST_VALUE,
    SecretError,
    quote_value,
    redact_address,
    redact_people,
    resolve_secret,
)

VALUES = st.text() | st.integers() | st.lists(st.text(), max_size=5) | st.none()


@given(VALUES)
def test_a_quoted_value_keeps_its_quotes_and_is_cut_where_it_is_long(value: object) -> None:
    shown = ast.literal_eval(quote_value(value))
    text = value if isinstance(value, str) else repr(value)
    assert shown == value if len(text) <= LONGEST_VALUE else shown == f"{text[: LONGEST_VALUE - 1]}…"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://AKIAKEY:hidden@bucket/a", "s3://…@bucket/a"),
        ("https://account1.blob.core.windows.net/audit?sig=hidden", "https://account1.blob.core.windows.net/audit"),
        ("abfss://files:hidden@dfs.core.windows.net/a@b", "abfss://…@dfs.core.windows.net/a@b"),
        ("/data/a", "/data/a"),
    ],
)
def test_an_address_is_shown_without_credentials(address: str, shown: str) -> None:
    assert redact_address(address) == shown


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (
            'users.ndjson: lines 1 and 2 both have userid "ada@b.c".',
            "users.ndjson: lines 1 and 2 both have userid '…'.",
        ),
        ("owner is 'Ada \\'the\\' Countess', unknown", "owner is '…', unknown"),
        ("asked by Ada.Lovelace@example.com (owner)", "asked by … (owner)"),
        ("the dump's dumpedAt lies in the tenant's future", "the dump's dumpedAt lies in the tenant's future"),
        ("key 'CN=Ada,OU=" + "x" * 9, "key '…'"),
        ('two "closed" and one "open, a@b.c', "two '…' and one '…'"),
        ("quoted 'over\ntwo lines' and more", "quoted '…' and more"),
        ("x" * 501, "x" * 499 + "…"),
    ],
)
def test_what_may_be_about_a_person_is_left_out(text: str, bare: str) -> None:
    assert redact_people(text) == bare


def resolve(reference: object, folder: Path = Path()) -> str:
    return resolve_secret(reference, {"TOKEN": "hidden", "EMPTY": ""}, folder).get_secret_value()


def test_a_secret_comes_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes("sécret with blanks \r\n\n".encode())
    assert resolve({"env": "TOKEN"}) == "hidden"
    for path in ("token", str(tmp_path / "token")):
        assert resolve({"file": path}, tmp_path) == "sécret with blanks "


@pytest.mark.parametrize(
    "reference",
    ["hidden", None, {}, {"env": 1}, {"env": "NO NAME"}, {"env": "TOKEN", "file": "x"}, {"file": ""}, ["hidden"]],
)
def test_what_is_no_reference_is_not_shown(reference: object) -> None:
    with pytest.raises(SecretError, match=r"^is not a reference \(its value is not shown\); allowed is {env: NAME"):
        resolve(reference)


@pytest.mark.parametrize("name", ["EMPTY", "ABSENT"])
def test_a_variable_that_is_not_set_is_named(name: str) -> None:
    with pytest.raises(SecretError, match=rf"^refers to the environment variable {name}, which is not set$"):
        resolve({"env": name})


def test_a_file_without_a_secret_is_named_with_the_reason_and_never_its_content(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"hidden\xff")
    (tmp_path / "large").write_bytes(b"x" * (LARGEST_SECRET + 1))
    os.mkfifo(tmp_path / "pipe")
    reasons = {
        "empty": "is empty",
        "binary": "is not text in UTF-8",
        "large": "is larger than 64 KiB",
        "pipe": "is no file",
        "absent": "is no file",
        "x" * 300: r"cannot be read \(File name too long\)",
    }
    for name, reason in reasons.items():
        with pytest.raises(SecretError, match=rf"^refers to the file {tmp_path}/{name}, which {reason}$") as refused:
            resolve({"file": name}, tmp_path)
        assert refused.value.__context__ is None
