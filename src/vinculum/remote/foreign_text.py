"""Text from the other side that people get to see.

A terminal takes some characters for commands: what a server says must not move the cursor, hide what else is said or do worse.
"""

from __future__ import annotations

_LINE_BREAK, _TAB = 10, 9
_COMMANDS = dict.fromkeys({*range(32), *range(127, 160)} - {_LINE_BREAK, _TAB}, "?")


def harmless(text: str) -> str:
    """The same without control characters, but for line breaks and tabs."""
    return text if text.isprintable() else text.translate(_COMMANDS)
