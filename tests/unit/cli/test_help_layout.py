"""Help texts in windows of any width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vinculum.cli import registry
from vinculum.cli.help_layout import blocks, fit, is_heading, is_prose, terms
from vinculum.cli.parser import read_help

NAMES = sorted({*registry.COMMANDS, *registry.TOPICS})
STANDARD = 80

TEXT = """Some prose that is much longer than what a narrow window has room for, so it has to be wrapped.

Heading
-------

One more sentence that is too long for it.

  first     what the first one does, which takes more than a line
            and goes on in a second one
  --second  what the second one does

  a  letters   b  in columns   c  stay as they are, whatever it takes

  borg command that is to be typed as it is, whatever it takes
"""


def test_a_wide_window_shows_it_as_it_was_written() -> None:
    assert fit(TEXT, 128) == TEXT


def test_a_narrow_window_gets_shorter_lines() -> None:
    assert fit(TEXT, 50).splitlines() == [
        "Some prose that is much longer than what a narrow",
        "window has room for, so it has to be wrapped.",
        "",
        "Heading",
        "-------",
        "",
        "One more sentence that is too long for it.",
        "",
        "  first     what the first one does, which takes",
        "            more than a line and goes on in a",
        "            second one",
        "  --second  what the second one does",
        "",
        "  a  letters   b  in columns   c  stay as they are, whatever it takes",
        "",
        "  borg command that is to be typed as it is, whatever it takes",
    ]


def test_explanations_stand_below_where_there_is_no_room_beside() -> None:
    assert fit(TEXT, 40).splitlines()[10:15] == [
        "  first",
        "        what the first one does, which",
        "        takes more than a line and goes",
        "        on in a second one",
        "  --second  what the second one does",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_text_fits_into_a_standard_window(name: str) -> None:
    assert [line for line in fit(read_help(name), STANDARD).splitlines() if len(line) > STANDARD] == []


@given(st.sampled_from(NAMES), st.integers(1, 130))
def test_no_word_is_lost_and_nothing_is_longer_than_it_has_to_be(name: str, columns: int) -> None:
    text = read_help(name)
    shown = fit(text, columns)
    assert shown.split() == text.split()
    for lines in blocks(shown):
        if is_prose(lines) and not is_heading(lines):
            assert all(len(line) <= columns or " " not in line for line in lines)


def test_what_is_no_table_of_terms_is_none() -> None:
    assert terms(["  a  1  b  2"]) is None
    assert terms(["    indented", "  a  1"]) is None
