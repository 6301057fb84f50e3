"""Which paths are in and which are out: Borg's pattern language.

A pattern has a style (`fm:` `sh:` `re:` `pp:` `pf:`) and a verdict. The first pattern that matches a path decides; if none
does, the matcher's fallback decides. Paths are `str` here (surrogateescape), as people write patterns in text, and without a
leading slash, as archives store them.
"""

from __future__ import annotations

import os.path
import re
import warnings

from vinculum._native import PathSelector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INCLUDE = 0
EXCLUDE = 1  # leave it out, but look into a directory: something below may be included
EXCLUDE_NO_RECURSE = 2  # leave it out with everything below

STYLES = ("fm", "sh", "re", "pp", "pf")


def _class_end(glob: str, start: int) -> int:
    """Index of the bracket that closes the character class whose content begins at `start`; -1 if it stays open."""
    first = start + 1 if glob[start : start + 1] == "!" else start
    return glob.find("]", first + 1)


def _translate_class(content: str) -> str:
    body = content.replace("\\", "\\\\").replace("[", "\\[")
    if body.startswith("!"):
        body = "^" + body[1:]
    elif body.startswith("^"):
        body = "\\" + body
    return f"[{body}]"


def translate_shell(glob: str) -> str:
    """The regular expression (whole match) for a shell pattern: `*` and `?` stop at slashes, `**/` spans directories."""
    out = []
    position = 0
    while position < len(glob):
        if glob.startswith("**/", position):
            out.append("(?:[^/]*/)*")
            position += 3
            continue
        char = glob[position]
        position += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[" and (end := _class_end(glob, position)) >= 0:
            out.append(_translate_class(glob[position:end]))
            position = end + 1
        else:
            out.append(re.escape(char))
    return f"(?ms:{''.join(out)})\\Z"


def _translate_fnmatch(glob: str) -> str:
    import fnmatch

    return fnmatch.translate(glob)


def _glob_test(glob: str, below: str, translate: Callable[[str], str]) -> Callable[[str], bool]:
    """A test for `glob` itself and everything under it; with a trailing slash only for what is under it."""
    tail = "/" if glob.endswith("/") else ""
    stem = os.path.normpath(glob).rstrip("/") if tail else os.path.normpath(glob)
    match = re.compile(translate((stem + "/" + below + tail).lstrip("/"))).match
    return lambda path: match(path + "/") is not None


def _directory(prefix: str) -> str:
    return (os.path.normpath(prefix).rstrip("/") + "/").lstrip("/")


def _full_path(path: str) -> str:
    return os.path.normpath(path).lstrip("/")


def _path_prefix_test(prefix: str) -> Callable[[str], bool]:
    start = _directory(prefix)
    return lambda path: (path + "/").startswith(start)


def _path_full_test(full: str) -> Callable[[str], bool]:
    wanted = _full_path(full)
    return lambda path: path == wanted


def _regex_test(expression: str) -> Callable[[str], bool]:
    with warnings.catch_warnings():
        # What may mean something else in a later Python is no news for somebody whose pattern works.
        warnings.simplefilter("ignore", FutureWarning)
        search = re.compile(expression).search
    return lambda path: search(path) is not None


def _make_test(style: str, text: str) -> Callable[[str], bool]:
    if style == "fm":
        return _glob_test(text, "*", _translate_fnmatch)
    if style == "sh":
        return _glob_test(text, "**/*", translate_shell)
    if style == "pp":
        return _path_prefix_test(text)
    if style == "pf":
        return _path_full_test(text)
    return _regex_test(text)


class Pattern:
    """One pattern with its verdict; `matched` tells whether it ever decided about a path."""

    __slots__ = ("full_path", "matched", "style", "test", "text", "verdict")

    def __init__(self, style: str, text: str, verdict: int) -> None:
        self.style = style
        self.text = text
        self.verdict = verdict
        self.matched = False
        self.test = _make_test(style, text)
        self.full_path = _full_path(text) if style == "pf" else None

    def __repr__(self) -> str:
        return f"<{self.style}:{self.text} -> {self.verdict}>"


def parse_pattern(text: str, default_style: str, verdict: int) -> Pattern:
    """The pattern that `[style:]text` describes. ValueError for an unknown style or an invalid regular expression."""
    style, body = default_style, text
    if len(text) > 2 and text[2] == ":" and text[:2].isalnum():
        style, body = text[:2], text[3:]
        if style not in STYLES:
            raise ValueError(f"Unknown pattern style: {style}")
    try:
        return Pattern(style, body, verdict)
    except re.error as error:
        raise ValueError(f"Invalid regular expression {body!r}: {error}") from None


class PatternMatcher:
    """Decides about paths. Confined to one thread (it notes which patterns were used)."""

    def __init__(self, fallback: int = INCLUDE) -> None:
        self.fallback = fallback
        self._patterns: list[Pattern] = []
        self._by_full_path: dict[str, Pattern] = {}
        self._roots: list[Pattern] = []

    def add(self, patterns: Iterable[Pattern]) -> None:
        for pattern in patterns:
            if pattern.full_path is not None:
                # Full paths are looked up, not searched: thousands of them cost nothing. They decide before all others.
                self._by_full_path.setdefault(pattern.full_path, pattern)
            else:
                self._patterns.append(pattern)

    def add_wanted_paths(self, patterns: Iterable[Pattern]) -> None:
        """Adds the paths that a user asked for; what matches nothing is then out."""
        wanted = list(patterns)
        self.add(wanted)
        self._roots += wanted
        if wanted:
            self.fallback = EXCLUDE

    def followed_by(self, patterns: Iterable[Pattern]) -> PatternMatcher:
        """The same with more patterns, which count where none of the present ones matches."""
        extended = PatternMatcher(self.fallback)
        extended._patterns = list(self._patterns)
        extended._by_full_path = dict(self._by_full_path)
        extended._roots = self._roots
        extended.add(patterns)
        return extended

    def as_selector(self, *, with_parts: bool) -> PathSelector | None:
        """The same as a kernel, if all patterns are whole paths and directories; None if some are not.

        Which patterns are used is then for its user to note, with `note_prefixes`.
        """
        if any(pattern.style != "pp" for pattern in self._patterns):
            return None
        try:
            full = {os.fsencode(path): pattern.verdict == INCLUDE for path, pattern in self._by_full_path.items()}
            prefixes = [(os.fsencode(_directory(pattern.text)), pattern.verdict == INCLUDE) for pattern in self._patterns]
        except UnicodeEncodeError:
            return None  # a character that no file name has here
        return PathSelector(full, prefixes, self.fallback == INCLUDE, with_parts=with_parts)

    def note_prefixes(self, places: Iterable[int]) -> None:
        """Notes that the patterns at these places decided about a path."""
        for place in places:
            self._patterns[place].matched = True

    @property
    def is_trivial(self) -> bool:
        """True if every path is in."""
        return self.fallback == INCLUDE and not self._patterns and not self._by_full_path

    def never_matched(self) -> list[str]:
        """The wanted paths that no path ever matched, as the user wrote them; Borg keeps silent about full paths."""
        return [pattern.text for pattern in self._roots if not pattern.matched and pattern.full_path is None]

    def decide(self, path: str) -> int:
        """INCLUDE, EXCLUDE or EXCLUDE_NO_RECURSE for a path; leading slashes do not matter."""
        path = path.lstrip("/")
        pattern = self._by_full_path.get(path)
        if pattern is not None:
            pattern.matched = True
            return pattern.verdict
        for pattern in self._patterns:
            if pattern.test(path):
                pattern.matched = True
                return pattern.verdict
        return self.fallback
