"""The intake: what was read becomes stored chunks and items of the archive, one bundle at a time, in archive order.

The stages of a bundle are claim, seal, put, settle, encode, memorize; each is one native call that works on all cores. What
comes after sealing waits in the line of the chunk store. Only reports of single files, large files and failures cost Python
time per file.
"""

from __future__ import annotations

from functools import partial

from vinculum import _native
from vinculum.operations.create.content import ContentUnreadable
from vinculum.operations.create.reading import Apart, Begun, Ended, Large, Lull, Waiting, close_source
from vinculum.operations.create.reporting import Reporter
from vinculum.platform import owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum.operations.create.content import ChunkStore, ContentReader
    from vinculum.operations.create.reading import Message
    from vinculum.operations.create.writer import ArchiveWriter


class _Arriving:
    """The content of one large entry, as the messages bring it."""

    def __init__(self, messages: Iterator[Message]) -> None:
        self._messages = messages

    def read(self, batch_bytes: int) -> _native.ChunkBatch | None:  # noqa: ARG002 - the sender has decided
        message = next(self._messages)
        if isinstance(message, Lull):
            return None
        if isinstance(message, OSError):
            raise message
        if not isinstance(message, _native.ChunkBatch):
            raise TypeError(f"content was expected, not {message!r}")
        return message


class Intake:
    """Stores what the reader has read. Confined to one thread; its kernels are parallel inside."""

    def __init__(
        self,
        *,
        chunks: ChunkStore,
        files: _native.FilesCache,
        content: ContentReader,
        writer: ArchiveWriter,
        reporter: Reporter,
    ) -> None:
        self._chunks = chunks
        self._files = files
        self._content = content
        self._writer = writer
        self._owners = _native.OwnerNames()
        self._reporter = reporter

    def store(self, messages: Iterator[Message]) -> None:
        """Stores bundle after bundle."""
        for message in messages:
            if isinstance(message, Apart):
                self._chunks.catch_up()
                continue
            if not isinstance(message, Begun):
                raise TypeError(f"a bundle was expected, not {message!r}")
            self._reporter.announce(message.bundle)
            if len(message.bundle.batch):
                self._store(message.bundle.batch, messages)
            elif not isinstance(next(messages), Ended):
                raise TypeError("an empty bundle has no content")
            self._chunks.then(partial(self._reporter.report, message.bundle))
            self._writer.checkpoint_if_due()

    def _store(self, batch: _native.FileBatch, messages: Iterator[Message]) -> None:
        self._learn_owners(batch)
        done = 0
        for message in messages:
            if isinstance(message, Large):
                done = self._encode(batch, done, message.entry)
                self._take_large(batch, message.entry, messages)
            elif isinstance(message, Waiting):
                done = self._encode(batch, done, message.entry)
                self._chunks.catch_up()
                self._read_large(batch, message.entry)
            elif isinstance(message, Ended):
                break
            else:
                raise TypeError(f"{message!r} was not expected")
        self._encode(batch, done, len(batch))
        self._chunks.then(partial(self._close, batch))

    def _close(self, batch: _native.FileBatch) -> None:
        self._chunks.statistics.add_files(*batch.totals())
        batch.memorize(self._files)

    def _encode(self, batch: _native.FileBatch, start: int, stop: int) -> int:
        """Claims the content from `start` to `stop`; once that is stored, the items are added to the archive.

        Of what comes later nothing is claimed yet: a checkpoint, of which there may be one while a large file is read, is to
        count and to hold exactly what its archive refers to.
        """
        index = self._chunks.index
        while start < stop:
            self._chunks.put_claimed(batch.claim(index, start, stop))
            bereft = next((entry for entry in batch.bereft() if start <= entry < stop), stop)
            self._chunks.then(partial(self._add_items, batch, start, bereft))
            if bereft < stop:
                self._read_large(batch, bereft)
            start = bereft
        return stop

    def _add_items(self, batch: _native.FileBatch, start: int, stop: int) -> None:
        self._writer.add_items(batch.encode(start, stop, self._owners, self._chunks.index))

    def _learn_owners(self, batch: _native.FileBatch) -> None:
        users, groups = self._owners.unknown(batch)
        for uid in users:
            self._owners.set_user(uid, owners.user_name(uid))
        for gid in groups:
            self._owners.set_group(gid, owners.group_name(gid))

    def _take_large(self, batch: _native.FileBatch, large: int, messages: Iterator[Message]) -> None:
        """Stores the content that arrives. Whether it could be read, and has changed, is the sender's business."""
        path, save_part = batch.path(large), self._save_part(batch, large)
        try:
            content = self._content.take(_Arriving(messages), path, self._writer.checkpoint_is_due, save_part)
        except ContentUnreadable:
            return  # the batch knows
        batch.finish_large(large, content)

    def _read_large(self, batch: _native.FileBatch, large: int) -> None:
        """Reads and stores what nobody else may or can read."""
        try:
            fd = self._open_large(batch, large)
        except OSError as error:
            batch.fail_large(large, error.errno or 0, was_opened=False)
            return
        # An OSError while content is stored is not the file's fault, and ends the backup.
        try:
            path = batch.path(large)
            content = self._content.read(fd, path, self._writer.checkpoint_is_due, self._save_part(batch, large))
            self._finish_large(batch, large, fd, content)
        except ContentUnreadable as failure:
            batch.fail_large(large, failure.errno, was_opened=True)
        finally:
            close_source(fd)

    def _finish_large(self, batch: _native.FileBatch, large: int, fd: int, content: _native.ChunkList) -> None:
        try:
            batch.end_large(large, fd)
        except OSError as error:
            self._chunks.release(content.ids())
            raise ContentUnreadable(error) from error
        batch.finish_large(large, content)

    def _save_part(self, batch: _native.FileBatch, large: int) -> Callable[[int, _native.ChunkList], None]:
        def save_part(number: int, chunks: _native.ChunkList) -> None:
            self._writer.add_items(batch.part(large, number, chunks, self._owners, self._chunks.index))
            self._writer.checkpoint()

        return save_part

    def _open_large(self, batch: _native.FileBatch, large: int) -> int:
        while True:
            try:
                return batch.open_large(large)
            except InterruptedError:  # a fifo that nobody writes to, and a signal
                if self._writer.stop_is_requested():
                    raise
