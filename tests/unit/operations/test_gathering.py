"""Where nothing is archived for long, the user's wish to stop is heard all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vinculum import _native
from vinculum.archive.patterns import EXCLUDE, PatternMatcher, parse_pattern
from vinculum.operations.create.gathering import Bundle, Gatherer
from vinculum.operations.create.walk import Walker, WalkRules


class Stop(Exception):
    """What the one who stores raises."""


@pytest.fixture
def barren(tmp_path: Path) -> Path:
    """A tree of which nothing is archived."""
    for number in range(20):
        (tmp_path / f"{number}/below").mkdir(parents=True)
    return tmp_path


def walk(tree: Path, gatherer: Gatherer) -> None:
    matcher = PatternMatcher()
    matcher.add([parse_pattern("*", "fm", EXCLUDE)])
    Walker(WalkRules(matcher), gatherer, set()).walk(os.fsencode(tree))


def test_the_wish_to_stop_reaches_who_stores_though_nothing_is_archived(barren: Path) -> None:
    empty: list[bool] = []

    def store(bundle: Bundle) -> None:
        empty.append(not len(bundle.batch))
        raise Stop

    with pytest.raises(Stop):
        walk(barren, Gatherer(_native.ItemOptions(), store, lambda: True, wants_files=False))
    assert empty == [True]


def test_whether_anybody_wants_more_is_asked_in_directories_that_are_left_out(barren: Path) -> None:
    gatherer = Gatherer(_native.ItemOptions(), lambda _: None, lambda: False, wants_files=False)
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 30:
            raise Stop

    gatherer.check = check
    with pytest.raises(Stop):
        walk(barren, gatherer)
