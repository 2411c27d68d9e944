"""Which layouts a deployment publishes, until when, and when its choice has become outdated."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immuta_assets.layouts.lifecycle import check_choice, choose_layouts, life, published_on, stale_layouts
from immuta_assets.settings import LayoutChoice, Settings, SettingsError, parse_layouts

LAST = date(2027, 1, 31)
PARALLEL = (LayoutChoice("prpr1", LAST), LayoutChoice("prpr2"))


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("prpr2", (LayoutChoice("prpr2"),)),
        ("prpr1", (LayoutChoice("prpr1"),)),
        ("prpr1,prpr2", (LayoutChoice("prpr1"), LayoutChoice("prpr2"))),
        (" prpr1:2027-01-31 , prpr2", PARALLEL),
    ],
)
def test_a_choice_is_versions_some_with_a_last_day(text: str, choice: tuple[LayoutChoice, ...]) -> None:
    assert parse_layouts(text) == choice
    check_choice(choice)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' names no version of the export."),
        ("prpr2,", "'' names no version of the export."),
        (":2027-01-31", "':2027-01-31' names no version of the export."),
        ("prpr1:soon,prpr2", "'prpr1:soon' names no date; a parallel period ends on a day such as 2027-01-31."),
        ("prpr1:,prpr2", "'prpr1:' names no date; a parallel period ends on a day such as 2027-01-31."),
        (
            "prpr1:2027-02-30,prpr2",
            "'prpr1:2027-02-30' names no date; a parallel period ends on a day such as 2027-01-31.",
        ),
        ("prpr1:20270131,prpr2", "'prpr1:20270131' names no date; a parallel period ends on a day such as 2027-01-31."),
    ],
)
def test_a_choice_of_no_allowed_form_is_told_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(sentence)}$"):
        parse_layouts(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prpr7", "'prpr7' is not a layout; allowed is prpr1 or prpr2."),
        ("PRPR2", "'PRPR2' is not a layout; allowed is prpr1 or prpr2."),
        ("prpr2,prpr2", "prpr2 is chosen more than once; name it once, with or without a date."),
        ("prpr1:2027-01-31,prpr1,prpr2", "prpr1 is chosen more than once; name it once, with or without a date."),
        (
            "prpr1:2027-01-31",
            "'prpr1:2027-01-31' leaves no layout once its dates have passed; name the one that stays without a date.",
        ),
    ],
)
def test_a_choice_that_cannot_be_followed_is_told_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(sentence)}$"):
        check_choice(parse_layouts(text))


def test_a_choice_of_the_settings_that_cannot_be_followed_names_the_variable() -> None:
    assert choose_layouts(Settings(layouts=PARALLEL)) == PARALLEL
    with pytest.raises(SettingsError, match=r"^IMMUTA_ASSETS_LAYOUTS is 'prpr2,prpr3:2027-01-31'; allowed is versions"):
        choose_layouts(Settings(layouts=parse_layouts("prpr2,prpr3:2027-01-31")))


def test_a_long_value_is_cut() -> None:
    for text in ("x" * 1_000, f"prpr1:{'x' * 1_000}"):
        with pytest.raises(ValueError, match=r"^'\S{60}' ") as failure:
            check_choice(parse_layouts(text))
        assert len(str(failure.value)) < 150


@pytest.mark.parametrize(
    ("version", "day", "words"),
    [
        ("prpr2", LAST, "active"),
        ("prpr1", date(2026, 1, 1), "parallel until 2027-01-31"),
        ("prpr1", LAST, "parallel until 2027-01-31"),
        ("prpr1", LAST + timedelta(days=1), "retired"),
        ("prpr0", LAST, "retired"),
    ],
)
def test_a_parallel_layout_retires_on_the_day_after_its_last(version: str, day: date, words: str) -> None:
    assert str(life(version, PARALLEL, day)) == words


def test_a_layout_that_is_replaced_stops_the_day_the_new_one_starts() -> None:
    assert published_on(parse_layouts("prpr1"), LAST) == ["prpr1"]
    assert published_on(parse_layouts("prpr2"), LAST) == ["prpr2"]


@given(st.dates())
def test_whatever_the_day_the_layout_without_a_date_is_published(day: date) -> None:
    assert published_on(PARALLEL, day) == (["prpr1", "prpr2"] if day <= LAST else ["prpr2"])


@given(st.permutations(["prpr1", "prpr2"]), st.none() | st.dates(), st.booleans())
def test_a_choice_is_read_back_from_its_text(versions: list[str], until: date | None, both: bool) -> None:  # noqa: FBT001
    choice = (LayoutChoice(versions[0]), *([LayoutChoice(versions[1], until)] if both else []))
    assert parse_layouts(",".join(map(str, choice))) == choice


def test_the_newest_layout_alone_is_not_stale() -> None:
    assert stale_layouts(parse_layouts("prpr2"), LAST, "prpr2") == []


def test_a_parallel_period_is_stale_from_the_day_after_its_last() -> None:
    assert stale_layouts(PARALLEL, LAST, "prpr2") == []
    (sentence,) = stale_layouts(PARALLEL, LAST + timedelta(days=1), "prpr2")
    assert sentence == (
        "The parallel period of layout prpr1 ended on 2027-01-31, and its files are no longer renewed: "
        "remove it from IMMUTA_ASSETS_LAYOUTS (prpr1:2027-01-31,prpr2)."
    )


@pytest.mark.parametrize("text", ["prpr1", "prpr1,prpr2:2027-01-31"])
def test_a_newest_layout_that_is_not_active_is_stale(text: str) -> None:
    assert stale_layouts(parse_layouts(text), LAST, "prpr2") == [
        f"Layout prpr2 is the newest, but not active: name it without a date in IMMUTA_ASSETS_LAYOUTS ({text})."
    ]


def test_settings_can_name_a_choice_without_loading_schemas() -> None:
    program = "import sys, immuta_assets.layouts.lifecycle; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
