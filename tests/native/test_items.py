"""The item codec: recorded vectors, any cutting of the stream, foreign encodings, damage, counting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import items as reference
from support.items import unpacked
from vinculum import _native
from vinculum.errors import IntegrityError

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "golden" / "vectors" / "items.json").read_text())
PACKED = {vector["desc"]: bytes.fromhex(vector["packed"]) for vector in VECTORS["items"]}


PLAIN_FIELDS = (
    "path", "mode", "uid", "gid", "user", "group", "mtime", "atime", "ctime", "birthtime", "size", "source", "rdev",
    "hardlink_master", "xattrs", "acl_access", "acl_default", "bsdflags", "part",
)  # fmt: skip


def plain(data: _native.Bytes) -> bytes:
    return bytes(memoryview(data))


def entries(chunks: _native.ChunkList | None) -> list[list[bytes | int]] | None:
    if chunks is None:
        return None
    ids = chunks.ids()
    split = [ids[start : start + 32] for start in range(0, len(ids), 32)]
    return [list(entry) for entry in zip(split, chunks.sizes(), chunks.csizes(), strict=True)]


def fields_of(item: _native.Item) -> reference.ItemFields:
    """What the properties say, without those that say None."""
    found = {name.encode(): getattr(item, name) for name in PLAIN_FIELDS}
    found |= {b"chunks": entries(item.chunks), b"chunks_healthy": entries(item.chunks_healthy)}
    return {key: value for key, value in found.items() if value is not None}


# -- strategies --------------------------------------------------------------------------------------------------------

RAW = st.binary(max_size=300)
INT = st.integers(0, 2**63 - 1)
TIME = st.integers(-(2**80), 2**80)
U32 = st.integers(0, 2**32 - 1)
CHUNKS = st.lists(st.tuples(st.binary(min_size=32, max_size=32), U32, U32).map(list), max_size=20)
ITEMS = st.fixed_dictionaries(
    {b"path": RAW, b"mode": INT, b"mtime": TIME},
    optional={
        b"uid": st.integers(-(2**63), 2**63 - 1),
        b"gid": INT,
        b"user": RAW,
        b"group": RAW,
        b"atime": TIME,
        b"ctime": TIME,
        b"birthtime": TIME,
        b"size": st.integers(0, 2**64 - 1),
        b"source": RAW,
        b"rdev": st.integers(0, 2**64 - 1),
        b"hardlink_master": st.booleans(),
        b"chunks": CHUNKS,
        b"chunks_healthy": CHUNKS,
        b"xattrs": st.dictionaries(RAW, st.none() | RAW, max_size=20),
        b"acl_access": RAW,
        b"acl_default": RAW,
        b"bsdflags": INT,
        b"part": INT,
    },
)


def cut_anywhere(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[list[reference.ItemFields], list[bytes]]:
    items = draw(st.lists(ITEMS, max_size=6))
    return items, cut_anywhere(draw, b"".join(map(reference.encode, items)))


# -- sound streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
def test_recorded_items_come_back_to_the_byte(packed: bytes) -> None:
    (item,) = unpacked(packed)
    expected = {key: value for key, value in reference.decode(packed)[0].items() if value is not None}
    assert fields_of(item) == {b"hardlink_master": True} | expected
    assert plain(item.encode()) == packed


@pytest.mark.parametrize("vector", VECTORS["integers"], ids=lambda vector: vector["value"])
def test_times_are_packed_as_recorded(vector: dict[str, str]) -> None:
    packed = plain(_native.encode_item({"mtime": int(vector["value"])}, None))
    assert packed == b"\x81\xa5mtime" + bytes.fromhex(vector["packed"])


@given(cut_streams())
@settings(deadline=None)
def test_any_cutting_gives_the_same_items(stream: tuple[list[reference.ItemFields], list[bytes]]) -> None:
    items, pieces = stream
    decoded = unpacked(*pieces)
    assert [fields_of(item) for item in decoded] == [{b"hardlink_master": True} | item for item in items]
    assert b"".join(plain(item.encode()) for item in decoded) == b"".join(pieces)


@given(ITEMS)
@settings(deadline=None)
def test_encoding_equals_the_twin(item: reference.ItemFields) -> None:
    listed = item.get(b"chunks")
    fields: dict[str, Any] = {key.decode(): value for key, value in item.items() if not key.startswith(b"chunks")}
    chunks = None
    if listed is not None:
        chunks = _native.ChunkList.of(
            b"".join(id_ for id_, _, _ in listed), [s for _, s, _ in listed], [c for _, _, c in listed]
        )
    expected = reference.encode({key: value for key, value in item.items() if key != b"chunks_healthy"})
    assert plain(_native.encode_item(fields, chunks)) == expected


def test_missing_names_are_packed_as_nil() -> None:
    assert plain(_native.encode_item({"user": None, "group": b"g"}, None)) == b"\x82\xa5group\xa1g\xa4user\xc0"


def test_chunks_among_the_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="chunks"):
        _native.encode_item({"chunks": b""}, None)


def test_items_are_handed_out_as_soon_as_they_are_complete() -> None:
    decoder = _native.ItemWindowDecoder()
    packed = PACKED["regular file"]
    assert decoder.feed([_native.Bytes(packed[:-1])]).paths() == []
    assert decoder.feed([_native.Bytes(packed[-1:] + packed[:5])]).paths() == [b"home/user/file.txt"]


def test_unknown_fields_are_kept() -> None:
    strange = reference.pack({b"path": b"p", b"mtime": 1, b"acl": {b"deep": [1, [2, None]]}, b"zebra": 1.5})
    (item,) = unpacked(strange)
    assert plain(item.encode()) == reference.encode(reference.decode(strange)[0])


def test_order_and_forms_of_other_writers_become_canonical() -> None:
    """Later msgpack types for texts, wide integers and keys in any order, as foreign programs may write them."""
    foreign = b"\x83\xd9\x05mtime\xd3" + (5).to_bytes(8, "big") + b"\xa4mode\xce\0\0\x01\xff\xa4path\xc4\x01p"
    (item,) = unpacked(foreign)
    assert (item.path, item.mode, item.mtime) == (b"p", 0o777, 5)
    assert plain(item.encode()) == reference.encode({b"path": b"p", b"mode": 0o777, b"mtime": 5})


def test_absent_fields_are_none() -> None:
    (item,) = unpacked(reference.encode({b"path": b"p"}))
    assert fields_of(item) == {b"path": b"p", b"mode": 0, b"mtime": 0, b"hardlink_master": True}
    assert plain(item.encode()) == reference.encode({b"path": b"p"})


def test_a_long_item_in_many_pieces_is_put_together() -> None:
    chunks = [[number.to_bytes(32, "big"), 1, 2] for number in range(200_000)]
    stream = reference.encode({b"path": b"big", b"mtime": 0, b"chunks": chunks})
    (item,) = unpacked(*(stream[start : start + 8192] for start in range(0, len(stream), 8192)))
    assert entries(item.chunks) == chunks


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stream",
    [
        b"\x90",
        b"\xa1x",
        b"\xc0",
        b"\xc1",
        b"\x80",
        b"\x81\xa4mode\x01",
        b"\x81\xa4path\x01",
        b"\x81\x01\x01",
        b"\x81\xa4path\xdb\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x82\xa4path\xa1p\xa6chunks\xdd\xff\xff\xff\xff",
        b"\x82\xa4path\xa1p\xa6chunks\x91\x92\x01\x02",
        b"\x82\xa4path\xa1p\xa6chunks\x91\x93\xa1i\x01\x02",
        b"\x82\xa4path\xa1p\xa6chunks\x91\x93\xda\0\x20" + bytes(32) + b"\xff\0",
        b"\x82\xa4path\xa1p\xa4size\xff",
        b"\x82\xa4path\xa1p\xa5mtime\xbf" + b"\1" * 31,
        b"\x81\xa4path" + b"\x91" * 100 + b"\0",
    ],
    ids=lambda stream: stream[:20].hex(),
)
def test_what_is_not_a_stream_of_items_is_an_integrity_error(stream: bytes) -> None:
    with pytest.raises(IntegrityError):
        unpacked(stream)


@given(st.data())
@settings(deadline=None)
def test_every_truncation_is_noticed(data: st.DataObject) -> None:
    stream = b"".join(PACKED.values())
    ends = {len(b"".join(list(PACKED.values())[:number])) for number in range(len(PACKED) + 1)}
    length = data.draw(st.integers(0, len(stream)).filter(lambda length: length not in ends))
    decoder = _native.ItemWindowDecoder()
    assert len(decoder.feed([_native.Bytes(stream[:length])])) == sum(0 < end <= length for end in ends)
    with pytest.raises(IntegrityError):
        decoder.finish()


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_damaged_streams_give_items_or_an_integrity_error(data: st.DataObject) -> None:
    stream = bytearray(b"".join(PACKED.values()))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    index = _native.ChunkIndex()
    try:
        for item in unpacked(bytes(stream)):
            (again,) = unpacked(item.encode())
            assert fields_of(again) == fields_of(item)
    except IntegrityError:
        pass
    try:
        index.count_items(_native.ItemStream(), bytes(stream))
    except IntegrityError:
        pass


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_noise_gives_items_or_an_integrity_error(noise: bytes) -> None:
    try:
        unpacked(b"\x82\xa4path\xa1p\xa1x" + noise)
    except IntegrityError:
        pass


# -- counting ----------------------------------------------------------------------------------------------------------

FEW_IDS = st.integers(0, 5).map(lambda number: bytes([number]) * 32)
COUNTED = st.fixed_dictionaries(
    {b"path": RAW},
    optional={
        # The size follows from the id, as two sizes for one chunk would be damage.
        b"chunks": st.lists(st.tuples(FEW_IDS, st.integers(0, 1)).map(lambda pair: [pair[0], 1000 + pair[0][0], pair[1] * 77])),
        b"chunks_healthy": CHUNKS,
        b"xattrs": st.just({b"chunks": b"not these"}),
    },
)


@given(st.data())
@settings(deadline=None)
def test_counting_equals_the_twin(data: st.DataObject) -> None:
    stream = b"".join(map(reference.encode, data.draw(st.lists(COUNTED, max_size=8))))
    pieces = data.draw(st.composite(lambda draw: cut_anywhere(draw, stream))())
    index, state = _native.ChunkIndex(), _native.ItemStream()
    for piece in pieces:
        index.count_items(state, piece)
    assert {id_: index.get(id_) for id_ in index.ids()} == reference.count_chunks(stream)


def test_counting_stops_at_a_chunk_of_two_sizes() -> None:
    stream = b"".join(reference.encode({b"path": b"p", b"chunks": [[bytes(32), size, 0]]}) for size in (1, 2))
    with pytest.raises(IntegrityError):
        _native.ChunkIndex().count_items(_native.ItemStream(), stream)


@pytest.mark.parametrize("entry", [[bytes(31), 1, 1], [bytes(32), 1], [bytes(32), -1, 1], [bytes(32), b"", 1], 7, [None, 1, 1]])
def test_counting_refuses_malformed_entries(entry: object) -> None:
    with pytest.raises(IntegrityError):
        _native.ChunkIndex().count_items(_native.ItemStream(), reference.encode({b"path": b"p", b"chunks": [entry]}))


# -- releasing ---------------------------------------------------------------------------------------------------------


@given(st.lists(COUNTED, max_size=8), st.sets(st.integers(0, 7)), st.booleans(), st.data())
@settings(deadline=None)
def test_releasing_undoes_counting(
    items: list[dict[bytes, object]], parts: set[int], with_parts: bool, data: st.DataObject
) -> None:
    stream = b"".join(reference.encode(item | ({b"part": 1} if number in parts else {})) for number, item in enumerate(items))
    index, state = _native.ChunkIndex(), _native.ItemStream()
    index.count_items(_native.ItemStream(), stream)
    known = {id: index.get(id) for id in index.ids()}
    totals, orphans = [0, 0, 0], b""
    for piece in data.draw(st.composite(lambda draw: cut_anywhere(draw, stream))()):
        released = index.release_items(state, piece, with_parts)
        assert released.damage is None
        totals = [sum(pair) for pair in zip(totals, (released.size, released.csize, released.freed), strict=True)]
        orphans += released.orphans
    assert len(index) == 0
    assert sorted(orphans[at : at + 32] for at in range(0, len(orphans), 32)) == sorted(known)
    counted = [item.get(b"chunks") or [] for number, item in enumerate(items) if with_parts or number not in parts]
    facts = [known[entry[0]] for chunks in counted for entry in chunks]  # type: ignore[attr-defined, index]
    assert totals[:2] == [sum(fact[1] for fact in facts if fact), sum(fact[2] for fact in facts if fact)]
    assert totals[2] <= totals[1]
    if with_parts or not parts:
        assert totals[2] == sum(fact[2] for fact in known.values() if fact)


def test_releasing_tells_what_came_before_the_damage() -> None:
    index, id = _native.ChunkIndex(), b"i" * 32
    index.set(id, 2, 10, 9)
    item = reference.encode({b"path": b"p", b"chunks": [[id, 10, 9]]})
    released = index.release_items(_native.ItemStream(), item + b"\xc1" + item, False)
    assert released.damage
    assert (released.size, released.orphans, index.get(id)) == (10, b"", (1, 10, 9))
    with pytest.raises(KeyError, match="00" * 32):
        index.release_items(_native.ItemStream(), reference.encode({b"chunks": [[bytes(32), 1, 1]]}), False)


@pytest.mark.parametrize("entry", [[bytes(31), 1, 1], [bytes(32), 1], 7, [None, 1, 1]])
def test_a_malformed_item_releases_nothing(entry: object) -> None:
    index = _native.ChunkIndex()
    index.set(b"i" * 32, 1, 10, 9)
    item = reference.encode({b"path": b"p", b"chunks": [[b"i" * 32, 10, 9], entry]})
    assert index.release_items(_native.ItemStream(), item, True).damage
    assert index.get(b"i" * 32) == (1, 10, 9)


# -- items with changes ------------------------------------------------------------------------------------------------


def item_of(**fields: object) -> _native.Item:
    chunks = fields.pop("chunks", None)
    assert chunks is None or isinstance(chunks, _native.ChunkList)
    (item,) = unpacked(_native.encode_item({"path": b"p", "mode": 0o100644, **fields}, chunks))  # type: ignore[dict-item]
    return item


def test_an_item_with_changes_keeps_everything_else() -> None:
    for packed in PACKED.values():
        for item in unpacked(packed):
            old, source = fields_of(item), item.source
            chunks = _native.ChunkList.of(b"1" * 32 + b"2" * 32, [5, 6], [7, 8])
            rewritten = item.with_chunks(chunks, is_cut_alike=True)
            assert {**old, b"chunks": None} == {**fields_of(rewritten), b"chunks": None}
            assert entries(rewritten.chunks) == entries(chunks)
            assert entries(rewritten.chunks_healthy) == entries(item.chunks_healthy)
            assert item.with_chunks(chunks, is_cut_alike=False).chunks_healthy is None
            link = item.linked_to(b"elsewhere")
            assert (link.source, {**fields_of(link), b"source": None}) == (b"elsewhere", {**old, b"source": None})
            part = item.as_part(3, chunks)
            assert (part.path, part.part, part.size) == (item.path + b".borg_part_3", 3, 11)
            assert item.source == source


def test_a_link_takes_the_place_of_the_first() -> None:
    chunks = _native.ChunkList.of(b"1" * 32, [5], [7])
    first, link = item_of(chunks=chunks, size=5), item_of(path=b"link", source=b"p", uid=3)
    successor = link.in_place_of(first)
    assert (successor.path, successor.source, successor.uid, entries(successor.chunks)) == (b"link", None, 3, entries(chunks))
    assert link.in_place_of(item_of()).chunks is None


def test_items_are_encoded_as_one_by_one() -> None:
    items = [item for packed in PACKED.values() for item in unpacked(packed)]
    assert len(items) > 3
    assert plain(_native.encode_items(items)) == b"".join(plain(item.encode()) for item in items)
    assert plain(_native.encode_items([])) == b""
