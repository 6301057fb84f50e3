"""Patterns, as typed and in files: what they choose is decided for a few paths, or they are refused."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from vinculum.archive.pattern_files import PatternCollector
from vinculum.archive.patterns import PatternMatcher, parse_pattern

PATHS = ["", "a", "a/b", "home/user/.cache/x", "näme/[x]", "\udcff/y", "a\nb"]
STYLES = ["fm", "sh", "pp", "pf", "re"]
WORDS = [b"re:", b"fm:", b"sh:", b"pp:", b"pf:", b"**/", b"[!a]", b"[[:alpha:]]", b"+ ", b"- ", b"! ", b"R ", b"P sh", b"(?i)"]


def seeds() -> Iterator[bytes]:
    yield b"\0fm:*/.cache/[!a-z]?"
    yield b"\1sh:home/**/*.{a,b}"
    yield b"\4re:^a(b|c)+$"
    yield b"\xff# comment\nP sh\n+ a/b\n- **/*.o\n! c\nR root\n"


def fuzz(data: bytes) -> None:
    """The first byte is the style, or says that the others are a file of patterns."""
    kind, text = data[:1], data[1:300].decode("utf-8", "surrogateescape")
    collector = PatternCollector()
    matcher = PatternMatcher()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if kind == b"\xff":
                collector.add_commands(text.split("\n"))
            else:
                matcher.add([parse_pattern(text, STYLES[kind[0] % len(STYLES)] if kind else "fm", 0)])
        except ValueError:
            return
    if kind != b"\xff" and (text.startswith("re:") or (kind and STYLES[kind[0] % len(STYLES)] == "re")):
        return  # an expression may take any time: users choose their own
    for path in PATHS:
        matcher.decide(path)
