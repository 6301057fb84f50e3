"""A tar as an archive: headers become items, content is cut and stored as that of files on a disk is.

Files that can only be one chunk are gathered, so that they are hashed, compressed and stored many at a time. Invariant: items
are in the order of the tar, and a tar that cannot be read to its end makes no archive.
"""

from __future__ import annotations

import os
import stat
import tarfile
from typing import IO, TYPE_CHECKING, NamedTuple

from vinculum import _native
from vinculum.archive.statistics import Statistics
from vinculum.errors import Error
from vinculum.formats.ids import ID_BYTES
from vinculum.formats.texts import to_raw
from vinculum.operations.create.content import BATCH_BYTES, ChunkStore, ContentTaker, show_progress
from vinculum.operations.create.roots import safe_path
from vinculum.operations.create.writer import ArchiveWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self, TypeAlias

    from vinculum.events import Sink
    from vinculum.operations.create.options import CreateOptions
    from vinculum.operations.create.writer import SavedArchive
    from vinculum.operations.opened import OpenAnyCache

    Fields: TypeAlias = dict[str, int | bytes | bool | dict[bytes, bytes | None] | None]

GATHERED_FILES = 2048
_READ_BYTES = 1 << 20
_LAST_TIME_NS = (2**31 - 1 - 48 * 3600) * 1_000_000_000  # archives hold no later time
# What a tar's entry becomes; a later hard link is a regular file that names its first link.
_KINDS = {
    tarfile.DIRTYPE: ("d", stat.S_IFDIR),
    tarfile.SYMTYPE: ("s", stat.S_IFLNK),
    tarfile.LNKTYPE: ("h", stat.S_IFREG),
    tarfile.BLKTYPE: ("b", stat.S_IFBLK),
    tarfile.CHRTYPE: ("c", stat.S_IFCHR),
    tarfile.FIFOTYPE: ("f", stat.S_IFIFO),
}


class _Gathered(NamedTuple):
    """An item that waits; `content` is None for what has none."""

    fields: Fields
    content: bytes | None


class _Header(tarfile.TarInfo):
    """A header that has to be right: by itself, `tarfile` takes a broken one in the middle of a tar for its end."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise  # the end, with and without the zeros that mark it
        except tarfile.HeaderError as error:
            if tar.ignore_zeros or not tar.offset:
                raise  # is skipped, or complained about
            raise tarfile.ReadError(f"{error} at offset {tar.offset}") from None


class TarImport:
    """One archive in the making. `add` tars, then `save`. Confined to one thread."""

    def __init__(self, opened: OpenAnyCache, options: CreateOptions, sink: Sink, stop_requested: Callable[[], bool]) -> None:
        key = opened.key
        self.statistics = Statistics()
        self._sink = sink
        self._hasher = key.hasher
        self._chunker = _native.Chunker(options.chunker_params, key.chunk_seed)
        self._one_chunk_bytes = _size_of_one_chunk(options.chunker_params)
        self._chunks = ChunkStore(opened, self.statistics)
        self._writer = ArchiveWriter(opened, self._chunks, options, sink, stop_requested)
        self._content = ContentTaker(self._chunks, sink)
        self._gathered: list[_Gathered] = []
        self._gathered_bytes = 0

    def add(self, stream: IO[bytes], *, ignore_zeros: bool) -> None:
        """Takes in everything that is in the tar. Error if it is damaged."""
        try:
            with tarfile.open(
                fileobj=stream, mode="r|", tarinfo=_Header, ignore_zeros=ignore_zeros, bufsize=_READ_BYTES
            ) as tar:
                for header in _headers(tar):
                    self._add_member(tar, header)
        except tarfile.TarError as error:
            raise Error(f"the tar cannot be read: {error}") from None
        self._flush()

    def save(self) -> SavedArchive:
        """Commits the archive."""
        if self._sink.wants_progress:
            self._sink.archive_finished()
        return self._writer.save()

    def _add_member(self, tar: tarfile.TarFile, header: tarfile.TarInfo) -> None:
        name = to_raw(header.name)
        if header.isreg():
            fields = _fields_of(header, stat.S_IFREG)
            self._sink.status("A", _path_in(fields))
            file = tar.extractfile(header)
            assert file is not None  # as it is regular
            with file:
                self._add_file(fields, file, header.size)
            return
        if header.type not in _KINDS:
            self._sink.warning(f"{header.name}: Unsupported tarinfo type {header.type!r}")
            self._sink.status("E", name)
            return
        letter, kind = _KINDS[header.type]
        self._gather(_fields_of(header, kind), None)
        self._sink.status(letter, name)

    # -- content -------------------------------------------------------------------------------------------------------

    def _add_file(self, fields: Fields, file: IO[bytes], size: int) -> None:
        if size <= self._one_chunk_bytes:
            self._gather(fields, file.read())
            return
        self._flush()
        path = _path_in(fields)

        def save_part(number: int, chunks: _native.ChunkList) -> None:
            part: Fields = {**fields, "path": path + b".borg_part_%d" % number, "part": number}
            self._writer.add_items(self._encode_file(part, self._chunks.sized(chunks)))
            self._writer.checkpoint()

        reader = _MemberReader(file, self._chunker, self._hasher)
        content = self._chunks.sized(self._content.take(reader, path, self._writer.checkpoint_is_due, save_part))
        self._writer.add_items(self._encode_file(fields, content))
        self.statistics.add_files(1, content.size_bytes, content.csize_bytes)
        show_progress(self._sink, self.statistics, path)

    def _gather(self, fields: Fields, content: bytes | None) -> None:
        self._gathered.append(_Gathered(fields, content))
        self._gathered_bytes += len(content or b"")
        full = self._gathered_bytes >= BATCH_BYTES or len(self._gathered) >= GATHERED_FILES
        if full or self._writer.checkpoint_is_due():
            self._flush()
            self._writer.checkpoint_if_due()

    def _flush(self) -> None:
        """Stores what was gathered."""
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        chunks = _native.ChunkBatch.of([content for _, content in gathered if content], self._hasher)
        self._chunks.add(chunks)
        ids, sizes = chunks.ids(), chunks.sizes()
        csizes = self._chunks.index.csizes(ids)
        position = 0
        for fields, content in gathered:
            if content is None:
                self._writer.add_items(_native.encode_item(fields, None))
                continue
            next_position = position + (1 if content else 0)
            here = slice(position, next_position)
            own = _native.ChunkList.of(ids[position * ID_BYTES : next_position * ID_BYTES], sizes[here], csizes[here])
            position = next_position
            self._writer.add_items(self._encode_file(fields, own))
            self.statistics.add_files(1, own.size_bytes, own.csize_bytes)
        if gathered:
            show_progress(self._sink, self.statistics, _path_in(gathered[-1].fields))

    def _encode_file(self, fields: Fields, chunks: _native.ChunkList) -> _native.Bytes:
        return _native.encode_item({**fields, "size": chunks.size_bytes}, chunks)


class _MemberReader:
    """The content of one file in the tar, cut into chunks."""

    def __init__(self, file: IO[bytes], chunker: _native.Chunker, hasher: _native.IdHasher) -> None:
        self._file = file
        self._hasher = hasher
        self._stream = _native.StreamChunker(chunker, hasher)
        self._at_end = False

    def read(self, batch_bytes: int) -> _native.ChunkBatch:
        while not self._at_end:
            data = self._file.read(batch_bytes)
            self._at_end = not data
            chunks = self._stream.feed(data) if data else self._stream.finish()
            if len(chunks):
                return chunks
        return _native.ChunkBatch.of([], self._hasher)


def _headers(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """One header after the other, without keeping them."""
    while True:
        try:
            header = tar.next()
        except (ValueError, OverflowError, LookupError) as error:  # numbers and texts that are none
            raise tarfile.ReadError(f"bad header: {error}") from None
        if header is None:
            return
        yield header
        tar.members = []  # type: ignore[attr-defined]


def _fields_of(header: tarfile.TarInfo, kind: int) -> Fields:
    """All fields but those about content. ReadError for numbers that no file can have."""
    try:
        mtime_ns = int(header.mtime * 1000**3)
        fields: Fields = {
            "path": safe_path(os.path.normpath(to_raw(header.name))),
            "mode": header.mode | kind,
            "uid": header.uid,
            "gid": header.gid,
            "user": to_raw(header.uname) or None,
            "group": to_raw(header.gname) or None,
            "mtime": min(max(mtime_ns, 0), _LAST_TIME_NS),
        }
        if header.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            fields["source"] = to_raw(header.linkname)
        elif header.type in (tarfile.BLKTYPE, tarfile.CHRTYPE):
            fields["rdev"] = os.makedev(header.devmajor, header.devminor)
    except (OverflowError, ValueError):
        raise tarfile.ReadError(f"bad numbers in the header of {header.name}") from None
    if any(isinstance(value, int) and value.bit_length() > 63 for value in fields.values()):
        raise tarfile.ReadError(f"bad numbers in the header of {header.name}")
    return fields


def _path_in(fields: Fields) -> bytes:
    path = fields["path"]
    assert isinstance(path, bytes)
    return path


def _size_of_one_chunk(params: _native.BuzhashParams | _native.FixedParams) -> int:
    """Up to this size a file is never cut."""
    if params[0] == "buzhash":
        return min(1 << params[1], BATCH_BYTES)
    return min(params[2] or params[1], BATCH_BYTES)
