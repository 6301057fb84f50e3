"""Changing an open repository: from the first change to the commit, the rollback or the full disk that ends a transaction.

Reading commands do without. What is current for readers is `committed`; between the first change and the commit that is what
the transaction works on.
"""

from __future__ import annotations

import errno

from vinculum.errors import CheckNeeded, InsufficientFreeSpace, ObjectNotFound
from vinculum.formats.sizes import format_size
from vinculum.repository.compaction import Room
from vinculum.repository.quota import check_free_space
from vinculum.repository.segment_writer import SegmentWriter
from vinculum.repository.transaction import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Blob, SealedBatch
    from vinculum.events import Sink
    from vinculum.repository.committed import CommittedState
    from vinculum.repository.config import RepositoryConfig
    from vinculum.repository.hints import Hints
    from vinculum.repository.segments import Segments
    from vinculum.repository.storage import Storage


class Changes:
    """One transaction after the other; methods as in `store.Store`, once one has begun. The caller holds an exclusive lock."""

    def __init__(
        self,
        path: str,
        storage: Storage,
        segments: Segments,
        committed: CommittedState,
        config: RepositoryConfig,
        *,
        append_only: bool,
        quota: int,
        sink: Sink | None,
    ) -> None:
        """`path` is what people call the repository; a `quota` of 0 is none."""
        self._path = path
        self._storage = storage
        self._segments = segments
        self._committed = committed
        self._config = config
        self._append_only = append_only
        self._quota = quota
        self._sink = sink
        self._transaction: Transaction | None = None
        self._disk_is_full = False

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to commit or forget."""
        return self._transaction is not None

    def begin(self) -> None:
        """Begins a transaction behind the last commit. CheckNeeded or IntegrityError if that cannot be told."""
        state = self._committed.for_writing()
        first = 0
        if state.transaction is not None:
            self._segments.remove_after(state.transaction)
            first = state.transaction + 1
        elif self._segments.find_last() is not None:
            # Segments without any COMMIT: they may be all that is left of something, so they are not ours to remove.
            raise CheckNeeded(self._path)
        assert state.hints is not None
        state.hints.forget_shadows_after(first - 1)
        self._tell_quota(state.hints)
        writer = SegmentWriter(self._storage, self._segments, first, self._config.max_segment_size)
        self._transaction = Transaction(state.index, state.hints, self._segments, writer, self._quota)

    def has_quota_for(self, sealed: SealedBatch) -> bool:
        """Whether `put_many` will find the quota large enough."""
        return self._current.has_quota_for(sealed)

    @property
    def _current(self) -> Transaction:
        assert self._transaction is not None
        return self._transaction

    def put(self, id: bytes, data: Blob) -> None:
        try:
            self._current.put(id, data)
        except OSError as error:
            self.note(error)
            raise

    def put_many(self, sealed: SealedBatch) -> None:
        try:
            self._current.put_many(sealed)
        except FileNotFoundError:
            raise CheckNeeded(self._path) from None
        except OSError as error:
            self.note(error)
            raise

    def delete(self, id: bytes) -> None:
        try:
            found = self._current.delete(id)
        except OSError as error:
            self.note(error)
            raise
        if not found:
            raise ObjectNotFound(id.hex(), self._path)

    def delete_many(self, ids: bytes) -> bytes:
        try:
            return self._current.delete_many(ids)
        except FileNotFoundError:
            raise CheckNeeded(self._path) from None
        except OSError as error:
            self.note(error)
            raise

    def commit(self, *, compact: bool = False, threshold: float = 0.1, cleanup_commits: bool = False) -> None:
        transaction = self._transaction
        if transaction is None:
            return
        try:
            transaction.raise_if_doomed()
            room = self._check_free_space(transaction)
            self._tell_quota(transaction.hints)
            committed = transaction.commit()
        except BaseException as error:
            self.note(error)
            self.rollback()
            raise
        # From here on the transaction counts. If the files fail, the next one to open the repository replays it.
        self._transaction = None
        self._committed.forget()
        if compact and not self._append_only:
            committed = self._compact(transaction, threshold, cleanup_commits=cleanup_commits, room=room)
        self._committed.become(committed, transaction.index, transaction.hints)

    def _compact(self, transaction: Transaction, threshold: float, *, cleanup_commits: bool, room: Room | None) -> int:
        """Compacts after the COMMIT. Where it fails, the last COMMIT it wrote counts, and what came after is worth nothing."""
        try:
            stable = self._committed.files.find_transaction()
            return transaction.compact(threshold, cleanup_commits=cleanup_commits, stable=stable, room=room, sink=self._sink)
        except BaseException as error:
            self.note(error)
            transaction.close()
            if self._disk_is_full:
                self._disk_is_full = False
                last = self._segments.find_last_committed()
                assert last is not None
                self._segments.remove_after(last)
            raise

    def rollback(self) -> None:
        transaction, self._transaction = self._transaction, None
        # The index goes even if nothing was written: lookups reshuffle it, and Borg too begins anew with the one on disk.
        last = self._committed.transaction()
        self._committed.forget()
        if transaction is None:
            return
        transaction.close()
        if self._disk_is_full:
            self._disk_is_full = False
            try:
                self._segments.remove_after(-1 if last is None else last)
            except OSError:
                pass  # the next transaction tries again

    def _check_free_space(self, transaction: Transaction) -> Room | None:
        """How a compaction must get by if space is short; None if there is enough."""
        reserved = check_free_space(
            self._storage,
            self._segments,
            transaction.hints,
            len(transaction.index.save()),
            self._config,
            append_only=self._append_only,
            makes_room=transaction.makes_room,
        )
        return None if reserved is None else Room(self._storage, reserved)

    def _tell_quota(self, hints: Hints) -> None:
        if self._quota and self._sink is not None:
            used, quota = format_size(hints.quota_use), format_size(self._quota)
            self._sink.info(f"Storage quota: {used} out of {quota} used.", "repository")

    def note(self, error: BaseException) -> None:
        """Remembers that the disk is full: the leftovers of this transaction are then removed at once."""
        if isinstance(error, InsufficientFreeSpace) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
            self._disk_is_full = True
