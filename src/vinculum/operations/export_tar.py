"""An archive as a tar: headers in GNU format, content as it comes out of the repository, byte for byte what Borg writes.

Lossy as that format is: whole seconds, no flags, ACLs, extended attributes, access and change times, no holes.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections import deque
from typing import IO, TYPE_CHECKING, NamedTuple

from vinculum import _native, warning_codes
from vinculum.errors import IntegrityError
from vinculum.formats.tar_headers import Member, gnu_header
from vinculum.operations.extract.selection import is_hard_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vinculum.archive.chunk_reader import ChunkReader, Portion
    from vinculum.events import Sink
    from vinculum.operations.extract.selection import Selection

_OPERATION = "export-tar"
_KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}
_NOTHING = _native.ChunkList()


class _Member(NamedTuple):
    """What goes into the tar for one item."""

    path: bytes  # as archived
    header: bytes
    chunks: _native.ChunkList


class TarExporter:
    """Writes the selected items to one stream. Confined to one thread."""

    def __init__(self, reader: ChunkReader, selection: Selection, sink: Sink, output: IO[bytes]) -> None:
        self._reader = reader
        self._selection = selection
        self._sink = sink
        self._output = output
        self._waiting: deque[_Member] = deque()  # asked for and not yet written, in order
        self._written_bytes = 0
        self._done_bytes = 0  # content, for progress
        self.total_bytes: int | None = None  # set it for progress in percent

    def export(self) -> None:
        """Writes the whole tar. ObjectNotFound or IntegrityError if content is lost: the tar is incomplete then."""
        done = 0
        for portion in self._reader.read(self._contents()):
            done = self._write_portion(portion, done)
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._pad(tarfile.RECORDSIZE)
        if self._sink.wants_progress:
            self._sink.finished(_OPERATION)

    def _contents(self) -> Iterator[_native.ChunkList]:
        for item, path in self._selection.items():
            member = self._member(item, path)
            if member is not None:
                self._waiting.append(member)
                yield member.chunks

    def _write_portion(self, portion: Portion, done: int) -> int:
        """Writes what there is of the first waiting member, of which `done` bytes are written; returns how many then are."""
        member = self._waiting[0]
        if portion.error is not None:
            raise portion.error
        if not done:
            self._sink.status("", member.path)
            self._write(member.header)
        self._output.writelines(portion.chunks)
        size = sum(map(len, portion.chunks))
        self._written_bytes += size
        self._done_bytes += size
        done += size
        if size and self._sink.wants_progress:
            self._sink.progress(_OPERATION, self._done_bytes, self.total_bytes, os.fsdecode(member.path))
        if not portion.is_last:
            return done
        if done != member.chunks.size_bytes:
            raise IntegrityError(f"{os.fsdecode(member.path)}: its chunks have {done} bytes, not {member.chunks.size_bytes}")
        self._pad(tarfile.BLOCKSIZE)
        self._waiting.popleft()
        return 0

    def _write(self, data: bytes) -> None:
        self._output.write(data)
        self._written_bytes += len(data)

    def _pad(self, block_bytes: int) -> None:
        self._write(bytes(-self._written_bytes % block_bytes))

    # -- headers -------------------------------------------------------------------------------------------------------

    def _member(self, item: _native.Item, path: bytes) -> _Member | None:
        """None, and a warning, for what a tar cannot hold."""
        kind = _KINDS.get(stat.S_IFMT(item.mode))
        if kind is None:
            form = f"{stat.S_IFMT(item.mode):o}"
            self._sink.warning(f"{os.fsdecode(path)}: unsupported file type {form} for tar export")
            return None
        chunks, size, link = _NOTHING, 0, b""
        if kind == tarfile.REGTYPE:
            kind, chunks, link = self._describe_file(item, path)
            size = chunks.size_bytes
        elif kind == tarfile.SYMTYPE:
            link = item.source or b""
        is_device = kind in (tarfile.BLKTYPE, tarfile.CHRTYPE)
        member = Member(
            kind=kind,
            name=path,
            mode=stat.S_IMODE(item.mode),
            uid=item.uid or 0,
            gid=item.gid or 0,
            size=size,
            mtime=int(item.mtime / 1e9),  # rounds as Borg does; the format then cuts to whole seconds
            link=link,
            user=item.user or b"",
            group=item.group or b"",
            device=(os.major(item.rdev or 0), os.minor(item.rdev or 0)) if is_device else None,
        )
        return _Member(item.path, gnu_header(member), chunks)

    def _describe_file(self, item: _native.Item, path: bytes) -> tuple[bytes, _native.ChunkList, bytes]:
        """Type, content and target of a regular file, which may be a hard link."""
        content = item
        if is_hard_link(item):
            source, content = self._selection.link_source(item, path)
            if source:
                return tarfile.LNKTYPE, _NOTHING, source
        chunks = content.chunks or _NOTHING
        size = chunks.size_bytes
        if content.size is not None and content.size != size:
            text = f"{os.fsdecode(path)}: Size inconsistency detected: size {content.size}, chunks size {size}"
            self._sink.warning(text, warning_codes.BACKUP_ERROR)
        return tarfile.REGTYPE, chunks, b""
