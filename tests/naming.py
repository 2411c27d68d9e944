"""How functions and classes are named, measured from the source: nothing is imported that is measured.

The *first word* of a function is what stands before the first underscore of its name, leading underscores left out. It
is a verb where ``verbs.txt`` has it. The verb of a predicate (``is_``, ``has_``) is one too. A function is a *lone
participle* where its whole name is one word that ``participles.txt`` has, or that ends as participles and adverbs do.
Add a word to ``verbs.txt`` when a function needs an English imperative that is not there, and to ``NOUNS`` when a
single word only looks like a participle.

These are not counted as functions that could begin with a verb:
- names with two underscores on both sides, which Python gives,
- names that another library or a habit gives (``FOREIGN``),
- properties, which a reader meets as fields: nouns by habit. They still may not be lone participles.
Nested functions count, those behind a decorator of Dagster or Typer too: they show in tracebacks as any other.

Run ``python tests/naming.py`` for the figures of every package, and ``python tests/naming.py NAME`` for the names of a
package that have no verb.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent / "immuta_assets"

VERBS = frozenset(Path(__file__).with_name("verbs.txt").read_text(encoding="utf-8").split())
"""Imperatives and the verbs of predicates, without nouns that happen to be verbs too (``file``, ``table``)."""

PARTICIPLES = frozenset(Path(__file__).with_name("participles.txt").read_text(encoding="utf-8").split())
"""Irregular participles and adverbs, without those that are imperatives too (``read``, ``set``)."""

NOUNS = frozenset({"embed", "exceed", "feed", "need", "seed", "speed", "bring", "mapping", "ring", "string"})
"""Single words that end like participles and are none."""

FOREIGN = frozenset({"hexdigest", "main", "warning"})
"""``hashlib``'s and ``logging``'s methods, and the entry point of a program."""

ENDINGS = ("ed", "ing", "ly")


class Function(NamedTuple):
    """A function or method: where it stands, its name, its lines, and whether it is a property."""

    place: str
    name: str
    lines: int
    is_property: bool

    @property
    def words(self) -> list[str]:
        """The words of the name."""
        return self.name.strip("_").split("_")


class Figures(NamedTuple):
    """What is measured of a package; shares are of 1, sizes are lines at the 50th, 95th and 100th percentile."""

    functions: int
    lone_participles: float
    verbs_first: float
    sizes: tuple[int, int, int]


def list_modules(package: str = "") -> list[Path]:
    """Return the modules below a top-level package, or of all; a top-level module counts as a package of its own."""
    return sorted((ROOT / package).rglob("*.py")) or [ROOT / f"{package}.py"]


def list_packages() -> list[str]:
    """Return the top-level packages and modules."""
    names = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")}
    return sorted(names - {"__init__"})


def list_functions(modules: Iterable[Path]) -> list[Function]:
    """Return the functions whose names are chosen here, properties among them."""
    return [function for path in modules for function in _walk_functions(ast.parse(path.read_text()), path)]


def _walk_functions(tree: ast.AST, path: Path) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_named_here(node.name):
            place = f"{path.relative_to(ROOT.parent)}:{node.lineno}"
            yield Function(place, node.name, (node.end_lineno or node.lineno) - node.lineno + 1, _is_property(node))


def _is_named_here(name: str) -> bool:
    return not (name.startswith("__") and name.endswith("__")) and name.strip("_") not in {*FOREIGN, ""}


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id in {"property", "cached_property"} for each in node.decorator_list
    )


def list_classes(modules: Iterable[Path]) -> list[tuple[str, str]]:
    """Return name and place of every class; a private name is compared like a public one."""
    return [
        (node.name, f"{path.relative_to(ROOT.parent)}:{node.lineno}")
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]


def is_lone_participle(function: Function) -> bool:
    """Whether the name is a single participle or adverb, which says neither what is done nor to what."""
    word, *others = function.words
    if others or word in VERBS | NOUNS:
        return False
    return word in PARTICIPLES or (word.endswith(ENDINGS) and len(word) > len("ring"))


def is_verb_first(function: Function) -> bool:
    """Whether the name begins with an imperative or is a predicate."""
    return function.words[0] in VERBS


def measure(modules: Iterable[Path]) -> Figures:
    """Measure the names of some modules."""
    functions = list_functions(modules)
    named = [function for function in functions if not function.is_property]
    return Figures(
        len(functions),
        sum(map(is_lone_participle, functions)) / max(len(functions), 1),
        sum(map(is_verb_first, named)) / max(len(named), 1),
        _measure_sizes([function.lines for function in functions]),
    )


def _measure_sizes(lines: list[int]) -> tuple[int, int, int]:
    steps = quantiles([*lines, *lines], n=100, method="inclusive") if lines else [0] * 99
    return round(steps[49]), round(steps[94]), max(lines, default=0)


def _show_figures() -> None:
    for package in ["", *list_packages()]:
        figures = measure(list_modules(package))
        sizes = "/".join(map(str, figures.sizes))
        shares = f"{figures.lone_participles:>7.1%} lone {figures.verbs_first:>7.1%} verbs"
        sys.stdout.write(f"{package or 'all':<16}{figures.functions:>6} functions{shares}  lines {sizes}\n")


def _show_names(package: str) -> None:
    for function in list_functions(list_modules(package)):
        if is_lone_participle(function) or not (function.is_property or is_verb_first(function)):
            mark = "lone" if is_lone_participle(function) else "    "
            sys.stdout.write(f"{mark} {function.name:<32}{function.place}\n")


if __name__ == "__main__":
    if sys.argv[1:]:
        _show_names(sys.argv[1])
    else:
        _show_figures()
