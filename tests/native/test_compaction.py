"""The compaction kernels against their twin: which entries are kept, where they go, and what becomes of index and shadows."""

from __future__ import annotations

import struct
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import segments as twin
from reference.compaction import Moved, move_segment
from reference.hashindex import Table
from vinculum import _native
from vinculum.errors import IntegrityError
from vinculum.formats.msgpack import pack

# They all begin at the same few buckets of a hash table, so that looking them up moves them around in it.
KEYS = [bytes(32), *(struct.pack("<I", number % 3) + bytes([number]) * 28 for number in range(1, 9))]
SEGMENT = 5

keys = st.sampled_from(KEYS)
entries = st.one_of(
    st.builds(twin.pack_entry, st.just(twin.PUT), keys, st.binary(max_size=60)),
    st.builds(twin.pack_entry, st.just(twin.DELETE), keys),
    st.just(twin.pack_entry(twin.COMMIT)),
)
shadow_maps = st.dictionaries(keys, st.lists(st.integers(3, 7), max_size=3))


def load_shadows(shadows: dict[bytes, list[int]]) -> _native.ShadowIndex:
    return _native.ShadowIndex.load(pack(shadows))


def move_by_stretches(
    data: bytes,
    index: _native.RepositoryIndex,
    shadows: _native.ShadowIndex,
    *,
    is_stable: bool,
    offset: int,
    limit: int,
    most: int,
) -> Moved:
    """The whole segment, in the way that `repository.compaction` does it."""
    target, start, is_new = 20, 0, False
    written: dict[int, bytes] = {}
    sums = [0, 0, 0]
    with TemporaryFile() as file:
        file.write(data)
        file.flush()
        found = _native.scan_segment(file.fileno())
        while start < len(found):
            moved = _native.MovedEntries(
                found,
                start,
                SEGMENT,
                index,
                shadows,
                is_stable=is_stable,
                target=target,
                offset=offset,
                limit=limit,
                most=most,
                is_new=is_new,
            )
            copied = bytes(moved.read(file.fileno()))
            assert len(copied) <= most or len(moved) == 1
            if copied:
                written[target] = written.get(target, b"") + copied
            offset += len(copied)
            sums = [old + new for old, new in zip(sums, (moved.puts, moved.delete_bytes, moved.superseded_bytes), strict=True)]
            assert moved.stop > start or moved.needs_segment
            start, is_new = moved.stop, moved.needs_segment
            if is_new:
                target, offset = target + 1, 8
    return Moved(sorted(written.items()), *sums)


@given(
    st.lists(entries, max_size=12),
    shadow_maps,
    st.data(),
    st.booleans(),
    st.integers(8, 300),
    st.integers(8, 300),
    st.integers(0, 400),
)
def test_entries_move_as_one_by_one(
    parts: list[bytes],
    shadows: dict[bytes, list[int]],
    draw: st.DataObject,
    is_stable: bool,
    offset: int,
    limit: int,
    most: int,
) -> None:
    data = twin.pack_segment(*parts)
    table = Table(8)
    for key in draw.draw(st.lists(keys)):
        table.set(key, struct.pack("<II", 4, 8))
    for entry in twin.parse_segment(data):
        # As a replay, but some were put again or deleted later.
        if entry.tag == twin.PUT:
            table.set(entry.key, struct.pack("<II", SEGMENT, entry.offset))
        elif entry.tag == twin.DELETE:
            table.pop(entry.key)
    for key in draw.draw(st.lists(keys)):
        table.pop(key)
    index, native_shadows = _native.RepositoryIndex.load(table.to_bytes()), load_shadows(shadows)
    moved = move_by_stretches(data, index, native_shadows, is_stable=is_stable, offset=offset, limit=limit, most=most)
    expected = move_segment(data, SEGMENT, table, shadows, is_stable=is_stable, target=20, offset=offset, limit=limit)
    assert moved == expected
    assert bytes(index.save()) == table.to_bytes()
    assert bytes(native_shadows.save()) == pack(shadows)


def test_look_ups_and_new_places_alternate_as_they_do_in_borg() -> None:
    # A look-up moves an entry into a deleted bucket before it, which the next may then find in its way.
    table = Table(8)
    parts = [twin.pack_entry(twin.PUT, key) for key in KEYS[1:]]
    data = twin.pack_segment(*parts)
    for key in KEYS[:3]:
        table.set(key, bytes(8))
    for at, key in enumerate(KEYS[3:], 2):
        table.set(key, struct.pack("<II", SEGMENT, 8 + 41 * at))
    for key in KEYS[:3]:
        table.pop(key)
    index = _native.RepositoryIndex.load(table.to_bytes())
    before = table.to_bytes()
    arguments = {"is_stable": True, "offset": 8, "limit": 1000}
    moved = move_by_stretches(data, index, _native.ShadowIndex(), most=1000, **arguments)
    assert moved == move_segment(data, SEGMENT, table, {}, target=20, **arguments)
    assert moved.puts == 6
    assert bytes(index.save()) == table.to_bytes() != before


def test_damage_since_the_scan_is_noticed() -> None:
    big = twin.pack_entry(twin.PUT, KEYS[1], bytes(3_000_000))
    data = twin.pack_segment(twin.pack_entry(twin.PUT, KEYS[2], b"gone"), big, twin.pack_entry(twin.PUT, KEYS[3], b"last"))
    index = _native.RepositoryIndex()
    index.set(KEYS[1], SEGMENT, 53)
    index.set(KEYS[3], SEGMENT, 53 + len(big))
    with TemporaryFile() as file:
        file.write(data)
        file.flush()
        moved = _native.MovedEntries(
            _native.scan_segment(file.fileno()),
            0,
            SEGMENT,
            index,
            _native.ShadowIndex(),
            is_stable=True,
            target=20,
            offset=8,
            limit=10**9,
            most=10**9,
            is_new=False,
        )
        assert bytes(moved.read(file.fileno())) == data[53:]
        for at in (53, 57, 61, 62, 2_000_000, len(data) - 1):
            file.seek(at)
            file.write(bytes([data[at] ^ 1]))
            file.flush()
            with pytest.raises(IntegrityError, match=f"offset {53 if at < 53 + len(big) else 53 + len(big)}:"):
                moved.read(file.fileno())
            file.seek(at)
            file.write(data[at : at + 1])
        file.truncate(len(data) - 1)
        with pytest.raises(IntegrityError, match="1 of its 45 bytes are missing"):
            moved.read(file.fileno())


@given(shadow_maps, st.data())
def test_shadows_are_borgs_map(shadows: dict[bytes, list[int]], draw: st.DataObject) -> None:
    native = load_shadows(shadows)
    for _ in range(draw.draw(st.integers(0, 5))):
        segment = draw.draw(st.integers(0, 70_000))
        if draw.draw(st.booleans()):
            added = draw.draw(st.lists(keys))
            native.add_many(b"".join(added), segment)
            for key in added:
                shadows.setdefault(key, []).append(segment)
        else:
            native.forget_after(segment - 1)
            for numbers in shadows.values():
                numbers[:] = [number for number in numbers if number < segment]
    assert bytes(native.save()) == pack(shadows)
    assert len(native) == len(shadows)
    for key in KEYS:
        assert native.get(key) == shadows.get(key)


@pytest.mark.parametrize("value", [[], {b"short": []}, {KEYS[1]: 5}, {KEYS[1]: [b"5"]}, {KEYS[1]: [-1]}, {KEYS[1]: [2**32]}])
def test_anything_else_is_no_shadow_index(value: object) -> None:
    with pytest.raises(IntegrityError):
        _native.ShadowIndex.load(pack(value))
    with pytest.raises(IntegrityError):
        _native.ShadowIndex.load(pack({KEYS[1]: [7]}) + b"\0")
