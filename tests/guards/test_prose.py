"""Prose is laid out for people: lines that are too long for a window are read by nobody, and grow with every change."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.programs import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = 128  # as ruff and rustfmt have it for code; ruff looks after the comments of Python

COMMENTS = {".rs": "//", ".c": "*", ".sh": "#", ".toml": "#", ".yml": "#"}


def _sources(*endings: str) -> list[str]:
    # Those of git, and those that are still to be added to it.
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [name for name in listed if name.endswith(endings) and (PROJECT / name).exists()]
    assert found
    return found


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a page but for tables, which cannot be wrapped, and for what a program printed."""
    printed = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            printed = not printed
        elif not printed and not line.startswith("|"):
            yield number, line


def test_pages_fit_into_a_window() -> None:
    pages = {name: _paragraphs((PROJECT / name).read_text()) for name in _sources(".md")}
    assert [f"{name}:{number}" for name, lines in pages.items() for number, line in lines if len(line) > COLUMNS] == []


def test_help_fits_into_a_window() -> None:
    texts = [path for path in _sources(".txt") if path.startswith("src/vinculum/cli/help/")]
    assert [name for name in texts if any(len(line) > COLUMNS for line in (PROJECT / name).read_text().splitlines())] == []


@pytest.mark.parametrize("ending", COMMENTS)
def test_comments_fit_into_a_window(ending: str) -> None:
    comment = re.compile(rf"\s*/?{re.escape(COMMENTS[ending])}")
    too_long = [
        f"{name}:{number}"
        for name in _sources(ending)
        for number, line in enumerate((PROJECT / name).read_text().splitlines(), 1)
        if len(line) > COLUMNS and comment.match(line)
    ]
    assert too_long == []
