"""Regular expressions of policies: what they find, and that none can stop an export."""

from __future__ import annotations

import pytest

from immuta_assets.policies.regex_search import Pattern, search_names

NAMES = ["ssn", "SSN_hash", "customer\nssn", "größe", "''"]


@pytest.mark.parametrize(
    ("pattern", "positions"),
    [
        (Pattern("ssn", ignore_case=False), [0, 2]),
        (Pattern("ssn", ignore_case=True), [0, 1, 2]),
        (Pattern("^ssn", ignore_case=False), [0]),
        (Pattern("GRÖSSE|GRÖßE", ignore_case=True), [3]),
        (Pattern("", ignore_case=False), [0, 1, 2, 3, 4]),
        (Pattern("absent", ignore_case=False), []),
    ],
)
def test_names_are_found_anywhere(pattern: Pattern, positions: list[int]) -> None:
    assert search_names([pattern], NAMES) == [positions]


def test_an_expression_that_searches_for_ever_is_unusable_and_the_others_still_answer() -> None:
    hostile = Pattern("(a+)+$", ignore_case=False)
    fine = Pattern("a!", ignore_case=False)
    assert search_names([hostile, fine], ["a" * 40 + "!"]) == [None, [0]]


@pytest.mark.parametrize("regex", ["(", "a{99999999999}", "(?P<x", "\\"])
def test_an_expression_that_does_not_compile_is_unusable(regex: str) -> None:
    assert search_names([Pattern(regex, ignore_case=False)], NAMES) == [None]


def test_without_expressions_nothing_is_searched() -> None:
    assert search_names([], NAMES) == []
