from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.keys import vectors
from vinculum.formats.msgpack import pack, pack_map, pack_sorted, unpack, unpack_first, unpack_map

raw = st.binary(max_size=300)
values = st.recursive(
    raw | st.booleans() | st.none() | st.integers(-(2**63), 2**64 - 1),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(raw, inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_values_survive(value: object) -> None:
    assert unpack(pack(value)) == value
    assert unpack(pack_sorted(value)) == value


@given(st.dictionaries(raw, values, max_size=8))
def test_canonical_form_does_not_depend_on_insertion_order(fields: dict[bytes, object]) -> None:
    assert pack_sorted(fields) == pack_sorted(dict(reversed(fields.items())))
    read = unpack(pack_sorted(fields))
    assert isinstance(read, dict)
    assert list(read) == sorted(fields)


def test_maps_inside_of_lists_are_sorted_too() -> None:
    assert pack_sorted([{b"b": 1, b"a": 2}]) == bytes.fromhex("9182a16102a16201")


@pytest.mark.parametrize("length", [0, 31, 32, 255, 256, 65535, 65536])
def test_raw_has_the_old_headers_only(length: int) -> None:
    head = pack(b"x" * length)[:-length] if length else pack(b"")
    if length < 32:
        assert head == bytes([0xA0 + length])
    elif length < 65536:
        assert head == b"\xda" + length.to_bytes(2, "big")
    else:
        assert head == b"\xdb" + length.to_bytes(4, "big")


def test_texts_become_their_bytes_even_if_they_are_not_utf8() -> None:
    assert pack("ä\udcff") == pack("ä".encode() + b"\xff")


def test_short_string_header_of_newer_writers_is_understood() -> None:
    assert unpack(b"\xd9\x02hi") == b"hi"


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\xc1", b"\x82\xa1a", b"\xdb\xff\xff\xff\xff", b"\x81\x90\x01", b"\xc7\x01\x05x", b"\x01\x02", b"\x91" * 5000],
    ids=["empty", "reserved", "cut", "promises-too-much", "list-as-key", "extension", "more-follows", "too-deep"],
)
def test_damaged_data_raise_value_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="not well formed"):
        unpack(damaged)


def test_first_object_is_enough_where_that_is_asked_for() -> None:
    assert unpack_first(b"\x01garbage") == 1


def test_vectors_of_integers_and_lengths() -> None:
    # Bigger ones do not occur as msgpack integers.
    integers = [case for case in vectors("items")["integers"] if abs(int(case["value"])) < 2**63]
    assert len(integers) > 15
    for case in integers:
        assert pack(int(case["value"])).hex() == case["packed"]
        assert unpack(bytes.fromhex(case["packed"])) == int(case["value"])


@given(st.dictionaries(raw, values, max_size=20), raw, values)
def test_a_value_of_a_map_may_stay_packed(fields: dict[bytes, object], name: bytes, value: object) -> None:
    fields.pop(name, None)
    packed = pack_map(fields, name, pack(value))
    assert packed == pack({**fields, name: value})
    found, kept = unpack_map(packed, name)
    assert found == fields
    assert kept is not None
    assert bytes(kept) == pack(value)
    first = {name: value, **fields}
    assert unpack_map(pack(first), name)[0] == fields
    assert unpack_map(pack(fields), name) == (fields, None)


@pytest.mark.parametrize(
    "data", [b"", b"\x90", b"\x81\xa1a", b"\x81\xa1a\x01\x01", b"\x81\xa1s", b"\x81\xa1s\x92\x01", b"\x81\x80\x01"]
)
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not well formed"):
        unpack_map(data, b"s")
