"""Help texts are written for terminals; here they become reStructuredText.

What a block of lines is shows in how it looks: a line of dashes below makes a heading, two columns are terms with their
explanations, more columns or indented lines stay as they are, and everything else is prose.
"""

from __future__ import annotations

import re

TERM = re.compile(r"(\S+(?: \S+)*) {2,}(\S.*)")
COLUMNS = re.compile(r"\S {2,}\S")
OPTION = re.compile(r"(?<![\w-])(--?[a-zA-Z][\w-]*)")


def escape(text: str) -> str:
    """The text as it is, whatever signs are in it."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def inline(text: str) -> str:
    """A line of prose, with its options in the type of code."""
    parts = OPTION.split(text)
    return "".join(f"\\ ``{part}``\\ " if at % 2 else escape(part) for at, part in enumerate(parts))


def render_help(text: str) -> str:
    """A whole help text."""
    return "".join(_render_block(block.split("\n")) for block in re.split(r"\n\s*\n", text.strip("\n")))


def _render_block(lines: list[str]) -> str:
    if len(lines) > 1 and set(lines[1]) == {"-"}:
        rest = _render_block(lines[2:]) if len(lines) > 2 else ""
        return f"{lines[0]}\n{'-' * len(lines[0])}\n\n{rest}"
    if not any(line.startswith(" ") or COLUMNS.search(line) for line in lines):
        return inline(" ".join(lines)) + "\n\n"
    terms = _terms(lines)
    if terms is None:
        return ".. code-block:: none\n\n" + "".join(f"   {line}\n" for line in lines) + "\n"
    return "".join(f"``{term}``\n   {inline(' '.join(explanation))}\n\n" for term, explanation in terms)


def _terms(lines: list[str]) -> list[tuple[str, list[str]]] | None:
    """Terms and the lines that explain them, if the block consists of these."""
    indentation = min(len(line) - len(line.lstrip()) for line in lines)
    terms: list[tuple[str, list[str]]] = []
    for line in (line[indentation:] for line in lines):
        found = TERM.fullmatch(line)
        if line.startswith(" "):
            if not terms or COLUMNS.search(line):
                return None
            terms[-1][1].append(line.strip())
        elif found and not COLUMNS.search(found[2]):
            terms.append((found[1], [found[2]]))
        else:
            return None
    return terms
