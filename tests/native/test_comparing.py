"""The pairing of two archives by a kernel against its twin: any items, in windows cut anywhere."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import comparing as twin
from reference import items as reference
from support.items import unpacked
from vinculum._native import Bytes, Item, ItemPairing, ItemWindow, ItemWindowDecoder
from vinculum.errors import IntegrityError

PATHS = st.sampled_from([b"a", b"b", b"c", b"d/a", b"d/\xff", b""])
IDS = st.sampled_from([bytes([number]) * 32 for number in range(3)])
CHUNKS = st.lists(st.tuples(IDS, st.integers(0, 2), st.integers(0, 2)).map(list), max_size=3)
ITEMS = st.fixed_dictionaries(
    {b"path": PATHS, b"mode": st.sampled_from([0o100644, 0o100600, 0o120777, 0o040755, 0o020600, 0o010600])},
    optional={
        b"mtime": st.integers(0, 1),
        b"ctime": st.integers(0, 1),
        b"user": st.sampled_from([b"", b"root", None]),
        b"group": st.sampled_from([b"root", b"other"]),
        b"size": st.integers(0, 3),
        b"source": st.sampled_from([b"a", b"b", b"d/a", None]),
        b"hardlink_master": st.booleans() | st.none(),
        b"chunks": CHUNKS,
        b"xattrs": st.just({b"user.x": b"y"}),
        b"something": st.integers(0, 9),
    },
)
ARCHIVES = st.lists(ITEMS, max_size=12)


def windows(items: list[dict[bytes, Any]]) -> ItemWindow:
    return ItemWindowDecoder().feed([Bytes(reference.encode(item)) for item in items])


def in_step(old: ItemWindow, new: ItemWindow, cuts: list[int]) -> list[tuple[ItemWindow, ItemWindow]]:
    both, most = min(len(old), len(new)), max(len(old), len(new))
    places = sorted({0, both, most, *(cut for cut in cuts if cut < most)})
    return [(old.part(*ends), new.part(*ends)) for ends in pairwise(places)]


def flat(path: bytes, old: Item | None, new: Item | None, depends_on_content: bool) -> tuple[object, ...]:
    return path, *(item and bytes(item.encode()) for item in (old, new)), depends_on_content


@settings(max_examples=400)
@given(ARCHIVES, ARCHIVES, st.lists(st.integers(0, 12)), st.booleans(), st.booleans(), st.integers(1, 5), st.booleans())
def test_as_the_twin(
    old: list[dict[bytes, Any]],
    new: list[dict[bytes, Any]],
    cuts: list[int],
    by_ids: bool,
    content_only: bool,
    most: int,
    are_alike: bool,
) -> None:
    if are_alike:  # or hardly anything is equal
        new = new[:1] + old + new[1:3]
    expected = twin.Pairing(by_ids=by_ids, content_only=content_only)
    decoded = [unpacked(b"".join(map(reference.encode, items))) for items in (old, new)]
    unequal = [flat(*one) for one in expected.run(*decoded)]
    pairing = ItemPairing(by_ids=by_ids, content_only=content_only)
    found = []
    for parts in in_step(windows(old), windows(new), cuts):
        found += [flat(*one) for one in pairing.meet(*parts)]
    lost = []
    while True:
        rest, links = pairing.rest(most)
        assert len(rest) + len(links) <= most + 1, "both of a pair may be such links"
        lost += links
        if not rest and not links:
            break
        found += [flat(*one) for one in rest]
    assert found == unequal
    assert lost == expected.lost


def test_many_items_on_all_cores() -> None:
    items = [{b"path": b"%d" % number, b"mode": 0o100644, b"hardlink_master": False} for number in range(20_000)]
    changed = [dict(item) for item in items]
    changed[777][b"mode"] = changed[15_000][b"mode"] = 0o100600
    pairing = ItemPairing(by_ids=True, content_only=False)
    assert [one[0] for one in pairing.meet(windows(items), windows(changed))] == [b"777", b"15000"]
    assert pairing.rest(1) == ([], [])


def test_what_is_no_item_is_an_error() -> None:
    good = windows([{b"path": b"a", b"mode": 0o100644}])
    for fields in ({b"mode": 1}, {b"path": b"a", b"mode": b"x"}, {b"path": b"a", b"source": 1}):
        with pytest.raises(IntegrityError):
            ItemPairing(by_ids=True, content_only=False).meet(windows([fields]), good)


def test_parts_of_windows() -> None:
    window = windows([{b"path": b"%d" % number} for number in range(5)])
    assert window.part(1, 3).paths() == [b"1", b"2"]
    assert window.part(1, 3).part(1, 9).paths() == [b"2"]
    assert window.part(5, 9).paths() == window.part(7, 2).paths() == []
