"""Command lines in files: what both programs are asked, one story to a file, one command line to a line.

    # a remark
    list --short none                      a command line, without the word borg
    list <--short|--json> none             two of them
    BORG_EXIT_CODES=modern list nosuch     with a variable
    [words] list nosuch                    one whose difference has a reason, see `REASONS`
    create none::x - <<some\\ninput         with something on stdin, written as in a Python string
    ! rm tree/file                         something done between them, by sh
    create none::@N tree                   @N is a number that no other line has
    --- fresh                              everything as it was at first

Each begins in the place that `stage` makes: a tree and repositories beside it.
"""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "compat" / "lines"

FRESH = "--- fresh"
_VARIABLE = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)
_TAG = re.compile(r"\[(\w+)\] ")
_CHOICE = re.compile(r"<([^<>]*\|[^<>]*)>")


class Line(NamedTuple):
    """One command line, or a step between two (`shell`, `fresh`)."""

    text: str
    kind: str = "command"
    tag: str = ""
    words: tuple[str, ...] = ()
    environment: dict[str, str] = {}  # noqa: RUF012  never changed
    stdin: bytes = b""


def names() -> list[str]:
    """The stories there are."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read(name: str) -> list[Line]:
    """The steps of one story."""
    lines = []
    for raw in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        text = raw.strip()
        if text == FRESH:
            lines.append(Line(text, "fresh"))
        elif text.startswith("! "):
            lines.append(Line(text, "shell", words=(text[2:],)))
        elif text and not text.startswith("#"):
            for expanded in _expanded(text):
                lines.append(_command_line(expanded.replace("@N", str(len(lines)))))
    return lines


def _expanded(text: str) -> list[str]:
    parts = _CHOICE.split(text)
    choices = [part.split("|") if number % 2 else [part] for number, part in enumerate(parts)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _command_line(text: str) -> Line:
    tag = _TAG.match(text)
    rest = text[tag.end() :] if tag else text
    rest, _, told = rest.partition("<<")
    stdin = told.encode().decode("unicode_escape").encode("latin-1") if told else b""
    words = shlex.split(rest)
    environment = {}
    while words and (variable := _VARIABLE.fullmatch(words[0])):
        environment[variable[1]] = variable[2]
        words.pop(0)
    return Line(text.removeprefix(tag[0]) if tag else text, "command", tag[1] if tag else "", tuple(words), environment, stdin)
