"""Index files of repositories and caches, in both layouts, and what else is loaded in one piece."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.vectors import vectors
from vinculum._native import Bytes, ChunkIndex, FilesCache, RepositoryIndex, ShadowIndex
from vinculum.errors import IntegrityError
from vinculum.repository.hints import Hints

WORDS = [b"BORG_IDX", b"\x20\x08", b"\x20\x0c", b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"\x92\xda\0\x20"]
KEY = bytes(range(32))


def seeds() -> Iterator[bytes]:
    index = vectors("hashindex")
    for name in ("chunks_index_compact_hex", "chunks_index_compact_of_empty_hex"):
        yield b"\1" + bytes.fromhex(index[name])
    chunks, entries, shadows, hints = ChunkIndex(), RepositoryIndex(), ShadowIndex(), Hints()
    chunks.set(KEY, 1, 2, 3)
    entries.set(KEY, 4, 5)
    shadows.add_many(KEY, 6)
    hints.count_puts(7, 1, 50)
    yield b"\0" + bytes(entries.save())[-4000:]
    yield b"\1" + bytes(chunks.save_compact())
    yield b"\2" + bytes(shadows.save())
    yield b"\4" + bytes(hints.save())
    for record in vectors("filescache")["records"]:
        yield b"\3" + bytes.fromhex(record["record"])


def fuzz(data: bytes) -> None:
    """The first byte says what the others are."""
    kind, content = data[:1], Bytes(data[1:])
    try:
        if kind == b"\0":
            take(RepositoryIndex.load(content))
        elif kind == b"\1":
            take(ChunkIndex.load(content))
        elif kind == b"\2":
            shadows = ShadowIndex.load(content)
            assert len(ShadowIndex.load(shadows.save())) == len(shadows)
        elif kind == b"\3":
            cache = FilesCache("cis", 20)
            cache.load(content)
            assert len(bytes(cache.save())) >= 0
        else:
            Hints.load(content).save()
    except IntegrityError:
        pass


def take(index: RepositoryIndex | ChunkIndex) -> None:
    """What was loaded works, and is the same after saving."""
    ids = index.ids()
    assert len(ids) == len(set(ids)) == len(index)
    values = [index.get(id) for id in ids]
    again = type(index).load(index.save())
    assert [again.get(id) for id in ids] == values
