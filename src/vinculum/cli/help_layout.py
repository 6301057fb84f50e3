"""Help texts are written for wide windows; here they are laid out for the one that there is.

What a block of lines is shows in how it looks: a line of dashes below makes a heading, two columns are terms with their
explanations, more columns or indented lines stay as they are, and everything else is prose. The manual goes by the same rules.
Imported when help is asked for: start-up does not pay for it.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

_ROW = re.compile(r" *(\S+(?: \S+)*) {2,}(\S.*)")
_COLUMNS = re.compile(r"\S {2,}\S")
_LEAST_WIDTH = 30
"""What an explanation needs to stand beside its term; with less it stands below."""


class Term(NamedTuple):
    """A row of two columns; the second one may go on in further lines."""

    name: str
    explanation: str
    indentation: int
    column: int  # where explanations begin


def blocks(text: str) -> list[list[str]]:
    """The lines of each block of a text."""
    return [block.split("\n") for block in re.split(r"\n\s*\n", text.strip("\n"))]


def is_heading(lines: list[str]) -> bool:
    """Whether a block begins with a heading and its line of dashes."""
    return len(lines) > 1 and set(lines[1]) == {"-"}


def is_prose(lines: list[str]) -> bool:
    return not any(line.startswith(" ") or _COLUMNS.search(line) for line in lines)


def terms(lines: list[str]) -> list[Term] | None:
    """The rows of a block, if it consists of two columns."""
    indentation = min(map(_indentation, lines))
    found: list[Term] = []
    for line in lines:
        row = _ROW.fullmatch(line)
        if _indentation(line) > indentation:
            if not found or _COLUMNS.search(line.strip()):
                return None
            found[-1] = found[-1]._replace(explanation=f"{found[-1].explanation} {line.strip()}")
        elif row and not _COLUMNS.search(row[2]):
            found.append(Term(row[1], row[2], indentation, row.start(2)))
        else:
            return None
    return found


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def fit(text: str, columns: int) -> str:
    """A help text in lines of no more than so many columns, but for what has to stay as it is."""
    if max(map(len, text.split("\n"))) <= columns:
        return text
    return "\n\n".join(_fit_block(lines, columns) for lines in blocks(text)) + "\n"


def _fit_block(lines: list[str], columns: int) -> str:
    if is_heading(lines):
        return "\n".join(lines[:2] + ([_fit_block(lines[2:], columns)] if lines[2:] else []))
    if is_prose(lines):
        return _fill(" ".join(lines), columns)
    return "\n".join(lines) if (rows := terms(lines)) is None else "\n".join(_fit_row(row, columns) for row in rows)


def _fit_row(row: Term, columns: int) -> str:
    head = f"{' ' * row.indentation}{row.name}"
    if columns - row.column >= _LEAST_WIDTH:
        return _fill(row.explanation, columns, head.ljust(row.column), " " * row.column)
    if len(head) + 2 + len(row.explanation) <= columns:
        return f"{head}  {row.explanation}"
    below = " " * (row.indentation + 6)
    return f"{head}\n{_fill(row.explanation, columns, below, below)}"


def _fill(text: str, columns: int, first: str = "", others: str = "") -> str:
    return textwrap.fill(
        text, columns, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    )
