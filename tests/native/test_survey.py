"""What is told about item streams: flawless ones are, whatever is wrong is found, and what is whole is saved."""

from __future__ import annotations

import os
import random
from itertools import pairwise
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from vinculum import _native

HASHER = _native.IdHasher("sha256")
RULES = _native.ItemRules([])
NO_COMPRESSION = _native.Compressor("none")
OPENER = _native.Opener(b"\2", "none", b"", b"", HASHER)
SEALER = _native.Sealer(2, "none", b"", b"", NO_COMPRESSION)

Fields = dict[str, Any]

names = st.text("abc/", min_size=1, max_size=10)
entries = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 99)), max_size=4)


def id_of(number: int) -> bytes:
    return HASHER.digest(b"%d" % number)


def item_of(name: str, chunks: list[tuple[int, int]] | None) -> Fields:
    fields: Fields = {"mode": 0o100644, "mtime": 10**18, "path": name, "uid": 0, "user": None}
    if chunks is not None:
        fields["chunks"] = [[id_of(number), size, size + 3] for number, size in chunks]
        fields["size"] = sum(size for _, size in chunks)
    return fields


items = st.lists(st.builds(item_of, names, st.one_of(st.none(), entries)), max_size=12)


def pack(fields: Fields) -> bytes:
    packed: bytes = msgpack.packb(dict(sorted(fields.items())), use_bin_type=False)
    return packed


def examined(pieces: list[bytes], present: range) -> tuple[bool, _native.ArchiveSurvey]:
    """Whether a stream is flawless, and the survey that says so."""
    chunks = _native.ChunkBatch.of(list(pieces), HASHER)
    sealed = SEALER.seal(chunks, 0)
    references = OPENER.find_references([sealed.object(place) for place in range(len(sealed))], chunks.ids(), RULES).wait()
    survey = _native.ArchiveSurvey(b"".join(map(id_of, present)) + chunks.ids(), RULES)
    stream = _native.ItemStream()
    survey.begin()
    flawless, done = True, 0
    while done < len(references):
        taken, sound = survey.examine(stream, references[done:])
        flawless &= sound
        done += taken
        if done < len(references):
            flawless &= survey.examine_rest(stream, pieces[done][references[done].head_bytes :])
            done += 1
    return flawless and stream.is_between_items, survey


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:stop] for start, stop in pairwise(ends)]


def salvaged(pieces: list[bytes | None], rules: _native.ItemRules = RULES) -> tuple[list[bytes], list[str]]:
    salvage = _native.ItemSalvage(rules)
    found: list[_native.Item] = []
    complaints: list[str] = []
    for piece in pieces:
        if piece is None:
            salvage.skip()
            continue
        more, said = salvage.feed(piece)
        found += more
        complaints += said
    more, said = salvage.finish()
    return [bytes(memoryview(item.encode())) for item in [*found, *more]], complaints + said


@given(items, st.lists(st.integers(0, 10_000), max_size=6))
def test_a_sound_stream_is_flawless_and_its_references_are_noted(fields: list[Fields], places: list[int]) -> None:
    flawless, survey = examined(cut(b"".join(map(pack, fields)), places), range(40))
    assert flawless
    used = {entry[0] for item in fields for entry in item.get("chunks", ())}
    unused = survey.unused()
    assert {unused[at : at + 32] for at in range(0, len(unused), 32)} == set(map(id_of, range(40))) - used


@given(items, st.lists(st.integers(0, 10_000), max_size=6), st.data())
def test_a_missing_chunk_is_noticed(fields: list[Fields], places: list[int], draw: st.DataObject) -> None:
    numbers = [number for item in fields for number in range(31) if id_of(number) in [e[0] for e in item.get("chunks", ())]]
    if numbers:
        gone = id_of(draw.draw(st.sampled_from(numbers)))
        flawless, _ = examined(cut(b"".join(map(pack, fields)).replace(gone, bytes(32)), places), range(40))
        assert not flawless


@given(items.filter(bool), st.lists(st.integers(0, 10_000), max_size=6), st.data())
def test_any_item_that_is_not_as_it_should_be_is_noticed(fields: list[Fields], places: list[int], draw: st.DataObject) -> None:
    victim = draw.draw(st.sampled_from(fields))
    spoil = draw.draw(st.sampled_from(["unknown", "no path", "no mtime", "size", "healthy", "type"]))
    if spoil == "unknown":
        victim["foreign"] = 1
    elif spoil == "no path":
        del victim["path"]
    elif spoil == "no mtime":
        del victim["mtime"]
    elif spoil == "size":
        victim["size"] = 12345
    elif spoil == "healthy":
        victim["chunks_healthy"] = []
    else:
        victim["mode"] = "text"
    flawless, _ = examined(cut(b"".join(map(pack, fields)), places), range(40))
    assert not flawless


@given(items, st.lists(st.integers(0, 10_000), max_size=6))
def test_nothing_is_lost_of_a_sound_stream(fields: list[Fields], places: list[int]) -> None:
    packed = [pack(item) for item in fields]
    assert salvaged(list(cut(b"".join(packed), places))) == (packed, [])


@given(items, items, st.binary(min_size=1, max_size=30), st.lists(st.integers(0, 10_000), max_size=4))
def test_items_around_garbage_are_saved(before: list[Fields], after: list[Fields], garbage: bytes, places: list[int]) -> None:
    first, second = ([pack(item) for item in part] for part in (before, after))
    # A byte that begins nothing, so that it is known to be garbage, and nothing in it looks like an item.
    stream = b"".join(first) + b"\xc1" + bytes(byte & 0x7F for byte in garbage) + b"".join(second)
    found, complaints = salvaged(list(cut(stream, places)))
    assert found == first + second
    assert complaints


@given(items, items, items, st.integers(0, 10_000))
def test_items_around_a_missing_piece_are_saved(
    before: list[Fields], lost: list[Fields], after: list[Fields], place: int
) -> None:
    first, second = ([pack(item) for item in part] for part in (before, after))
    middle = b"".join(map(pack, lost)) or pack(item_of("x", None))
    # The piece ends somewhere inside its neighbours' items, or right between them.
    head = b"".join(first) + middle[: place % len(middle)]
    found, _ = salvaged([head, None, b"".join(second)])
    whole = [pack(item) for item in lost]
    assert found[: len(first)] == first
    assert found[len(found) - len(second) :] == second
    assert set(found[len(first) : len(found) - len(second)]) <= set(whole)


def test_fields_that_nobody_knows_are_kept_and_named() -> None:
    fields = {**item_of("a", []), "colour": "blue"}
    salvage = _native.ItemSalvage(RULES)
    (item,), (complaint,) = salvage.feed(pack(fields))
    assert "invalid keys: colour" in complaint
    assert bytes(memoryview(item.encode())) == pack(fields)
    assert salvage.unknown_keys() == [b"colour"]
    assert salvaged([pack(fields)], _native.ItemRules([b"colour"])) == ([pack(fields)], [])


def test_noise_ends_soon_and_yields_nothing() -> None:
    noise = random.Random(5).randbytes(3 << 20)
    found, complaints = salvaged([noise[start : start + 100_000] for start in range(0, len(noise), 100_000)])
    assert found == []
    assert complaints
    assert salvaged([b"\xdf\xff\xff\xff\xff" + os.urandom(100)])[0] == []


def test_archives_are_recognised_among_other_objects() -> None:
    archive = msgpack.packb({"cmdline": [], "items": [], "name": "x", "time": "t", "version": 1}, use_bin_type=False)
    plain = [b"", b"cmdline \xa7version\x01", archive, pack(item_of("a", [])), b"\x85\xa7cmdline" + bytes(50)]
    chunks = _native.ChunkBatch.of(list(plain), HASHER)
    sealed = SEALER.seal(chunks, 0)
    objects = [sealed.object(place) for place in range(len(sealed))]
    spoilt = bytearray(bytes(objects[3]))
    spoilt[-1] ^= 1
    objects[3] = _native.Bytes(bytes(spoilt))
    places, damaged = OPENER.find_archives(objects, chunks.ids())
    assert places == [2]
    assert [place for place, _ in damaged] == [3]
    assert [place for place, _ in OPENER.find_damage(objects, chunks.ids()).wait()] == [3]
