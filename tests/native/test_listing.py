"""Listings and choices by kernels against the getters and patterns in Python: any items, any bytes, any time, any zone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reference import items as reference
from vinculum._native import Bytes, ItemRenderer, ItemWindow, ItemWindowDecoder, PathSelector
from vinculum.archive.item_choice import ItemChoice
from vinculum.archive.patterns import EXCLUDE, INCLUDE, PatternMatcher, parse_pattern
from vinculum.errors import CommandError, IntegrityError
from vinculum.ui.item_keys import NATIVE_KEYS, ItemFormatter

NAMES = st.one_of(
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    st.binary(max_size=20),
    st.sampled_from([b"", b"a/b", b'"\\\n\t\x7f', "ü\u2028😀".encode(), b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xe2\x82x"]),
)
MODES = st.builds(lambda kind, bits: kind << 12 | bits, st.sampled_from([1, 2, 4, 6, 8, 10, 12, 3, 0]), st.integers(0, 0o7777))
TIMES = st.one_of(
    st.integers(0, 2**31 * 10**9),
    st.integers(-(2**70), 2**70),
    st.integers(0, 2**31).map(lambda second: second * 10**9 + 999_999_700),
    st.sampled_from([0, 1, 500, 1500, 999_999_499, 63_593_069 * 10**9, 63_593_070 * 10**9]),
)
IDS = st.integers(-1, 2**32)
CHUNKS = st.lists(st.tuples(st.just(bytes(32)), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)).map(list), max_size=4)
ITEMS = st.fixed_dictionaries(
    {b"path": NAMES, b"mode": MODES, b"mtime": TIMES},
    optional={
        b"uid": IDS,
        b"gid": IDS,
        b"user": NAMES,
        b"group": NAMES,
        b"atime": TIMES,
        b"ctime": TIMES,
        b"size": st.integers(0, 2**64 - 1),
        b"source": NAMES,
        b"chunks": CHUNKS,
        b"chunks_healthy": CHUNKS,
        b"bsdflags": st.integers(0, 7),
        b"part": st.just(1),
    },
)
WIDTHS = st.sampled_from(["", "1", "8", "<8", ">8", "^9", "30", "^30", "08", "*>8", "<", ".3"])
FIELDS = st.one_of(
    st.builds(lambda key, width: f"{{{key}:{width}}}", st.sampled_from(sorted(NATIVE_KEYS - {"healthy"})), WIDTHS),
    st.sampled_from(
        ["{path!r}", "{mtime:%Y %j}", "{archivename:>9}", "{archiveid}", "{NUL}", "{{}}", "ü\n", "{sha256}", "{md5:.3}"]
    ),
)


@pytest.fixture(scope="module", params=["UTC", "America/St_Johns", "Africa/Monrovia"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """A local zone: one without surprises, one with half hours and summer time, one that changed at an odd second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def window_of(items: list[reference.ItemFields]) -> ItemWindow:
    decoder = ItemWindowDecoder()
    window = decoder.feed([Bytes(b"".join(map(reference.encode, items)))])
    decoder.finish()
    return window


def formatter(format_text: str) -> ItemFormatter:
    def no_content(ids: bytes) -> list[Bytes]:
        assert not ids.strip(b"\0")
        return [Bytes(b"content")] * (len(ids) // 32)

    return ItemFormatter(format_text, archive_name="ärchive", archive_id=bytes(range(32)), fetch=no_content, index=None)


@settings(max_examples=150, deadline=None)
@given(st.lists(ITEMS, max_size=5), st.lists(FIELDS, max_size=5).map("".join))
@example([{b"path": b"p", b"mode": 0o100644, b"mtime": 0}], "{uid}|{gid:5}")
@example([{b"path": b"p", b"mode": 2**40, b"mtime": 0}], "{mode}")
def test_lines_are_those_of_the_getters(zone: str, items: list[reference.ItemFields], format_text: str) -> None:
    assert zone
    window, made = window_of(items), formatter(format_text)
    try:
        expected = made.lines_of(window.items())
    except (CommandError, OverflowError) as error:
        with pytest.raises(type(error)):
            list(made.lines([window]))
        return
    assert "".join(made.lines([window])) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(ITEMS, max_size=5), st.lists(FIELDS, max_size=5).map("".join))
def test_json_lines_are_those_of_the_getters(zone: str, items: list[reference.ItemFields], format_text: str) -> None:
    assert zone
    window, made = window_of(items), formatter(format_text)
    assert "".join(made.json_lines([window])) == made.json_lines_of(window.items())


def test_what_the_kernel_does_not_show_is_left_to_the_caller() -> None:
    window = window_of([{b"path": b"p", b"mode": 2**40, b"mtime": 0}])
    assert ItemRenderer([("mode", "", 0)]).render(window, []) is None
    with pytest.raises(ValueError, match="nosuch"):
        ItemRenderer(["nosuch"])
    for columns in ([], [[b"one", b"too many"]], [[b"x"], [b"y"]]):
        with pytest.raises(ValueError, match="column"):
            ItemRenderer([None]).render(window, columns)


def test_many_items_come_in_order() -> None:
    items: list[reference.ItemFields] = [{b"path": b"%d" % n, b"mode": 0o100644, b"mtime": n} for n in range(20_000)]
    window = window_of(items)
    assert "".join(formatter("{path},").lines([window])) == "".join(f"{n}," for n in range(20_000))
    assert [item.mtime for item in window.items()] == list(range(20_000))
    assert window.paths() == [b"%d" % n for n in range(20_000)]


def test_an_item_that_is_none_is_an_error() -> None:
    for packed in (b"\x80", b"\x81\xa4path\x01", b"\x82\xa4path\xa1p\xa4mode\xc0", b"\x82\xa4path\xa1p\xa6chunks\x91\x01"):
        window = ItemWindowDecoder().feed([Bytes(packed)])
        assert len(window) == 1
        for read in (window.items, lambda window=window: ItemRenderer(["size"]).render(window, [])):
            with pytest.raises(IntegrityError):
                read()


# -- choosing ----------------------------------------------------------------------------------------------------------


def chosen(items: list[reference.ItemFields], choice: ItemChoice, cuts: Sequence[int] = ()) -> list[bytes]:
    """The paths of what is chosen of an item stream that is cut into chunks at these places."""
    stream = b"".join(map(reference.encode, items))
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    decoder = ItemWindowDecoder(choice.selector)
    window = decoder.feed([Bytes(stream[start:stop]) for start, stop in pairwise(places)])
    decoder.finish()
    return choice.narrow(window, decoder.deciding).paths()


PARTS = st.sampled_from(["a", "b", "ab", "", "..", ".", "ü"])
PATHS = st.lists(PARTS, max_size=4).map("/".join)
PATTERNS = st.tuples(st.sampled_from(["pp", "pf", "sh"]), PATHS, st.sampled_from([INCLUDE, EXCLUDE]))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(PATHS, st.booleans()), max_size=8),
    st.lists(PATTERNS, max_size=4),
    st.lists(PATHS, max_size=2),
    st.booleans(),
    st.lists(st.integers(0, 1000), max_size=3),
)
def test_choices_are_those_of_the_patterns(
    paths: list[tuple[str, bool]], patterns: list[tuple[str, str, int]], wanted: list[str], with_parts: bool, cuts: list[int]
) -> None:
    def make() -> PatternMatcher:
        matcher = PatternMatcher()
        matcher.add([parse_pattern(text, style, verdict) for style, text, verdict in patterns])
        matcher.add_wanted_paths([parse_pattern(text, "pp", INCLUDE) for text in wanted])
        return matcher

    items: list[reference.ItemFields] = [
        {b"path": os.fsencode(path), b"mode": 0o100644, b"mtime": 0} | ({b"part": 1} if is_part else {})
        for path, is_part in paths
    ]
    slow, quick = make(), make()
    expected = [
        item[b"path"]
        for item in items
        if (with_parts or b"part" not in item) and slow.decide(os.fsdecode(item[b"path"])) == INCLUDE
    ]
    assert chosen(items, ItemChoice.by_patterns(quick, with_parts=with_parts), cuts) == expected
    assert quick.never_matched() == slow.never_matched()


def test_simple_patterns_are_looked_up_by_the_kernel() -> None:
    for text, is_simple in (("pp:a", True), ("pf:a/b", True), ("a", True), ("sh:a", False), ("re:a", False), ("fm:a", False)):
        matcher = PatternMatcher()
        matcher.add_wanted_paths([parse_pattern(text, "pp", INCLUDE)])
        assert (matcher.as_selector(with_parts=False) is not None) == is_simple


def test_masks_have_to_fit() -> None:
    window = window_of([{b"path": b"p", b"mode": 0, b"mtime": 0}])
    assert len(window.chosen(b"\0")) == 0
    assert len(window.chosen(b"\2")) == 1
    with pytest.raises(ValueError, match="mask"):
        window.chosen(b"")


def test_prefixes_and_whole_paths_decide() -> None:
    decoder = ItemWindowDecoder(PathSelector({b"a/b": False}, [(b"q/", True), (b"a/", True)], False, with_parts=False))
    items: list[reference.ItemFields] = [
        {b"path": path, b"mode": 0, b"mtime": 0} for path in (b"a", b"a/b", b"/a/c", b"ab", b"x")
    ]
    window = decoder.feed([Bytes(b"".join(map(reference.encode, items)))])
    assert (window.paths(), decoder.deciding) == ([b"a", b"/a/c"], [1])
