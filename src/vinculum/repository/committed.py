"""The committed state as one process holds it: loaded when it is first needed, replayed and mended where its files lag behind.

A replayed state is saved, so that the next one need not replay; that needs the exclusive lock, which is taken for as long.
Without any lock nothing is written.
"""

from __future__ import annotations

import errno

from vinculum.errors import CheckNeeded, IntegrityError
from vinculum.repository.state import State, load_missing_hints, load_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum._native import RepositoryIndex
    from vinculum.events import Sink
    from vinculum.repository.hints import Hints
    from vinculum.repository.index_files import IndexFiles
    from vinculum.repository.locking import Lock
    from vinculum.repository.segments import Segments


class CommittedState:
    """What the last COMMIT left of one open repository. Confined to one thread."""

    def __init__(
        self,
        path: str,
        segments: Segments,
        files: IndexFiles,
        lock: Callable[[], Lock | None],
        *,
        keeps_log: bool,
        commit_anew: Callable[[], None],
        sink: Sink | None,
    ) -> None:
        """`path` is what people call the repository, `lock` tells what it holds. With `keeps_log` each transaction saved
        is noted, as users of append-only repositories want. `commit_anew` commits the state that is held once more, after
        damage was met while reading.
        """
        self.files = files
        self._path = path
        self._segments = segments
        self._lock = lock
        self._keeps_log = keeps_log
        self._commit_anew = commit_anew
        self._sink = sink
        self._state: State | None = None

    def index(self) -> RepositoryIndex:
        """CheckNeeded or IntegrityError if what was committed cannot be told."""
        if self._state is None:
            self._state = self._load(for_writing=False)
        return self._state.index

    def for_writing(self) -> State:
        """The state with its hints; they are worked on by the transaction that asks. Errors as above."""
        if self._state is not None:
            try:
                load_missing_hints(self._state, self._segments, self.files)
            except IntegrityError as error:
                self._warn(f"Rebuilding index and hints of the repository: {error}")
                assert self._state.transaction is not None
                self.files.remove(self._state.transaction)
                self._state = None
        if self._state is None:
            self._state = self._load(for_writing=True)
        return self._state

    def transaction(self) -> int | None:
        """The number of the transaction that is held; None if nothing is, or nothing was ever committed."""
        return None if self._state is None else self._state.transaction

    def forget(self) -> None:
        """The next one who asks gets what is on the disk by then."""
        self._state = None

    def become(self, transaction: int, index: RepositoryIndex, hints: Hints) -> None:
        """Saves what has just been committed, and holds it."""
        self._save(transaction, index, hints)
        self._state = State(transaction, index, hints)

    def find(self) -> tuple[int | None, RepositoryIndex | None]:
        """The transaction to be checked, and the index that belongs to it, if there is a good one. Damage raises nothing."""
        try:
            state = self._state = self._load(for_writing=False)
            if state.transaction is not None:
                return state.transaction, state.index
        except (CheckNeeded, IntegrityError):
            pass  # what is wrong will show
        for candidate in (self._segments.find_last_committed, self.files.find_transaction, self._segments.find_last):
            transaction = candidate()
            if transaction is not None:
                break
        return transaction, None

    def _load(self, *, for_writing: bool) -> State:
        """Finds the committed state; where index files lag behind, it is replayed and (under a lock) saved."""
        lock = self._lock()
        state = self._load_state(for_writing, may_replay=lock is None or lock.is_exclusive)
        if state is not None:
            return state if lock is None else self._keep(state, for_writing=for_writing)
        assert lock is not None
        lock.upgrade()
        try:
            # Others may have written before we got the lock.
            self._segments.close()
            state = self._load_state(for_writing, may_replay=True)
            assert state is not None
            return self._keep(state, for_writing=for_writing)
        finally:
            lock.downgrade()

    def _load_state(self, with_hints: bool, *, may_replay: bool) -> State | None:
        return load_state(self._segments, self.files, self._path, with_hints=with_hints, may_replay=may_replay, sink=self._sink)

    def _keep(self, state: State, *, for_writing: bool) -> State:
        """Saves a state that was replayed, and commits it anew if that was due to damage met while reading."""
        if not state.is_replayed:
            return state
        assert state.transaction is not None
        assert state.hints is not None
        if state.damage:
            self._warn(f"Rebuilding index and hints of the repository: {state.damage}")
            self.files.remove(state.transaction)
        try:
            self._save(state.transaction, state.index, state.hints)
        except OSError as error:
            if error.errno != errno.ENOSPC or for_writing:
                raise
            # What is on the disk can be read all the same.
            self._warn(f"The disk of repository {self._path} is full: its index will have to be rebuilt each time.")
            return state
        state.is_replayed = False
        if state.damage and not for_writing:
            self._state = state
            self._commit_anew()
            state = self._state
        return state

    def _save(self, transaction: int, index: RepositoryIndex, hints: Hints) -> None:
        if self._keeps_log:
            self.files.log_transaction(transaction)
        self.files.save(transaction, index, hints)

    def _warn(self, text: str) -> None:
        """Tells of something that is odd but harmless: commands end as if nothing had been, as Borg's do."""
        if self._sink is not None:
            self._sink.warning(text, 0, topic="repository")
