"""The policy expression language: its tree, its grammar, and its canonical text (docs/policy_semantics.md, section 3).

Only the language lives here: what a text means as a tree, and a tree as text. Which users an expression lets in is
decided in ``conditions``. The functions are those of the public documentation page "Advanced special functions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import lark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_DEPTH = 200
"""How many parentheses and NOTs may enclose a call."""

TAG_TARGETS = ("dataSource", "column")
"""Where the tag functions look for tags: on the data source itself, or on its columns."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function (one of ``_ARITIES``) with its arguments, unescaped."""

    function: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True where the operand is false."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And:
    """True where all operands are; at least two, none of them an ``And``."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where one operand is; at least two, none of them an ``Or``."""

    operands: tuple[Expression, ...]


Expression = Call | Not | And | Or
Condition = Expression | bool
"""What a policy demands of a user: an expression, True (everybody meets it) or False (nobody does)."""


class ExpressionError(ValueError):
    """A text is no policy expression. ``position`` is the character where it fails, counted from 1."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"{problem} at character {position:,}")
        self.position = position


def conjoin(operands: tuple[Expression, ...]) -> Expression:
    """Join operands with AND; nested ANDs become one list."""
    return _flatten_operands(And, operands)


def disjoin(operands: tuple[Expression, ...]) -> Expression:
    """Join operands with OR; nested ORs become one list."""
    return _flatten_operands(Or, operands)


def _flatten_operands(kind: type[And | Or], operands: tuple[Expression, ...]) -> Expression:
    flat = tuple(
        part for operand in operands for part in (operand.operands if isinstance(operand, kind) else (operand,))
    )
    return flat[0] if len(flat) == 1 else kind(flat)


def list_calls(expression: Expression) -> Iterator[Call]:
    """Yield every call in the expression, in order of appearance."""
    match expression:
        case Call():
            yield expression
        case Not(operand):
            yield from list_calls(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from list_calls(operand)


def format_expression(expression: Expression) -> str:
    """Return the canonical text: ``parse_expression(format_expression(tree)) == tree``."""
    match expression:
        case Call(function, arguments):
            return f"@{function}({','.join(map(_quote, arguments))})"
        case Not(operand):
            return f"NOT {_parenthesize(operand, And, Or)}"
        case And(operands):
            return " AND ".join(_parenthesize(operand, Or) for operand in operands)
        case Or(operands):
            return " OR ".join(format_expression(operand) for operand in operands)


def _parenthesize(operand: Expression, *parenthesized: type) -> str:
    return f"({format_expression(operand)})" if isinstance(operand, parenthesized) else format_expression(operand)


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _unquote(token: str) -> str:
    return re.sub(r"''|\\(.)", lambda match: match[1] or "'", token[1:-1], flags=re.DOTALL)


_GRAMMAR = r"""
start: disjunction
disjunction: conjunction (_OR conjunction)*
conjunction: negation (_AND negation)*
?negation: _NOT negation -> negate
         | "(" disjunction ")" -> unwrap
         | FUNCTION "(" [STRING ("," STRING)*] ")" -> call
_NOT.2: /NOT\b/i
_AND.2: /AND\b/i
_OR.2: /OR\b/i
FUNCTION: /@[A-Za-z_][A-Za-z0-9_]*/
STRING: /'(?:[^'\\]|''|\\.)*'/s
%import common.WS
%ignore WS
"""
_ARITIES: dict[str, Callable[[int], bool]] = {
    "hasAttribute": lambda count: count == 2,  # noqa: PLR2004 - the signature itself
    "isInGroups": lambda count: count >= 1,
    "hasTagAsAttribute": lambda count: count == 2,  # noqa: PLR2004 - the signature itself
    "hasTagAsGroup": lambda count: count == 1,
}
_SPELLINGS = {"hasTagsAsAttribute": "hasTagAsAttribute"}


class _ParsedExpression(NamedTuple):
    tree: Expression
    depth: int


@lark.v_args(inline=True)
class _Builder(lark.Transformer[lark.Token, Expression]):
    """Builds the tree while parsing, so that depth is limited by ``MAX_DEPTH`` and never by the interpreter's stack."""

    def start(self, parsed: _ParsedExpression) -> Expression:
        if parsed.depth > MAX_DEPTH:
            problem = f"nests deeper than {MAX_DEPTH}"
            raise ExpressionError(problem, 1)
        return parsed.tree

    def disjunction(self, *parts: _ParsedExpression) -> _ParsedExpression:
        return _ParsedExpression(disjoin(tuple(part.tree for part in parts)), max(part.depth for part in parts))

    def conjunction(self, *parts: _ParsedExpression) -> _ParsedExpression:
        return _ParsedExpression(conjoin(tuple(part.tree for part in parts)), max(part.depth for part in parts))

    def negate(self, part: _ParsedExpression) -> _ParsedExpression:
        return _ParsedExpression(Not(part.tree), part.depth + 1)

    def unwrap(self, part: _ParsedExpression) -> _ParsedExpression:
        return _ParsedExpression(part.tree, part.depth + 1)

    def call(self, name: lark.Token, *strings: lark.Token | None) -> _ParsedExpression:
        return _ParsedExpression(
            _check_call(name, tuple(_unquote(string) for string in strings if string is not None)), 0
        )


def _check_call(name: lark.Token, arguments: tuple[str, ...]) -> Call:
    function = _SPELLINGS.get(name[1:], name[1:])
    position = (name.start_pos or 0) + 1
    if function not in _ARITIES:
        problem = f"unknown function {name!s}"
        raise ExpressionError(problem, position)
    if not _ARITIES[function](len(arguments)):
        problem = f"wrong number of arguments ({len(arguments)}) for {name!s}"
        raise ExpressionError(problem, position)
    if function.startswith("hasTag") and arguments[-1] not in TAG_TARGETS:
        problem = f"the last argument of {name!s} is neither 'dataSource' nor 'column'"
        raise ExpressionError(problem, position)
    return Call(function, arguments)


@cache
def _build_parser() -> lark.Lark:
    return lark.Lark(_GRAMMAR, parser="lalr", lexer="contextual", transformer=_Builder(), maybe_placeholders=False)


def parse_expression(source: str) -> Expression:
    """Read an expression. Raises ``ExpressionError`` where the text is empty, malformed or too deep."""
    if not source.strip():
        problem = "the expression is empty"
        raise ExpressionError(problem, 1)
    try:
        return _build_parser().parse(source)  # type: ignore[return-value]  # the embedded transformer returns the tree itself
    except lark.exceptions.UnexpectedInput as unexpected:
        raise _make_syntax_error(source, unexpected) from unexpected


def _make_syntax_error(source: str, unexpected: lark.exceptions.UnexpectedInput) -> ExpressionError:
    token = getattr(unexpected, "token", None)
    if token is not None and token.type == "$END":
        return ExpressionError("the expression ends too early", len(source) + 1)
    position: int = getattr(unexpected, "pos_in_stream", 0)
    return ExpressionError(f"unexpected {source[position : position + 10]!r}", position + 1)
