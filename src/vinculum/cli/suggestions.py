"""What somebody may have meant who typed a word that does not exist. Imported only then: start-up does not pay for it."""

from __future__ import annotations

import difflib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# What other programs for the same purpose, and later Borgs, call a command.
OTHER_NAMES = {
    "backup": "create",
    "cat": "extract --stdout",
    "find": "list",
    "forget": "prune",
    "gc": "compact",
    "ls": "list",
    "repo-compress": "recreate",
    "repo-create": "init",
    "repo-delete": "delete",
    "repo-info": "info",
    "repo-list": "list",
    "restore": "extract",
    "rm": "delete",
    "snapshots": "list",
    "stats": "info",
    "unlock": "break-lock",
    "unmount": "umount",
    "verify": "check",
}
ENOUGH_ALIKE = 0.7
MOST_NAMES = 3


def command(word: str, known: Iterable[str]) -> str:
    """A question to put behind the message that there is no command `word`, or nothing."""
    known = set(known)
    other = OTHER_NAMES.get(word, "")
    return _question(other) if other.split(" ")[0] in known else _question(_closest(word, known))


def option(word: str, known: Iterable[str]) -> str:
    """The same for an option; what follows a `=` is its value."""
    return _question(_closest(word.split("=")[0], known))


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Names that somebody chose and somebody else may have meant by `name`: those that go on, the last first, or look alike."""
    by_form = {other.casefold(): other for other in known if other != name}
    word = name.casefold()
    longer = [form for form in by_form if form.startswith(word)] if word else []
    alike = longer[::-1] or difflib.get_close_matches(word, by_form, MOST_NAMES, ENOUGH_ALIKE)
    return [by_form[form] for form in alike[:MOST_NAMES]]


def _closest(word: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, sorted(known), 1, ENOUGH_ALIKE)), "")


def _question(answer: str) -> str:
    return f" Did you mean {answer}?" if answer else ""
