"""A chunk index is counted from the archives exactly as the rules for references say, whatever helps or stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.client_state import RecordingSink
from support.golden import GoldenRepository, openable_names, unpack
from support.memory_store import MemoryStore
from vinculum._native import ChunkIndex, ChunkList, Compressor, encode_item
from vinculum.archive.archive import ArchiveMetadata, pack_archive
from vinculum.archive.cache_sync import OPERATION, synchronise
from vinculum.archive.manifest import ArchiveEntry, Manifest, fetch_manifest_object
from vinculum.cache.directory import Cache
from vinculum.cache.security import SecurityRecord
from vinculum.errors import ArchiveTamInvalid, IntegrityError, ObjectNotFound
from vinculum.formats.times import parse_timestamp
from vinculum.keys.key import Key, open_key
from vinculum.keys.modes import MODES
from vinculum.keys.passphrase import PassphraseSource
from vinculum.objects.codec import ObjectCodec
from vinculum.platform.paths import make_cache_dir, security_dir
from vinculum.repository.repository import Repository
from vinculum.repository.store import Store

ANY_TAM = frozenset({"ignore_invalid_archive_tam"})
Counts = dict[bytes, tuple[int, int, int]]


class Sources(NamedTuple):
    """What a session has when it synchronises."""

    store: Store
    key: Key
    manifest: Manifest


class ProgressSink(RecordingSink):
    wants_progress = True

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, int, int | None]] = []
        self.done: list[str] = []

    def progress(self, operation: str, current: int, total: int | None, text: str) -> None:
        assert text
        if total is not None:
            self.steps.append((operation, current, total))

    def finished(self, operation: str) -> None:
        self.done.append(operation)


class Synchronising:
    """Synchronises the cache of one client with sources, as often as the test wants."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.sink = ProgressSink()
        self.directory = Path(make_cache_dir()) / sources.store.id.hex()

    @contextmanager
    def cache(self) -> Iterator[Cache]:
        store, key, _ = self.sources
        record = SecurityRecord(security_dir(store.id))
        with Cache(str(self.directory), store.id, key, store.path, record, lock_wait=0, sink=self.sink) as cache:
            yield cache

    def run(self, *, use_archive_indexes: bool = True, workarounds: frozenset[str] = ANY_TAM) -> Counts:
        """The counts that the cache holds when it is opened again."""
        with self.cache() as cache:
            synchronise(cache, *self.sources, self.sink, use_archive_indexes=use_archive_indexes, workarounds=workarounds)
        with self.cache() as cache:
            assert cache.is_synchronised(self.sources.manifest)
            return counts(cache.chunks)


def counts(index: ChunkIndex) -> Counts:
    found = {}
    for id in index.ids():
        entry = index.get(id)
        assert entry is not None
        found[id] = entry
    return found


# -- real repositories -------------------------------------------------------------------------------------------------


@contextmanager
def opened(repository: GoldenRepository) -> Iterator[Synchronising]:
    with Repository(str(repository.path), lock=False) as store:
        stored = fetch_manifest_object(store)
        key = open_key(store, stored, PassphraseSource())
        yield Synchronising(Sources(store, key, Manifest.load(store, key, stored=stored)))


def expected_counts(listing: dict[str, Any]) -> Counts:
    """By the listing that came with the repository, and the rules."""
    references: dict[str, int] = {}
    for archive in listing["archives"]:
        ids = [archive["id"], *archive["metadata"]["items"]]
        for item in archive["items"]:
            ids += [entry[0] for entry in item.get("chunks") or []]
        for id in ids:
            id = id.removeprefix("hex:")
            references[id] = references.get(id, 0) + 1
    sizes = {entry["id"]: (entry["plaintext_length"], entry["stored_length"]) for entry in objects(listing)}
    return {bytes.fromhex(id): (count, *sizes[id]) for id, count in references.items()}


def objects(listing: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": id, **facts} for id, facts in listing["objects"].items()]


@pytest.mark.parametrize("name", openable_names())
@pytest.mark.usefixtures("client_env")
def test_counts_of_real_repositories(name: str, golden_client: Callable[[str], GoldenRepository]) -> None:
    repository = golden_client(name)
    with opened(repository) as synchronising:
        expected = expected_counts(repository.listing)
        assert synchronising.run() == expected
        assert synchronising.sink.warnings == []


@pytest.mark.usefixtures("client_env")
def test_archive_that_is_not_authentic_stops_it(tmp_path: Path) -> None:
    with opened(unpack("b124-renamed", tmp_path)) as synchronising:
        with pytest.raises(ArchiveTamInvalid):
            synchronising.run(workarounds=frozenset())
        with synchronising.cache() as cache:
            assert not cache.is_synchronised(synchronising.sources.manifest)
            assert len(cache.chunks) == 0


# -- repositories made for the purpose ---------------------------------------------------------------------------------


class Archives:
    """Makes archives in a repository in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.key = Key(MODES["none"], self.store.id, None, logically_encrypted=False, tam_required=False)
        self.codec = ObjectCodec(self.key, None, Compressor("none"))
        self.manifest = Manifest.new(self.key)
        self.expected: Counts = {}

    def put(self, data: bytes) -> bytes:
        """Stores an object; returns its id."""
        id, sealed = self.codec.seal_object(data)
        self.store.put_many(sealed)
        return id

    def reference(self, id: bytes, data: bytes) -> None:
        count = self.expected.get(id, (0, 0, 0))[0] + 1
        self.expected[id] = (count, len(data), len(self.store.objects[id]))

    def add(self, name: str, files: dict[bytes, list[bytes]], *, sized: bool = True, stream_pieces: int = 3) -> ArchiveEntry:
        """An archive of files given by their chunks; `sized` False writes csize 0, as `create --no-cache-sync` does."""
        stream = b""
        for path, chunks in files.items():
            ids = [self.put(chunk) for chunk in chunks]
            for id, chunk in zip(ids, chunks, strict=True):
                self.reference(id, chunk)
            csizes = [len(self.store.objects[id]) * sized for id in ids]
            content = ChunkList.of(b"".join(ids), [len(chunk) for chunk in chunks], csizes)
            stream += bytes(memoryview(encode_item({"path": path, "mode": 0o100644, "mtime": 0}, content)))
        step = len(stream) // stream_pieces + 1
        pieces = [stream[start : start + step] for start in range(0, len(stream), step)]
        item_ids = [self.put(piece) for piece in pieces]
        for id, piece in zip(item_ids, pieces, strict=True):
            self.reference(id, piece)
        time = parse_timestamp("2024-01-01T00:00:00.000000")
        packed = pack_archive(self.key, ArchiveMetadata(name=name, items=item_ids, cmdline=[], time=time))
        entry = ArchiveEntry(name, self.put(packed), time)
        self.reference(entry.id, packed)
        self.manifest.archives[name] = entry
        self.change_manifest()
        return entry

    def change_manifest(self) -> None:
        """As if it had been written: another id, a later timestamp."""
        count = len(self.manifest.archives)
        self.manifest.id = bytes([count]) * 32
        self.manifest.timestamp = f"2024-01-01T00:00:{count:02}.000000"

    def synchronising(self) -> Synchronising:
        return Synchronising(Sources(self.store, self.key, self.manifest))  # type: ignore[arg-type]


@pytest.fixture
def archives(client_env: dict[str, str]) -> Archives:  # noqa: ARG001
    archives = Archives()
    archives.add("one", {b"a": [b"aaa", b"bbb", b"aaa"], b"empty": []})
    archives.add("two", {b"a": [b"aaa", b"ccc"], b"b": [b"dddd"]})
    return archives


def test_every_reference_counts(archives: Archives) -> None:
    synchronising = archives.synchronising()
    assert synchronising.run() == archives.expected
    assert {count for count, _, _ in archives.expected.values()} == {1, 3}
    assert synchronising.sink.steps == [(OPERATION, 1, 2), (OPERATION, 2, 2)]
    assert synchronising.sink.done == [OPERATION, "cache.begin_transaction", "cache.commit"]


def test_repository_without_archives(client_env: dict[str, str]) -> None:  # noqa: ARG001
    archives = Archives()
    archives.change_manifest()
    assert archives.synchronising().run() == {}


def test_items_that_span_chunks_are_counted_once(archives: Archives) -> None:
    archives.add("three", {b"long-name-%d" % n: [b"x%d" % n] * (n % 7) for n in range(200)}, stream_pieces=97)
    assert archives.synchronising().run() == archives.expected


def test_item_stream_chunks_used_twice_count_twice(archives: Archives) -> None:
    archives.add("same", {b"a": [b"aaa", b"ccc"], b"b": [b"dddd"]})
    assert 2 in {count for count, _, _ in archives.expected.values()}
    assert archives.synchronising().run() == archives.expected


def test_unknown_stored_sizes_are_looked_up(archives: Archives) -> None:
    archives.add("quick", {b"n": [b"chunk %d" % number for number in range(200)], b"a": [b"aaa"]}, sized=False)
    assert archives.synchronising().run() == archives.expected


def test_known_stored_sizes_are_not_looked_up(archives: Archives) -> None:
    content = archives.put(b"aaa")
    archives.synchronising().run()
    assert content not in archives.store.fetched


def test_stored_size_that_one_archive_knows_is_enough(archives: Archives) -> None:
    archives.add("quick", {b"a": [b"aaa"]}, sized=False)
    assert archives.synchronising().run() == archives.expected
    assert archives.put(b"aaa") not in archives.store.fetched


def test_damaged_item_stream_stops_it_and_the_cache_stays(archives: Archives) -> None:
    synchronising = archives.synchronising()
    before = synchronising.run()
    broken = archives.add("broken", {b"x": [b"x"]}, stream_pieces=1)
    archives.manifest.archives["broken"] = ArchiveEntry("broken", archives.put(rubbish(archives, broken)), broken.time)
    with pytest.raises(IntegrityError):
        synchronising.run()
    with synchronising.cache() as cache:
        assert counts(cache.chunks) == before
        assert not cache.is_synchronised(archives.manifest)


def rubbish(archives: Archives, entry: ArchiveEntry) -> bytes:
    """An archive object whose item stream is not one."""
    metadata = ArchiveMetadata(name=entry.name, items=[archives.put(b"\xc1\xc1")], cmdline=[], time=entry.time)
    return pack_archive(archives.key, metadata)


def test_missing_archive_object_stops_it(archives: Archives) -> None:
    archives.store.delete(archives.manifest.archives["two"].id)
    with pytest.raises(ObjectNotFound):
        archives.synchronising().run()


# -- with the indexes that Borg keeps ----------------------------------------------------------------------------------


def kept(synchronising: Synchronising) -> set[bytes]:
    with synchronising.cache() as cache:
        return cache.archive_indexes.ids()


def keep(synchronising: Synchronising, archive_id: bytes, index: ChunkIndex) -> None:
    """As Borg would have."""
    with synchronising.cache() as cache:
        cache.archive_indexes.save(archive_id, index)


def test_where_borg_kept_no_indexes_none_appear(archives: Archives) -> None:
    synchronising = archives.synchronising()
    synchronising.run()
    assert kept(synchronising) == set()


def test_kept_index_is_used_instead_of_the_archive(archives: Archives) -> None:
    synchronising = archives.synchronising()
    one, two = archives.manifest.archives["one"].id, archives.manifest.archives["two"].id
    index = ChunkIndex()
    index.add(b"known only to the kept index....", 5, 6, 7)
    keep(synchronising, one, index)
    found = synchronising.run()
    assert found[b"known only to the kept index...."] == (5, 6, 7)
    assert one not in found
    assert found[two] == archives.expected[two]
    assert kept(synchronising) == {one, two}, "who keeps indexes gets those of new archives too"


def test_kept_indexes_are_made_to_last(archives: Archives) -> None:
    synchronising = archives.synchronising()
    keep(synchronising, bytes(32), ChunkIndex())
    first = synchronising.run()
    assert first == archives.expected
    assert kept(synchronising) == {entry.id for entry in archives.manifest.archives.values()}, "the outdated one is gone"
    archives.store.objects.clear()
    assert synchronising.run() == first, "now without the repository"


def test_kept_index_that_is_damaged_is_counted_anew(archives: Archives) -> None:
    synchronising = archives.synchronising()
    keep(synchronising, archives.manifest.archives["one"].id, ChunkIndex())
    synchronising.run()
    (path,) = synchronising.directory.glob(f"chunks.archive.d/{archives.manifest.archives['one'].id.hex()}.compact")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert synchronising.run()[archives.manifest.archives["two"].id] == archives.expected[archives.manifest.archives["two"].id]
    assert synchronising.run() == archives.expected


def test_kept_indexes_can_be_left_alone(archives: Archives) -> None:
    synchronising = archives.synchronising()
    keep(synchronising, bytes(32), ChunkIndex())
    assert synchronising.run(use_archive_indexes=False) == archives.expected
    assert kept(synchronising) == {bytes(32)}


def test_unknown_stored_sizes_are_looked_up_before_an_index_is_kept(archives: Archives) -> None:
    quick = archives.add("quick", {b"n": [b"one", b"two"]}, sized=False)
    synchronising = archives.synchronising()
    keep(synchronising, bytes(32), ChunkIndex())
    assert synchronising.run() == archives.expected
    with synchronising.cache() as cache:
        index = cache.archive_indexes.load(quick.id)
    assert index is not None
    assert index.unsized_ids() == b""
