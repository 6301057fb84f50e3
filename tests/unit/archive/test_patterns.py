"""The pattern language, against its rules as `docs/` state them; `compat/test_patterns.py` asks real Borg."""

from __future__ import annotations

import pytest

from vinculum.archive.pattern_files import PatternCollector
from vinculum.archive.patterns import EXCLUDE, EXCLUDE_NO_RECURSE, INCLUDE, PatternMatcher, parse_pattern


def matches(pattern: str, path: str) -> bool:
    return parse_pattern(pattern, "fm", INCLUDE).test(path)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("home/*/junk", "home/anna/junk", True),
        ("home/*/junk", "home/anna/deep/junk", True),  # fnmatch's star crosses directories
        ("sh:home/*/junk", "home/anna/deep/junk", False),
        ("sh:home/**/junk", "home/anna/deep/junk", True),
        ("sh:home/**/junk", "home/junk", True),
        ("*.o", "src/a.o", True),
        ("*.o", "src/a.o/inside", True),  # what is below a match matches
        ("dir/", "dir", False),  # with a slash only what is below
        ("dir/", "dir/file", True),
        ("/dir", "dir", True),
        ("pp:a/b", "a/b", True),
        ("pp:a/b", "a/b/c", True),
        ("pp:a/b", "a/bc", False),
        ("pf:a/b", "a/b", True),
        ("pf:a/b", "a/b/c", False),
        ("re:[0-9]{3}$", "photo123", True),
        ("re:^[0-9]", "photo123", False),
        ("a\udcff*", "a\udcffb", True),
        ("sh:[!a]b", "cb", True),
        ("sh:[!a]b", "ab", False),
    ],
)
def test_styles(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize("text", ["xx:a", "re:("])
def test_malformed_patterns_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Unknown pattern style|Invalid regular expression"):
        parse_pattern(text, "fm", INCLUDE)


def test_the_first_match_decides_and_the_fallback_the_rest() -> None:
    matcher = PatternMatcher()
    matcher.add([parse_pattern("*.keep", "fm", INCLUDE), parse_pattern("tmp", "fm", EXCLUDE_NO_RECURSE)])
    assert matcher.decide("/tmp/a.keep") == INCLUDE
    assert matcher.decide("tmp/a") == EXCLUDE_NO_RECURSE
    assert matcher.decide("other") == INCLUDE
    assert not matcher.is_trivial


def test_wanted_paths_leave_the_rest_out_and_report_those_never_seen() -> None:
    matcher = PatternMatcher()
    matcher.add_wanted_paths([parse_pattern("a", "pp", INCLUDE), parse_pattern("gone", "pp", INCLUDE)])
    assert matcher.decide("a/b") == INCLUDE
    assert matcher.decide("b") == EXCLUDE
    assert matcher.never_matched() == ["gone"]


def test_pattern_files_set_roots_styles_and_verdicts() -> None:
    collector = PatternCollector()
    collector.add_commands(["# a comment", "", "R /home", "P fm", "- *.o", "+ *.c", "! cache"])
    assert collector.roots == ["/home"]
    assert [(pattern.style, pattern.verdict) for pattern in collector.patterns] == [
        ("fm", EXCLUDE),
        ("fm", INCLUDE),
        ("fm", EXCLUDE_NO_RECURSE),
    ]
    collector.add_command("- *.o")
    assert collector.patterns[-1].style == "sh"


@pytest.mark.parametrize("line", ["x foo", "+", "P nonsense"])
def test_malformed_lines_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"pattern"):
        PatternCollector().add_command(line)
