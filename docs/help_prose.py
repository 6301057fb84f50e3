"""Help texts are written for terminals; here they become reStructuredText.

What their blocks are `vinculum.cli.help_layout` says: it lays them out for terminals by the same rules.
"""

from __future__ import annotations

import re

from vinculum.cli.help_layout import blocks, is_heading, is_prose, terms

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
    return "".join(map(_render_block, blocks(text)))


def _render_block(lines: list[str]) -> str:
    if is_heading(lines):
        rest = _render_block(lines[2:]) if len(lines) > 2 else ""
        return f"{lines[0]}\n{'-' * len(lines[0])}\n\n{rest}"
    if is_prose(lines):
        return inline(" ".join(lines)) + "\n\n"
    rows = terms(lines)
    if rows is None:
        return ".. code-block:: none\n\n" + "".join(f"   {line}\n" for line in lines) + "\n"
    return "".join(f"``{row.name}``\n   {inline(row.explanation)}\n\n" for row in rows)
