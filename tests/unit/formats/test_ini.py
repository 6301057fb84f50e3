"""Our INI reader and writer against Python's ConfigParser, whose dialect it is."""

from __future__ import annotations

import io
from configparser import ConfigParser
from configparser import Error as ConfigParserError

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vinculum.formats.ini import Ini, IniSyntaxError, parse_bool

lines = st.one_of(
    st.sampled_from(
        ["[repository]", "[a]", "[b] x", "[]", "# note", "; note", "  # deep", "", "   ", "\tmore", "  more = x", "x"]
    ),
    st.sampled_from(
        ["id = 1", "Key: a = b", "key=", "k : %(x)s", " indented = 1", "=x", "a b = c", "key = [x]", "ID=2", "é = ü"]
    ),
)
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


def _by_configparser(text: str) -> dict[str, dict[str, str]]:
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


@given(st.lists(lines, max_size=12).map("\n".join))
@example("[repository]\nkey = one\n\ttwo\n\n\tthree\n\nid = 4\n")
@example("[repository]\nkey = one\n# note\n\ttwo\n")
@example("[repository]\n  key = one\n  id = two\n    three\n")
def test_reads_what_configparser_reads(text: str) -> None:
    try:
        expected = _by_configparser(text)
    except ConfigParserError:
        with pytest.raises(IniSyntaxError):
            Ini.parse(text)
    else:
        assert Ini.parse(text).sections == expected


@given(st.dictionaries(words.filter(lambda name: "]" not in name and name != "DEFAULT"), st.dictionaries(words, words)))
def test_writes_the_bytes_that_configparser_writes(sections: dict[str, dict[str, str]]) -> None:
    ini = Ini()
    parser = ConfigParser(interpolation=None)
    for name, values in sections.items():
        parser.add_section(name)
        for key, value in values.items():
            ini.section(name)[parser.optionxform(key)] = f"{value}\n{value}"
            parser.set(name, key, f"{value}\n{value}")
        ini.section(name)
    expected = io.StringIO()
    parser.write(expected)
    assert ini.format() == expected.getvalue()


@pytest.mark.parametrize(
    ("text", "value"), [("0", False), (" No", False), ("off", False), ("1", True), ("YES", True), ("True ", True)]
)
def test_booleans(text: str, value: bool) -> None:
    assert parse_bool(text) is value


def test_no_boolean() -> None:
    with pytest.raises(ValueError, match="maybe"):
        parse_bool("maybe")
