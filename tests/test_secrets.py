"""What messages show of values and addresses, and what they never show."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.secrets import LONGEST_VALUE, quote_value, redact_address

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
