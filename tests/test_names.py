"""Names are verbs for what is done and nouns for things (docs/glossary.md), held package by package."""

from __future__ import annotations

import re

import pytest
from naming import (
    ROOT,
    Function,
    is_lone_participle,
    is_verb_first,
    list_classes,
    list_functions,
    list_modules,
    list_packages,
    measure,
)

MOST_LONE_PARTICIPLES = 0.02
FEWEST_VERBS_FIRST = 0.45

PACKAGES = sorted({*list_packages()} - {"__main__"})
"""Every package and top-level module that has functions."""


@pytest.mark.parametrize("package", ["", *PACKAGES])
def test_functions_begin_with_a_verb_and_are_no_lone_participles(package: str) -> None:
    figures = measure(list_modules(package))
    lone = [f"{each.name} ({each.place})" for each in list_functions(list_modules(package)) if is_lone_participle(each)]
    assert figures.lone_participles < MOST_LONE_PARTICIPLES, lone
    assert figures.verbs_first > FEWEST_VERBS_FIRST


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for name, place in list_classes(list_modules()):
        places.setdefault(name, []).append(place)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("name", ["told", "_shown", "alone", "identified", "conforming", "_freshly"])
def test_a_single_participle_or_adverb_is_lone(name: str) -> None:
    assert is_lone_participle(Function("", name, 1, is_property=False))


@pytest.mark.parametrize("name", ["read", "put", "embed", "published_path", "_write", "path"])
def test_a_verb_a_noun_and_a_name_of_several_words_are_not_lone(name: str) -> None:
    assert not is_lone_participle(Function("", name, 1, is_property=False))


@pytest.mark.parametrize(("name", "expected"), [("publish_files", True), ("_is_due", True), ("published_path", False)])
def test_the_first_word_decides_whether_a_name_begins_with_a_verb(name: str, *, expected: bool) -> None:
    assert is_verb_first(Function("", name, 1, is_property=False)) == expected


def test_every_idea_of_the_glossary_has_one_line_with_its_meaning_and_the_words_not_used() -> None:
    text = (ROOT.parent / "docs" / "glossary.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| **")]
    terms = [term for line in lines for term in re.findall(r"\*\*(.+?)\*\*", line)]
    assert all(line.count("|") == 4 for line in lines)
    assert len(terms) == len(set(terms))
    assert not {word for line in lines for word in line.split("|")[3].strip().split(", ")} & set(terms)
