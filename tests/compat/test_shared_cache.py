"""Real Borg accepts the cache that vinculum's core wrote, and rolls back or rebuilds what an interrupted commit left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from support.archives import cache_directory, chunk_references
from support.crash import crash_at
from support.programs import Program, client_environment
from vinculum._native import ChunkBatch, ChunkIndex, ChunkList, Compressor, encode_item
from vinculum.archive.archive import ArchiveMetadata, load_archive, pack_archive
from vinculum.archive.cache_sync import synchronise
from vinculum.archive.item_stream import ItemStreamWriter
from vinculum.archive.manifest import ArchiveEntry, Manifest, fetch_manifest_object
from vinculum.archive.statistics import content_usage
from vinculum.cache.directory import Cache, FilesCacheSettings
from vinculum.cache.security import SecurityRecord
from vinculum.events import NullSink
from vinculum.keys.counters import CounterAllocator
from vinculum.keys.key import Key, open_key
from vinculum.keys.passphrase import PassphraseSource
from vinculum.objects.codec import ObjectCodec
from vinculum.platform.paths import make_cache_dir, security_dir
from vinculum.repository.locking import break_lock
from vinculum.repository.repository import Repository


class Session(NamedTuple):
    """An open repository with this client's cache."""

    store: Repository
    key: Key
    manifest: Manifest
    codec: ObjectCodec
    cache: Cache


@contextmanager
def session(repository: Path, *, may_synchronise: bool = False) -> Iterator[Session]:
    with Repository(str(repository), exclusive=True) as store:
        stored = fetch_manifest_object(store)
        key = open_key(store, stored, PassphraseSource())
        manifest = Manifest.load(store, key, stored=stored)
        record = SecurityRecord(security_dir(store.id))
        counters = (
            CounterAllocator(store, str(Path(record.directory) / "nonce"), key.first_counter(stored)) if key.encrypts else None
        )
        directory = str(Path(make_cache_dir()) / store.id.hex())
        files = FilesCacheSettings("cis")
        with Cache(directory, store.id, key, store.path, record, lock_wait=0, sink=NullSink(), files=files) as cache:
            cache.check_access(manifest, lambda text, _: pytest.fail(text))
            if not cache.is_synchronised(manifest):
                assert may_synchronise, "the cache should have been current"
                synchronise(cache, store, key, manifest, NullSink())
            yield Session(store, key, manifest, ObjectCodec(key, counters, Compressor("lz4")), cache)


def add_archive(here: Session, name: str, content: bytes) -> None:
    """Stores an archive of one file, as far as the repository's commit."""

    def store(chunks: ChunkBatch) -> None:
        new = here.cache.chunks.claim(chunks)
        if len(new):
            sealed = here.codec.seal(new)
            here.store.put_many(sealed)
            here.cache.chunks.settle(sealed)

    data = ChunkBatch.of([content], here.key.hasher)
    store(data)
    csize = (here.cache.chunks.get(data.ids()) or (0, 0, 0))[2]
    chunks = ChunkList.of(data.ids(), [len(content)], [csize])
    fields = {
        "path": b"file",
        "mode": 0o100644,
        "uid": 0,
        "gid": 0,
        "user": None,
        "group": None,
        "mtime": 0,
        "size": len(content),
    }
    writer = ItemStreamWriter(here.key, store)
    writer.feed(encode_item(dict(fields), chunks))
    now = datetime.now(UTC)
    packed = pack_archive(
        here.key,
        ArchiveMetadata(
            name=name, items=writer.checkpoint(), cmdline=["test"], time=now, hostname="h", username="u",
            size=len(content), csize=csize, nfiles=1, size_parts=0, csize_parts=0, nfiles_parts=0,
        ),
    )  # fmt: skip
    archive = ChunkBatch.of([packed], here.key.hasher)
    store(archive)
    here.manifest.archives[name] = ArchiveEntry(name, archive.ids(), now)
    here.manifest.write(here.store, here.codec)
    here.store.commit()


def turn(repository: Path, name: str, *, may_synchronise: bool = False) -> None:
    with session(repository, may_synchronise=may_synchronise) as here:
        add_archive(here, name, name.encode() * 1000)
        here.cache.commit(here.manifest)


def synchronises(borg: Program, repository: Path, name: str) -> bool:
    """Whether Borg has to rebuild its index when it makes another archive."""
    created = borg.run("create", "--debug", f"{repository}::{name}", "tree")
    return "Synchronizing chunks cache" in created.err


@pytest.fixture
def repository(workplace: Path, client_env: dict[str, str]) -> Path:  # noqa: ARG001
    (workplace / "tree").mkdir()
    for number in range(5):
        (workplace / "tree" / str(number)).write_bytes(b"%d" % number * 5000)
    return workplace / "repository"


@pytest.fixture
def other_client(oracle: Callable[[str], Program], tmp_path: Path) -> Program:
    """A real Borg of another user."""
    home = tmp_path / "another home"
    home.mkdir()
    return oracle("1.4.5").with_environment(**client_environment(home))


@pytest.mark.parametrize("mode", ["none", "repokey", "authenticated-blake2"])
def test_borg_takes_over_the_cache_as_it_is(mode: str, repository: Path, real: Program) -> None:
    real.run("init", "--encryption", mode, repository)
    for number in range(0, 4, 2):
        turn(repository, f"vinculum-{number}")
        assert not synchronises(real, repository, f"borg-{number + 1}")
    real.run("check", "--verify-data", repository)


def test_borg_takes_over_a_cache_that_vinculum_began(repository: Path, real: Program, client_home: Path) -> None:
    real.run("init", "--encryption", "repokey", repository)
    real.run("create", f"{repository}::first", "tree")
    shutil.rmtree(client_home / ".cache")
    turn(repository, "second", may_synchronise=True)
    assert not synchronises(real, repository, "third")
    turn(repository, "fourth")


def test_counts_equal_those_that_borg_makes(repository: Path, borg145: Program, client_home: Path) -> None:
    borg145.run("init", "--encryption", "repokey", repository)
    borg145.run("create", f"{repository}::first", "tree")
    turn(repository, "second")
    ours = chunk_references(borg145, client_home)
    shutil.rmtree(client_home / ".cache")
    borg145.run("info", repository)
    assert chunk_references(borg145, client_home) == ours
    shutil.rmtree(client_home / ".cache")
    with session(repository, may_synchronise=True):
        pass
    assert chunk_references(borg145, client_home) == ours


def test_crash_between_both_commits_makes_the_next_one_synchronise(repository: Path, real: Program, client_home: Path) -> None:
    real.run("init", "--encryption", "repokey", repository)
    with session(repository) as here:
        add_archive(here, "crashed", b"content")
    before = (cache_directory(client_home) / "chunks").read_bytes()
    with pytest.raises(AssertionError, match="should have been current"), session(repository):
        pass
    assert (cache_directory(client_home) / "chunks").read_bytes() == before
    assert synchronises(real, repository, "next")
    assert not synchronises(real, repository, "after")
    turn(repository, "last")


@pytest.mark.parametrize("written", ["files", "chunks", "config"])
def test_borg_rolls_back_a_commit_that_died(written: str, repository: Path, borg145: Program, client_home: Path) -> None:
    """After the undo log became active, with one more file written (or half written) each time."""
    borg145.run("init", "--encryption", "repokey", repository)
    turn(repository, "first")
    calls = commit_calls(repository)
    after_begin = calls.index("rename", calls.index("mkdir")) + 1
    writes = [number for number, name in enumerate(calls) if name == "writev" and number > after_begin]
    die_at = {"files": after_begin, "chunks": writes[-2], "config": writes[-1]}[written]
    with session(repository) as here:
        add_archive(here, "died", b"died")
        here.cache.record.save(here.store.path, here.key.type_byte, here.manifest.timestamp)
        with crash_at(die_at) as crash:
            here.cache.commit(here.manifest)
        assert crash.happened
    directory = cache_directory(client_home)
    assert (directory / "txn.active").is_dir()
    break_lock(str(directory))
    assert synchronises(borg145, repository, "next")
    assert not (directory / "txn.active").exists()
    turn(repository, "last")


def commit_calls(repository: Path) -> list[str]:
    """The system calls that a commit makes whose access is already noted."""
    with session(repository) as here:
        add_archive(here, "counted", b"counted")
        here.cache.record.save(here.store.path, here.key.type_byte, here.manifest.timestamp)
        with crash_at(10**6) as crash:
            here.cache.commit(here.manifest)
    return crash.calls


def test_indexes_that_borg_keeps_per_archive_stay_good(
    repository: Path, borg145: Program, other_client: Program, client_home: Path
) -> None:
    borg145.run("init", "--encryption", "repokey", repository)
    other_client.run("create", f"{repository}::a", "tree")
    borg145.run("info", repository)
    indexes = cache_directory(client_home) / "chunks.archive.d"
    assert len(list(indexes.iterdir())) == 2
    (repository.parent / "tree" / "more").write_bytes(b"more" * 5000)
    other_client.run("create", f"{repository}::b", "tree")
    turn(repository, "c", may_synchronise=True)
    assert len(list(indexes.iterdir())) == 4, "the new archive of the other client got its index"
    other_client.run("create", f"{repository}::d", "tree")
    created = borg145.run("create", "--debug", f"{repository}::e", "tree")
    assert "Archives: 4, w/ cached Idx: 2, w/ outdated Idx: 0, w/o cached Idx: 2." in created.err
    assert "corrupted" not in created.err
    grown = chunk_references(borg145, client_home)
    shutil.rmtree(client_home / ".cache")
    borg145.run("info", repository)
    assert chunk_references(borg145, client_home) == grown


def test_references_to_chunks_of_unknown_size_are_completed(
    repository: Path, borg145: Program, other_client: Program, client_home: Path
) -> None:
    borg145.run("init", "--encryption", "repokey", repository)
    borg145.run("create", f"{repository}::a", "tree")
    other_client.run("create", "--no-cache-sync", f"{repository}::b", "tree")
    borg145.run("delete", f"{repository}::a")
    shutil.rmtree(client_home / ".cache")
    with session(repository, may_synchronise=True) as here:
        assert here.cache.chunks.unsized_ids() == b""
    ours = chunk_references(borg145, client_home)
    shutil.rmtree(client_home / ".cache")
    borg145.run("info", repository)
    assert chunk_references(borg145, client_home) == ours


def test_usage_is_what_borg_says(repository: Path, borg145: Program) -> None:
    borg145.run("init", "--encryption", "repokey", repository)
    borg145.run("create", f"{repository}::a", "tree")
    (repository.parent / "tree" / "twin").write_bytes(b"twin" * 5000)
    (repository.parent / "tree" / "twin's twin").write_bytes(b"twin" * 5000)
    borg145.run("create", f"{repository}::b", "tree")
    with session(repository) as here:
        ours = {
            name: content_usage(
                here.cache.chunks, here.store, here.key, load_archive(here.store, here.key, entry).items
            ).as_dict()
            for name, entry in here.manifest.archives.items()
        }
    for name in ("a", "b"):
        (archive,) = json.loads(borg145.run("info", "--json", f"{repository}::{name}").out)["archives"]
        del archive["stats"]["nfiles"], ours[name]["nfiles"]
        assert ours[name] == archive["stats"]
    assert ours["b"]["deduplicated_size"] > 0


def test_kept_index_file_is_readable_for_borg(repository: Path, borg145_python: Path, tmp_path: Path, borg145: Program) -> None:
    index = ChunkIndex()
    for number in range(50):
        index.add(bytes([number]) * 32, number + 1, 10, 5)
    (tmp_path / "index").write_bytes(bytes(memoryview(index.save_compact())))
    script = "import sys; from borg.hashindex import ChunkIndex; print(len(ChunkIndex.read(sys.argv[1], permit_compact=True)))"
    python = Program("borg's python", [str(borg145_python)], borg145.environment, repository.parent)
    assert python.run("-c", script, tmp_path / "index").out == "50\n"
