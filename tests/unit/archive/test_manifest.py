from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.golden import GoldenRepository, openable_names
from support.keys import given as given_passphrase
from support.keys import key_of
from support.memory_store import MemoryStore
from vinculum._native import Compressor
from vinculum.archive import manifest as manifest_module
from vinculum.archive.manifest import ITEM_KEYS, ArchiveEntry, Manifest, check_archive_name, fetch_manifest_object
from vinculum.errors import (
    ArchiveDoesNotExist,
    Error,
    IntegrityError,
    MandatoryFeatureUnsupported,
    NoManifestError,
    TamInvalid,
    TamRequired,
    UnsupportedManifestError,
)
from vinculum.formats.msgpack import pack, pack_sorted, unpack
from vinculum.keys.counters import CounterAllocator
from vinculum.keys.key import Key, open_key
from vinculum.keys.modes import MODES
from vinculum.keys.tam import pack_with_tam
from vinculum.keys.tam_marker import is_marked, set_marked
from vinculum.objects.codec import ObjectCodec
from vinculum.repository.repository import Repository
from vinculum.repository.store import MANIFEST_KEY

pytestmark = pytest.mark.usefixtures("client_env")

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NOW = datetime(2026, 5, 5, tzinfo=UTC)


class Opened:
    """A repository in memory, its key and a way to write to it."""

    def __init__(self, mode: str, home: Path) -> None:
        self.store = MemoryStore()
        self.key = key_of(mode, repository_id=self.store.id)
        counters = CounterAllocator(self.store, str(home / "nonce"), 0) if self.key.encrypts else None
        self.codec = ObjectCodec(self.key, counters, Compressor("lz4"))

    def put(self, plaintext: bytes) -> None:
        self.store.put(MANIFEST_KEY, self.codec.seal_object(plaintext)[1].object(0))

    def put_fields(self, **changes: object) -> None:
        """Stores an authenticated manifest with these fields (None: without the field)."""
        fields: dict[str, object] = {"version": 1, "archives": {}, "timestamp": b"2026-01-01T00:00:00.000000", "config": {}}
        fields.update({"item_keys": [b"path"], **changes})
        packed = {name.encode(): value for name, value in fields.items() if value is not None}
        self.put(pack_with_tam(self.key, packed, b"manifest"))

    def fields(self) -> dict[bytes, object]:
        """What the stored manifest says."""
        fields = unpack(bytes(self.codec.open(self.store.get(MANIFEST_KEY), None)))
        assert isinstance(fields, dict)
        return fields

    def load(self, *, trust: bool = False) -> Manifest:
        return Manifest.load(self.store, self.key, trust=trust)


@pytest.fixture
def opened(client_home: Path) -> Opened:
    return Opened("repokey", client_home)


def entry(name: str, number: int = 1) -> ArchiveEntry:
    return ArchiveEntry(name, bytes([number]) * 32, START)


# -- reading and writing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_written_manifest_is_read_back(mode: str, client_home: Path) -> None:
    opened = Opened(mode, client_home)
    manifest = Manifest.new(opened.key)
    manifest.archives["näme\udcff"] = entry("näme\udcff")
    manifest.write(opened.store, opened.codec, now=NOW)
    read = opened.load()
    assert dict(read.archives) == {"näme\udcff": entry("näme\udcff")}
    assert read.archives["näme\udcff"].time == START
    assert read.id == manifest.id == opened.key.hasher.digest(bytes(opened.codec.open(opened.store.get(MANIFEST_KEY), None)))
    assert read.timestamp == manifest.timestamp == "2026-05-05T00:00:00.000000"
    assert read.tam_verified
    assert read.item_keys == ITEM_KEYS


def test_manifest_is_the_only_object_and_not_committed_by_itself(opened: Opened) -> None:
    Manifest.new(opened.key).write(opened.store, opened.codec)
    assert opened.store.list() == [MANIFEST_KEY]
    assert opened.store.commits == 0


def test_stored_form_is_borgs(opened: Opened) -> None:
    manifest = Manifest.new(opened.key)
    manifest.archives["b"] = entry("b", 2)
    manifest.archives["a"] = entry("a", 1)
    manifest.write(opened.store, opened.codec, now=NOW)
    fields = opened.fields()
    tam = fields.pop(b"tam")
    assert isinstance(tam, dict)
    time = b"2026-01-02T03:04:05.678901"
    assert fields == {
        b"version": 1,
        b"archives": {b"a": {b"id": b"\1" * 32, b"time": time}, b"b": {b"id": b"\2" * 32, b"time": time}},
        b"config": {b"tam_required": True},
        b"item_keys": sorted(ITEM_KEYS),
        b"timestamp": b"2026-05-05T00:00:00.000000",
    }
    plaintext = bytes(opened.codec.open(opened.store.get(MANIFEST_KEY), None))
    assert plaintext == pack_sorted({**fields, b"tam": tam})


def test_fetched_object_is_not_fetched_again(opened: Opened) -> None:
    opened.put_fields()
    stored = fetch_manifest_object(opened.store)
    opened.store.delete(MANIFEST_KEY)
    assert Manifest.load(opened.store, opened.key, stored=stored).timestamp == "2026-01-01T00:00:00.000000"


def test_missing_manifest_is_named_as_such(opened: Opened) -> None:
    with pytest.raises(NoManifestError):
        opened.load()


@pytest.mark.parametrize("name", openable_names())
def test_golden_manifests_are_as_listed(name: str, golden_client: Callable[[str], GoldenRepository]) -> None:
    repository = golden_client(name)
    with Repository(str(repository.path), lock=False) as store:
        stored = fetch_manifest_object(store)
        key = open_key(store, stored, given_passphrase("test"))
        manifest = Manifest.load(store, key, stored=stored)
    listed = repository.listing["manifest"]
    assert manifest.id.hex() == listed["id"]
    assert manifest.tam_verified == listed["tam_valid"]
    assert manifest.timestamp == listed["content"]["timestamp"]
    assert {name: (e.id.hex(), e.timestamp) for name, e in manifest.archives.items()} == {
        name: (facts["id"].removeprefix("hex:"), facts["time"]) for name, facts in listed["content"]["archives"].items()
    }
    assert is_marked(key.repository_id) == listed["content"]["config"].get("tam_required", False)


# -- what must survive -------------------------------------------------------------------------------------------------


def test_unknown_config_and_item_keys_survive_a_rewrite(opened: Opened) -> None:
    config = {b"future": [1, {b"b": None, b"a": b"\xff"}], b"feature_flags": {b"read": {}}}
    opened.put_fields(config=config, item_keys=[b"path", b"future_key"])
    manifest = opened.load()
    manifest.write(opened.store, opened.codec)
    fields = opened.fields()
    assert fields[b"config"] == {**config, b"tam_required": True}
    assert fields[b"item_keys"] == sorted(ITEM_KEYS | {b"future_key"})


def test_entries_survive_exactly_even_if_their_time_is_odd(opened: Opened) -> None:
    opened.put_fields(
        archives={b"\xff/": {b"id": bytes(32), b"time": b"2026-01-01T00:00:00"}, b"x": {b"id": b"i", b"time": b"?"}}
    )
    manifest = opened.load()
    before = opened.fields()[b"archives"]
    assert manifest.archives["\udcff/"].time == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(IntegrityError, match="archive x"):
        _ = manifest.archives["x"].time
    manifest.write(opened.store, opened.codec)
    assert opened.fields()[b"archives"] == before


# -- time stamp --------------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_timestamp_grows_whatever_the_clock_does(steps: list[int]) -> None:
    store, key = MemoryStore(), key_of("none")
    codec = ObjectCodec(key, None, Compressor("none"))
    manifest, now, seen = Manifest.new(key), NOW, ""
    for step in steps:
        now += timedelta(microseconds=step)
        manifest.write(store, codec, now=now)
        assert manifest.timestamp > seen
        assert manifest.timestamp >= now.replace(tzinfo=None).isoformat(timespec="microseconds")
        seen = manifest.timestamp


def test_clock_that_is_behind_adds_a_microsecond_to_what_was_loaded(opened: Opened) -> None:
    opened.put_fields(timestamp=b"2099-12-31T23:59:59.999999")
    manifest = opened.load()
    manifest.write(opened.store, opened.codec)
    assert manifest.timestamp == "2100-01-01T00:00:00.000000"


def test_loaded_timestamp_that_is_none_stops_writing(opened: Opened) -> None:
    opened.put_fields(timestamp=b"soon")
    manifest = opened.load()
    with pytest.raises(IntegrityError, match="timestamp"):
        manifest.write(opened.store, opened.codec)


# -- authentication ----------------------------------------------------------------------------------------------------


def test_unauthenticated_manifest_is_refused_if_the_key_wants_one(opened: Opened) -> None:
    opened.put(pack_sorted({b"version": 1, b"archives": {}}))
    with pytest.raises(TamRequired):
        opened.load()
    assert not opened.load(trust=True).tam_verified


def test_wrong_tam_is_refused_even_on_trust(opened: Opened) -> None:
    opened.put(pack_sorted({b"version": 1, b"archives": {}, b"tam": b"x"}))
    with pytest.raises(TamInvalid):
        opened.load(trust=True)


def test_newer_manifest_is_named_as_such(opened: Opened) -> None:
    opened.put(b"\xc1\xc1\xc1\xc1...")
    with pytest.raises(UnsupportedManifestError):
        opened.load()


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("config", [{}, {b"tam_required": False}, {b"tam_required": True}])
def test_authenticated_manifest_decides_what_the_client_insists_on(
    opened: Opened, marked: bool, config: dict[bytes, object]
) -> None:
    set_marked(opened.store.id, marked)
    opened.put_fields(config=config)
    opened.load()
    assert is_marked(opened.store.id) == config.get(b"tam_required", False)


def test_unauthenticated_manifest_decides_nothing(opened: Opened) -> None:
    set_marked(opened.store.id, True)
    opened.put(pack_sorted({b"version": 1, b"archives": {}}))
    opened.load(trust=True)
    assert is_marked(opened.store.id)


def test_mode_without_keys_writes_a_tam_but_does_not_want_one(client_home: Path) -> None:
    opened = Opened("none", client_home)
    Manifest.new(opened.key).write(opened.store, opened.codec)
    assert opened.load().tam_verified
    assert opened.fields()[b"config"] == {}


def test_key_opened_on_trust_reads_an_authenticated_manifest(client_home: Path) -> None:
    opened = Opened("authenticated", client_home)
    opened.put_fields()
    blind = Key(MODES["authenticated"], opened.store.id, None, logically_encrypted=False, tam_required=False)
    assert not Manifest.load(opened.store, blind).tam_verified


# -- features and damage -----------------------------------------------------------------------------------------------


def test_features_are_refused_per_operation(opened: Opened) -> None:
    opened.put_fields(version=2, config={b"feature_flags": {b"write": {b"mandatory": [b"zeta", b"alpha"]}}})
    manifest = opened.load()
    manifest.check_feature_flags("read")
    with pytest.raises(MandatoryFeatureUnsupported, match="alpha, zeta"):
        manifest.check_feature_flags("write")
    assert manifest.mandatory_features == {"alpha", "zeta"}
    manifest.write(opened.store, opened.codec)
    assert opened.fields()[b"version"] == 2


@pytest.mark.parametrize("flags", [[], {b"read": 1}, {b"read": {b"mandatory": b"x"}}])
def test_feature_flags_that_cannot_be_understood_permit_nothing(opened: Opened, flags: object) -> None:
    opened.put_fields(config={b"feature_flags": flags})
    with pytest.raises(IntegrityError):
        opened.load().check_feature_flags("read")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 3},
        {"version": None},
        {"archives": None},
        {"archives": []},
        {"archives": {b"a": []}},
        {"archives": {b"a": {b"id": b"x" * 32}}},
        {"archives": {b"a": {b"time": b""}}},
        {"archives": {1: {b"id": b"", b"time": b""}}},
        {"config": []},
        {"timestamp": 1},
        {"item_keys": {}},
    ],
    ids=repr,
)
def test_malformed_manifest_is_damage(opened: Opened, changes: dict[str, object]) -> None:
    fields: dict[str, object] = {"version": 1, "archives": {}, "timestamp": b"", "config": {}, "item_keys": [], **changes}
    packed = {name.encode(): value for name, value in fields.items() if value is not None}
    opened.put(pack(packed))
    with pytest.raises(IntegrityError):
        opened.load(trust=True)


# -- archives ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a/b", "x" * 256, "ä" * 256])
def test_forbidden_names_are_refused(opened: Opened, name: str) -> None:
    with pytest.raises(Error):
        check_archive_name(name)
    manifest = Manifest.new(opened.key)
    with pytest.raises(Error):
        manifest.archives[name] = entry(name)
    assert len(manifest.archives) == 0


def test_longest_name_is_permitted(opened: Opened) -> None:
    manifest = Manifest.new(opened.key)
    manifest.archives["ä" * 255] = entry("ä" * 255)
    assert "ä" * 255 in manifest.archives


def test_entry_must_fit_its_name_and_have_an_id(opened: Opened) -> None:
    archives = Manifest.new(opened.key).archives
    with pytest.raises(ValueError, match="cannot be the archive"):
        archives["a"] = entry("b")
    with pytest.raises(ValueError, match="cannot be the archive"):
        archives["a"] = ArchiveEntry("a", b"short", START)


def test_number_of_archives_is_limited(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_module, "MAX_ARCHIVES", 2)
    archives = Manifest.new(opened.key).archives
    archives["a"], archives["b"] = entry("a"), entry("b")
    with pytest.raises(Error, match="2 archives"):
        archives["c"] = entry("c")
    archives["b"] = entry("b", 7)  # replacing needs no room
    del archives["a"]
    archives["c"] = entry("c")
    assert sorted(archives) == ["b", "c"]


def test_asking_for_an_archive_that_is_not_there(opened: Opened) -> None:
    with pytest.raises(ArchiveDoesNotExist, match="nope"):
        Manifest.new(opened.key).archive("nope")


def test_sessions_never_reuse_counters(client_home: Path) -> None:
    """Each session is stopped right after its manifest was stored, and the next one starts from what is on record."""
    store, nonce = MemoryStore(), client_home / "nonce"
    key = key_of("repokey", repository_id=store.id)
    ranges = []
    for number in range(4):
        first = key.first_counter(store.get(MANIFEST_KEY)) if number else 0
        codec = ObjectCodec(key, CounterAllocator(store, str(nonce), first), Compressor("lz4"))
        manifest = Manifest.load(store, key) if number else Manifest.new(key)
        for plaintext in (b"x" * 500, b"y" * 100_000):
            stored = bytes(codec.seal_object(plaintext)[1].object(0))
            ranges.append((int.from_bytes(stored[33:41], "big"), len(stored) - 41))
        manifest.write(store, codec)
        stored = bytes(store.get(MANIFEST_KEY))
        ranges.append((int.from_bytes(stored[33:41], "big"), len(stored) - 41))
        if number == 2:
            nonce.unlink()
            store.nonce = None  # both records lost: the manifest still says where to go on
    ends = [start + -(-size // 16) for start, size in ranges]
    assert all(end <= start for end, (start, _) in zip(ends, ranges[1:], strict=False))
