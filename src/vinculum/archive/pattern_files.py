"""Files of patterns: one per line, for `--exclude-from` (excludes only) and `--patterns-from` (with roots and verdicts)."""

from __future__ import annotations

from vinculum.archive.patterns import EXCLUDE, EXCLUDE_NO_RECURSE, INCLUDE, STYLES, parse_pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vinculum.archive.patterns import Pattern

_VERDICTS = {"+": INCLUDE, "-": EXCLUDE, "!": EXCLUDE_NO_RECURSE}


class PatternCollector:
    """Gathers roots and patterns in the order in which options name them."""

    def __init__(self) -> None:
        self.roots: list[str] = []
        self.patterns: list[Pattern] = []

    def add_root(self, path: str) -> None:
        """A path to start from."""
        self.roots.append(path)

    def add_exclude(self, text: str) -> None:
        """An `--exclude` pattern. ValueError if it is malformed."""
        self.patterns.append(parse_pattern(text, "fm", EXCLUDE_NO_RECURSE))

    def add_excludes(self, lines: Iterable[str]) -> None:
        """The lines of an `--exclude-from` file."""
        for line in _meaningful(lines):
            self.add_exclude(line)

    def add_command(self, text: str) -> None:
        """A `--pattern` argument. ValueError if it is malformed."""
        self._add_command(text, "sh")

    def add_commands(self, lines: Iterable[str]) -> None:
        """The lines of a `--patterns-from` file; a `P` line sets the default style for the lines after it."""
        style = "sh"
        for line in _meaningful(lines):
            style = self._add_command(line, style)

    def _add_command(self, text: str, style: str) -> str:
        command, rest = text[:1], text[1:].lstrip()
        if not rest:
            raise ValueError(f"A pattern or path must follow the command: {text!r}")
        if command in ("R", "r"):
            self.roots.append(rest)
        elif command in ("P", "p"):
            if rest not in STYLES:
                raise ValueError(f"Unknown pattern style: {rest}")
            return rest
        elif command in _VERDICTS:
            self.patterns.append(parse_pattern(rest, style, _VERDICTS[command]))
        else:
            raise ValueError(f"A pattern must start with one of + - ! R P: {text!r}")
        return style


def _meaningful(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield stripped
