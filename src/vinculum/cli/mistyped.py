"""Words on the command line that somebody may have mistyped, or put in the wrong place: what was probably meant.

For advice, as are `advice` (about errors) and `surroundings`; imported only when something went wrong.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vinculum.archive import placeholders
from vinculum.cli import suggestions, surroundings
from vinculum.keys.modes import MODES
from vinculum.operations.configure import LISTED as SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vinculum.cli.locations import LocationRule

INDENTATION = "  "
_USAGE = {
    "--encryption": "Most want --encryption=repokey: the key is in the repository then, and a passphrase protects it. "
    f"All of them: {', '.join(MODES)} (borg help init)",
    "unsupported compression type": "Most want lz4, which is the default, or zstd,6. All of them: borg help compression",
}
"""What a message has in it, and what to do then."""


def location(text: str, rule: LocationRule) -> str:
    """A line about a location that is not of the kind that a command takes, or nothing."""
    if not text or "::" in text:
        return ""
    meant = with_two_colons(text)
    if meant:
        return f"{INDENTATION}{meant}"
    if rule.archive and surroundings.is_repository(text):
        return f"{INDENTATION}The name of an archive belongs behind the repository: {shlex.quote(text)}::NAME"
    return ""


def with_two_colons(text: str) -> str:
    """A question, if only a colon is missing between a repository and a name."""
    repository, colon, archive = text.rpartition(":")
    if not colon or not surroundings.is_repository(repository):
        return ""
    return f"Did you mean {shlex.quote(f'{repository}::{archive}')}, with two colons?"


def archive(name: str, others: Iterable[str]) -> str:
    """A line about an archive that is not there, or nothing."""
    return f"{INDENTATION}{question(suggestions.closest(name, others))}".rstrip()


def setting(name: str) -> str:
    """A question about a setting that does not exist, with its newline, or nothing."""
    return question(suggestions.closest(name, SETTINGS))


def usage(message: str) -> str:
    """A line about what an option parser found wrong, or nothing."""
    found = next((advice for part, advice in _USAGE.items() if part in message), "")
    return f"{INDENTATION}{found}" if found else ""


def placeholder(name: str) -> str:
    """Lines about a placeholder that does not exist."""
    near = [f"{{{other}}}" for other in suggestions.closest(name, placeholders.names())]
    lines = f"{question(near)}All of them: borg help placeholders"
    return "".join(f"{INDENTATION}{line}\n" for line in lines.splitlines())


def question(candidates: list[str]) -> str:
    """Whether one of these was meant, with a newline; nothing if there are none."""
    return f"Did you mean {' or '.join(map(shlex.quote, candidates))}?\n" if candidates else ""
