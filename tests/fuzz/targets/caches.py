"""What lies about beside repositories: caches, their JSON, security records, nonces, locks of others. Nobody vouches for it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator

from fuzz.vectors import vectors
from support.client_state import RecordingSink, SomeKey, SomeManifest
from vinculum.cache.directory import Cache, FilesCacheSettings
from vinculum.cache.security import SecurityRecord
from vinculum.errors import Error, LockTimeout
from vinculum.keys.counters import CounterAllocator
from vinculum.repository.locking import Lock, break_lock
from vinculum.repository.repository import Repository

ID = bytes(range(32))
NAMES = ["config", "chunks", "files", "pre12-meta", "README", "txn.active/config", "chunks.archive.d/x"]
LIMIT = 1 << 62
WORDS = [
    *(b"[cache]\n", b"[integrity]\n", b"version = 1\n", b"repository = ", b"manifest = ", b"key_type = ", b"chunks = {"),
    *(b'"exclusive": ', b'"shared": ', b"[[", b"{", b'["h", 1, 0]', b"0000000000000001", b"BORG_IDX"),
]


def seeds() -> Iterator[bytes]:
    yield b"\0[cache]\nversion = 1\nrepository = " + ID.hex().encode() + b"\nmanifest = \n[integrity]\nmanifest = \n"
    yield b"\1" + bytes.fromhex(vectors("hashindex")["chunks_index_compact_hex"])
    yield b'\3{"00": {"size": 1, "csize": 1, "nfiles": 1, "size_parts": 0, "csize_parts": 0, "nfiles_parts": 0}}'
    yield b'\x40{"exclusive": [["host@1", 1, 0]], "shared": [["host@2", 2, 0]]}'
    yield b"\x40" + b"[" * 3000
    yield b"\3" + b"[" * 3000
    yield b"\x41" + b"00000000000000ff"
    yield b"\x42" + b"/some/where"


def fuzz(data: bytes) -> None:
    """The first byte says which file it is."""
    kind, content = (data[0] if data else 0), data[1:]
    place = tempfile.mkdtemp(prefix="fuzz-")
    try:
        OTHERS.get(kind, _open_cache)(place, kind, content)
    finally:
        shutil.rmtree(place)


def _open_cache(place: str, kind: int, content: bytes) -> None:
    """It is rebuilt where it is not good; what is left can be committed."""
    name = NAMES[kind % len(NAMES)]
    cache = _cache(place)
    with cache:
        cache.replace_chunks(cache.chunks)
        cache.commit(SomeManifest(ID, "2024-01-01T00:00:00.000000"))
    path = os.path.join(cache.directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    try:
        with _cache(place) as cache:
            cache.old_totals.get(ID)
            cache.replace_chunks(cache.chunks)
            cache.commit(SomeManifest(ID, "2024-01-01T00:00:00.000000"))
    except Error:
        pass


def _cache(place: str) -> Cache:
    record = SecurityRecord(os.path.join(place, "security"))
    files = FilesCacheSettings("cis")
    directory = os.path.join(place, "cache")
    return Cache(directory, ID, SomeKey(), "/repository", record, lock_wait=0, sink=RecordingSink(), files=files)


def _lock(place: str, kind: int, content: bytes) -> None:
    del kind
    with open(os.path.join(place, "lock.roster"), "wb") as file:
        file.write(content)
    lock = Lock(place, exclusive=False, timeout_s=0)
    lock.acquire()
    lock.release()
    try:
        lock = Lock(place, exclusive=True, timeout_s=0)
        lock.acquire()
        lock.release()
    except LockTimeout:
        break_lock(place)
    assert not os.path.lexists(os.path.join(place, "lock.exclusive"))


def _nonce(place: str, kind: int, content: bytes) -> None:
    """Counters never go back behind what a record says, and a record that says nothing is not overlooked."""
    del kind
    Repository.create(os.path.join(place, "repository"))
    for path in ("repository/nonce", "security-nonce"):
        with open(os.path.join(place, path), "wb") as file:
            file.write(content)
    with Repository(os.path.join(place, "repository"), exclusive=True) as repository:
        allocator = CounterAllocator(repository, os.path.join(place, "security-nonce"), 5)
        try:
            first = allocator.allocate(3)
        except Error:
            return
        assert first >= max(5, int(content, 16))


def _security(place: str, kind: int, content: bytes) -> None:
    del kind
    record = SecurityRecord(place)
    for name in ("location", "key-type", "manifest-timestamp"):
        with open(os.path.join(place, name), "wb") as file:
            file.write(content)
    assert record.is_known
    assert isinstance(record.location, str)
    assert isinstance(record.key_type, int)
    assert isinstance(record.timestamp, str)


OTHERS: dict[int, Callable[[str, int, bytes], None]] = {0x40: _lock, 0x41: _nonce, 0x42: _security}
