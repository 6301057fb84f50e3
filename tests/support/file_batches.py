"""Taking trees through the stages of a file batch, as `create` does, without a repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from reference import items as reference_items
from reference import scanning as reference
from vinculum import _native

HASHER = _native.IdHasher("sha256")
CHUNKER = _native.Chunker(("buzhash", 10, 16, 12, 63), 0)
SMALL = 1 << 20


class Outcome(NamedTuple):
    """What a batch made of a tree."""

    batch: _native.FileBatch
    items: list[reference_items.ItemFields]
    stored: _native.ChunkBatch

    @property
    def status(self) -> dict[bytes, str]:
        letters = self.batch.statuses().decode()
        return dict(zip((os.path.basename(path) for path in self.batch.paths()), letters, strict=True))


class Backup:
    """What outlives a batch: indexes, caches, names. Takes trees through all stages as `create` does."""

    def __init__(self, mode: str = "cis", **options: Any) -> None:
        self.options = _native.ItemOptions(**options)
        self.chunks = _native.ChunkIndex()
        self.files = _native.FilesCache(mode, 20)
        self.links = _native.HardLinks()
        self.owners = _native.OwnerNames()

    def collect(self, *roots: bytes | Path, archived: bytes | None = None) -> _native.FileBatch:
        batch = _native.FileBatch(self.options)
        for root in roots:
            path = os.fsencode(root)
            add_all(batch, _native.scan_root(path, path.lstrip(b"/") if archived is None else archived))
        return batch

    def begin(self, batch: _native.FileBatch, max_file_bytes: int = SMALL, chunker: _native.Chunker = CHUNKER) -> None:
        """Up to what is to be done for large files."""
        batch.link(self.links)
        batch.match(self.files, self.chunks, HASHER, os.getcwdb())
        batch.read(chunker, HASHER, max_file_bytes)

    def end(self, batch: _native.FileBatch) -> Outcome:
        stored = batch.claim(self.chunks)
        self.learn_owners(batch)
        stream = bytes(memoryview(batch.encode(0, len(batch), self.owners, self.chunks)))
        batch.memorize(self.files)
        return Outcome(batch, reference_items.decode(stream), stored)

    def learn_owners(self, batch: _native.FileBatch) -> None:
        users, groups = self.owners.unknown(batch)
        for uid in users:
            self.owners.set_user(uid, reference.user_name(uid))
        for gid in groups:
            self.owners.set_group(gid, reference.group_name(gid))
        assert self.owners.unknown(batch) == ([], [])

    def run(self, *roots: bytes | Path, archived: bytes | None = None, chunker: _native.Chunker = CHUNKER) -> Outcome:
        batch = self.collect(*roots, archived=archived)
        self.begin(batch, chunker=chunker)
        while large := batch.large():
            self.finish_large(batch, large[0], chunker)
        return self.end(batch)

    def finish_large(self, batch: _native.FileBatch, index: int, chunker: _native.Chunker = CHUNKER) -> None:
        fd = batch.open_large(index)
        try:
            content = self.read(fd, chunker)
            batch.end_large(index, fd)
            batch.finish_large(index, content)
        finally:
            os.close(fd)

    def read(self, fd: int, chunker: _native.Chunker = CHUNKER) -> _native.ChunkList:
        reader, chunks = _native.FileReader(fd, chunker, HASHER), _native.ChunkList()
        while len(read := reader.read(1 << 16)):
            self.chunks.claim(read)
            chunks.extend(read)
        return chunks

    def forget(self) -> None:
        """What ends with an archive."""
        self.links = _native.HardLinks()
        files = _native.FilesCache("cis", 20)
        files.load(self.files.save())
        self.files = files

    def references(self) -> dict[bytes, int]:
        return {id_: entry[0] for id_ in self.chunks.ids() if (entry := self.chunks.get(id_))}


def add_all(batch: _native.FileBatch, listing: _native.DirectoryListing) -> None:
    """Everything below, in walk order."""
    for index, kind in enumerate(listing.kinds().decode()):
        batch.add(listing, index, index + 1)
        if kind == "d":
            add_all(batch, _native.scan_directory(listing, index))


def settle(*paths: Path) -> None:
    """The newest file of a run is never kept in the files cache: makes a newer one."""
    for path in paths:
        newest = path / "the newest"
        newest.touch()
        while newest.stat().st_ctime_ns <= max(entry.lstat().st_ctime_ns for entry in path.iterdir() if entry != newest):
            newest.touch()


def replace(path: Path) -> None:
    """Another file of the same name."""
    path.with_name("replacement").write_bytes(b"another inode")
    path.with_name("replacement").rename(path)
