"""Tables found in texts: what their shapes have in common, and what the log of the parser keeps."""

from __future__ import annotations

import logging

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.platforms.unity_catalog.qualified_names import find_tables, shape_text

WORDS = [
    "SELECT", "*", "x", "FROM", "JOIN", "WHERE", "AND", "ON", "=", "(", ")", ",", ";", "DATE", "INTERVAL", "DAY", "IN",
    "INSERT INTO", "UNION ALL", "main.sales.t1", "main.2024_sales.t_2", "`m`.`a b`.`2024`", "main.sales.2024", "t.1",
    "'it''s'", "'x y'", "'", '"', "'FROM d.e.f'", '"FROM d.e.f"', "--", "/*", "*/", "\n", "\\", "'\\'", "r'\\'",
    "1", "2024", "1.5", ".5", "1e3", "x1", "X'1F'",
]  # fmt: skip


def names(text: str) -> set[tuple[str, ...]]:
    return set(find_tables([text]).drop("text").rows())


def shaped(*texts: str) -> list[str]:
    return pl.DataFrame({"text": texts}).select(shape_text(pl.col("text"))).to_series().to_list()


@given(st.lists(st.sampled_from(WORDS), max_size=16))
def test_a_text_and_its_shape_name_the_same_tables(words: list[str]) -> None:
    text = "SELECT * FROM main.sales.orders o WHERE " + " ".join(words)  # noqa: S608 - nobody runs it
    (other,) = shaped(text)
    assert names(other) == names(text)


def test_texts_that_differ_in_literals_have_one_shape() -> None:
    first, second, quoted = shaped(
        "SELECT 1, 'a' FROM main.sales.t1 WHERE day = DATE '2026-11-20' LIMIT 10",
        "SELECT 22, 'it''s' FROM main.sales.t1 WHERE day = DATE '2026-11-21' LIMIT 20",
        "SELECT 1, 'a' FROM `main`.sales.t1 WHERE day = DATE '2026-11-20' LIMIT 10",
    )
    assert names(first) == {("main", "sales", "t1")}
    assert first != second  # a doubled quote within a literal reads as two
    assert shaped("SELECT 22, 'b' FROM main.sales.t1 WHERE day = DATE '' LIMIT 20") == [first]
    assert "2026-11-20" in quoted


def test_the_log_of_the_parser_is_left_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogger("sqlglot").level
    assert names("SELECT * FROM main.sales.orders WHERE (") == set()
    assert names("SELECT * FROM a.b.c; OPTIMIZE a.b.d") == {("a", "b", "c")}
    assert logging.getLogger("sqlglot").level == before
    assert not [record for record in caplog.records if record.name.startswith("sqlglot")]
