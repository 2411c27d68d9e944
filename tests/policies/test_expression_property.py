"""Expression texts round-trip, and the package's parser and the brute force's read the same texts as the same trees."""

from __future__ import annotations

import brute_force
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import NAMES, Tree, broken_texts, expression_texts, trees

from immuta_assets.policies.expression import (
    And,
    Call,
    Expression,
    ExpressionError,
    Not,
    Or,
    format_expression,
    parse_expression,
)

# Any text at all in strings, adversarial names more often than not.
NAME = st.sampled_from(NAMES) | st.text()


def expression(tree: Tree) -> Expression:
    """The package's tree for a tree of the brute force."""
    match tree:
        case ("and", *operands):
            return And(tuple(map(expression, operands)))
        case ("or", *operands):
            return Or(tuple(map(expression, operands)))
        case ("not", operand):
            return Not(expression(operand))
        case (function, *arguments):
            return Call(function.removeprefix("@"), tuple(arguments))
    raise AssertionError


@given(trees(NAME))
def test_a_tree_survives_being_written_and_parsed(tree: Tree) -> None:
    assert parse_expression(format_expression(expression(tree))) == expression(tree)


@given(expression_texts(NAME))
def test_canonical_text_stays_as_it_is(given_text: str) -> None:
    canonical = format_expression(parse_expression(given_text))
    assert format_expression(parse_expression(canonical)) == canonical
    assert canonical == brute_force.text(brute_force.parse(given_text))


@given(expression_texts(NAME) | broken_texts(NAME))
def test_both_parsers_accept_the_same_texts_as_the_same_trees(given_text: str) -> None:
    try:
        tree = brute_force.parse(given_text)
    except brute_force.InvalidPolicyError:
        with pytest.raises(ExpressionError) as caught:
            parse_expression(given_text)
        assert 1 <= caught.value.position <= len(given_text) + 1
    else:
        assert parse_expression(given_text) == expression(tree)
