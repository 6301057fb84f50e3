from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.golden import GoldenRepository, openable_names
from support.keys import given as given_passphrase
from support.keys import key_of, vectors
from support.memory_store import MemoryStore
from vinculum._native import Compressor
from vinculum.archive.archive import ArchiveMetadata, load_archive, load_archives, pack_archive, parse_archive
from vinculum.archive.manifest import ArchiveEntry, Manifest
from vinculum.errors import ArchiveTamInvalid, ArchiveTamRequired, Error, IntegrityError, ObjectNotFound
from vinculum.formats.msgpack import pack_sorted, unpack
from vinculum.keys.key import open_key
from vinculum.keys.tam import pack_with_tam
from vinculum.objects.codec import ObjectCodec
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

pytestmark = pytest.mark.usefixtures("client_env")

KEY = key_of("repokey")
START, END = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, 4, 5, 6, 7, tzinfo=UTC)
IGNORING = frozenset({"ignore_invalid_archive_tam"})

texts = st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


def metadata(**changes: Any) -> ArchiveMetadata:
    facts: dict[str, Any] = {
        "name": "näme",
        "items": [bytes(32), b"\1" * 32],
        "cmdline": ["borg", "create", b"\xff"],
        "time": START,
        "time_end": END,
        "hostname": "host",
        "username": "user",
    }
    return ArchiveMetadata(**{**facts, **changes})


def fields_of(plaintext: bytes) -> dict[bytes, Any]:
    fields = unpack(plaintext)
    assert isinstance(fields, dict)
    return fields


def same(one: ArchiveMetadata, other: ArchiveMetadata) -> bool:
    names = set(ArchiveMetadata.__slots__) - {"tam_verified"}
    return {name: getattr(one, name) for name in names} == {name: getattr(other, name) for name in names}


@given(
    name=texts,
    comment=texts,
    cmdline=st.lists(texts, max_size=4),
    cwd=st.none() | texts,
    size=st.none() | st.integers(0, 2**60),
    chunker_params=st.sampled_from([None, ("buzhash", 19, 23, 21, 4095), ("fixed", 4096, 0)]),
    other=st.dictionaries(st.sampled_from([b"future", b"recreate_args"]), st.binary(max_size=5) | st.lists(st.integers(0, 9))),
)
def test_archives_survive(**facts: Any) -> None:
    written = metadata(**facts)
    read = parse_archive(KEY, pack_archive(KEY, written), "x", tam_required=True)
    assert same(read, written)
    assert read.tam_verified
    assert not written.tam_verified


def test_stored_form_is_borgs() -> None:
    totals = {"size": 1, "csize": 2, "nfiles": 3, "size_parts": 4, "csize_parts": 5, "nfiles_parts": 6}
    full = metadata(comment="c", chunker_params=("buzhash", 19, 23, 21, 4095), cwd=b"/\xff", **totals)
    fields = fields_of(pack_archive(KEY, full))
    tam = fields.pop(b"tam")
    assert set(tam) == {b"hmac", b"salt", b"type"}
    assert fields == {
        b"version": 1,
        b"name": "näme".encode(),
        b"items": [bytes(32), b"\1" * 32],
        b"cmdline": [b"borg", b"create", b"\xff"],
        b"hostname": b"host",
        b"username": b"user",
        b"time": b"2026-01-02T00:00:00.000000",
        b"time_end": b"2026-01-03T04:05:06.000007",
        b"comment": b"c",
        b"chunker_params": [b"buzhash", 19, 23, 21, 4095],
        b"cwd": b"/\xff",
        **{name.encode(): number for name, number in totals.items()},
    }
    assert list(fields) == sorted(fields)


def test_texts_are_texts_for_callers() -> None:
    read = parse_archive(KEY, pack_archive(KEY, metadata(cwd=b"/\xff")), "x")
    assert (read.name, read.cmdline, read.cwd) == ("näme", ["borg", "create", "\udcff"], "/\udcff")


def old_fields(**changes: Any) -> dict[bytes, object]:
    facts = {
        "version": 1,
        "name": b"old",
        "items": [],
        "cmdline": [],
        "hostname": b"h",
        "username": b"u",
        "time": b"2015-01-01T00:00:00",
        **changes,
    }
    return {name.encode(): value for name, value in facts.items() if value is not ...}


def test_archives_of_old_programs_are_understood() -> None:
    read = parse_archive(KEY, pack_sorted(old_fields(chunker_params=[19, 23, 21, 4095])), "old")
    assert (read.time, read.time_end) == (datetime(2015, 1, 1, tzinfo=UTC),) * 2
    assert read.chunker_params == ("buzhash", 19, 23, 21, 4095)
    assert (read.comment, read.cwd, read.size, read.recreate_cmdline) == ("", None, None, None)
    assert parse_archive(KEY, pack_sorted(old_fields()), "old").chunker_params is None


def test_keys_of_any_kind_survive_in_unknown_fields() -> None:
    odd = {3: b"a", None: {-1: b"b"}, b"text": 1, 2.5: [{b"z": 0, 1: 1}]}
    read = parse_archive(KEY, pack_sorted({**old_fields(), b"odd": odd}), "old")
    packed = pack_archive(KEY, read)
    assert parse_archive(KEY, packed, "old").other[b"odd"] == odd


def test_unknown_fields_survive_a_rewrite() -> None:
    before = old_fields(recreate_source_id=b"x", future={b"a": [1, None]})
    read = parse_archive(KEY, pack_sorted(before), "old")
    after = fields_of(pack_archive(KEY, read))
    assert {name: after[name] for name in (b"recreate_source_id", b"future")} == {
        name: before[name] for name in (b"recreate_source_id", b"future")
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": ...},
        {"name": ...},
        {"items": ...},
        {"cmdline": ...},
        {"time": ...},
        {"name": 1},
        {"items": b""},
        {"items": [b"short"]},
        {"items": [1]},
        {"cmdline": [1]},
        {"time": b"yesterday"},
        {"time_end": 5},
        {"hostname": []},
        {"size": b"1"},
        {"nfiles": True},
        {"chunker_params": b"x"},
        {"chunker_params": [[]]},
    ],
    ids=repr,
)
def test_malformed_archive_is_damage_with_its_name(changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="archive my name"):
        parse_archive(KEY, pack_with_tam(KEY, old_fields(**changes), b"archive"), "my name")


def test_missing_tam_is_accepted_unless_it_is_required() -> None:
    plain = pack_sorted(old_fields())
    assert not parse_archive(KEY, plain, "old").tam_verified
    with pytest.raises(ArchiveTamRequired, match="old"):
        parse_archive(KEY, plain, "old", tam_required=True)


def test_wrong_tam_is_refused_unless_the_user_says_otherwise() -> None:
    plain = pack_with_tam(key_of("keyfile-blake2"), old_fields(), b"archive")
    with pytest.raises(ArchiveTamInvalid, match="my name"):
        parse_archive(KEY, plain, "my name")
    assert not parse_archive(KEY, plain, "my name", workarounds=IGNORING).tam_verified


def test_rewriting_replaces_the_tam() -> None:
    read = parse_archive(KEY, pack_with_tam(KEY, old_fields(), b"archive"), "old")
    read.name = "new"
    again = parse_archive(KEY, pack_archive(KEY, read), "new", tam_required=True)
    assert (again.name, b"tam" in again.other) == ("new", False)


def test_archive_comes_from_the_object_that_the_manifest_names() -> None:
    store, codec = MemoryStore(), ObjectCodec(key_of("none"), None, Compressor("lz4"))
    key = key_of("none")
    id, sealed = codec.seal_object(pack_archive(key, metadata(name="inside")))
    store.put_many(sealed)
    read = load_archive(store, key, ArchiveEntry("outside", id, START))
    assert (read.name, read.items) == ("inside", [bytes(32), b"\1" * 32])
    with pytest.raises(ObjectNotFound):
        load_archive(store, key, ArchiveEntry("outside", bytes(32), START))
    store.put(bytes(32), sealed.object(0))
    with pytest.raises(IntegrityError):  # right object, wrong id
        load_archive(store, key, ArchiveEntry("outside", bytes(32), START))


def test_many_archives_are_loaded_together_and_fail_in_turn() -> None:
    store, key = MemoryStore(), key_of("none")
    codec = ObjectCodec(key, None, Compressor("lz4"))
    entries = []
    for number in range(600):
        id, sealed = codec.seal_object(pack_archive(key, metadata(name=f"{number}")))
        store.put_many(sealed)
        entries.append(ArchiveEntry(f"{number}", id, START))
    again = [entries[599], *entries, entries[0]]
    assert [archive.name for archive in load_archives(store, key, again)] == [entry.name for entry in again]
    assert list(load_archives(store, key, [])) == []
    for spoil, failure in (
        (store.delete, ObjectNotFound),
        (lambda id: store.put(id, b"\2nothing"), IntegrityError),
    ):
        before = store.get(entries[300].id)
        spoil(entries[300].id)
        archives = load_archives(store, key, entries)
        assert [next(archives).name for _ in range(300)] == [f"{number}" for number in range(300)]
        with pytest.raises(failure):
            next(archives)
        store.put(entries[300].id, before)


def test_archive_that_is_too_big_is_refused_with_a_clear_message() -> None:
    codec = ObjectCodec(key_of("none"), None, Compressor("none"))
    ids = [number.to_bytes(32, "big") for number in range(600_000)]
    with pytest.raises(Error, match="The archive object is too big"):
        codec.seal_object(pack_archive(key_of("none"), metadata(items=ids)), "The archive object")


ARCHIVE_CASES = [case for case in vectors("tam")["tam"] if case["context"] == "archive"]


@pytest.mark.parametrize("case", ARCHIVE_CASES, ids=lambda case: case["mode"])
def test_vectors_are_read_and_written_alike(case: dict[str, Any]) -> None:
    key, packed = key_of(case["mode"]), bytes.fromhex(case["packed"])
    read = parse_archive(key, packed, "x", tam_required=True)
    assert pack_with_tam(key, read.to_fields(), b"archive", salt=bytes.fromhex(case["salt"])) == packed


@pytest.mark.parametrize("name", openable_names())
def test_golden_archives_are_as_listed_and_would_be_written_alike(
    name: str, golden_client: Callable[[str], GoldenRepository]
) -> None:
    repository = golden_client(name)
    with Repository(str(repository.path), lock=False) as store:
        key = open_key(store, store.get(MANIFEST_KEY), given_passphrase("test"))
        manifest = Manifest.load(store, key)
        for listed in repository.listing["archives"]:
            entry = manifest.archives[listed["name"]]
            archive = load_archive(store, key, entry, workarounds=IGNORING)
            assert archive.tam_verified == listed["tam_valid"]
            assert archive.hostname == listed["metadata"]["hostname"]
            assert archive.nfiles == listed["metadata"]["nfiles"]
            assert archive.other == {}
            if listed["tam_valid"]:
                plaintext = bytes(key.opener.open(store.get(entry.id), entry.id))
                salt = fields_of(plaintext)[b"tam"][b"salt"]
                assert pack_with_tam(key, archive.to_fields(), b"archive", salt=salt) == plaintext
            else:
                assert listed["name"] == "renamed"
                with pytest.raises(ArchiveTamInvalid):
                    load_archive(store, key, entry)
