"""A repository in a local directory: the transactional store that all backups end in.

Use it as a context manager: entering takes the lock, leaving gives it back and forgets what was not committed. Whatever
happens at any point, the repository is found in the state of its last commit. Confined to one thread at a time.

What takes no part in opening and reading is imported where it is used, so that commands which only read begin sooner.
"""

from __future__ import annotations

import os

from vinculum.errors import (
    AtticRepository,
    Error,
    IntegrityError,
    LockFailed,
    PathPermissionDenied,
    RepositoryDoesNotExist,
)
from vinculum.repository.committed import CommittedState
from vinculum.repository.config import read_config, write_config
from vinculum.repository.counters import read_free_counter, reserve_counters
from vinculum.repository.index_files import IndexFiles
from vinculum.repository.locking import Lock, break_lock
from vinculum.repository.reading import ObjectReader
from vinculum.repository.segments import ATTIC_MAGIC, Segments
from vinculum.repository.storage import LocalStorage, delete_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from vinculum._native import Blob, Bytes, SealedBatch
    from vinculum.events import Sink
    from vinculum.repository.changes import Changes
    from vinculum.repository.config import RepositoryConfig
    from vinculum.repository.hints import Hints
    from vinculum.repository.segment_walk import Entry
    from vinculum.repository.storage import Storage
    from vinculum.repository.store import ObjectWindow


class Repository:
    """Implements `store.Store`. Everything that may write needs `exclusive`; `lock=False` is for reading only."""

    config: RepositoryConfig
    append_only: bool
    id: bytes

    @classmethod
    def create(
        cls,
        path: str,
        *,
        append_only: bool = False,
        storage_quota: int = 0,
        make_parent_dirs: bool = False,
        storage: Storage | None = None,
    ) -> None:
        """Makes a new, empty repository with a random id. Open it afterwards to use it."""
        from vinculum.repository.creation import create_directory, fill_directory

        path = os.path.abspath(path)
        create_directory(path, make_parent_dirs=make_parent_dirs)
        fill_directory(storage or LocalStorage(path), append_only=append_only, storage_quota=storage_quota)

    def __init__(
        self,
        path: str,
        *,
        exclusive: bool = False,
        lock: bool = True,
        lock_wait: float | None = 1.0,
        append_only: bool = False,
        storage_quota: int | None = None,
        storage: Storage | None = None,
        sink: Sink | None = None,
        place: str | None = None,
    ) -> None:
        """Opens nothing yet. `append_only` adds to the config, `storage_quota` overrides it; `lock_wait` is in seconds.

        `place` is what leads to the directory, if `path` is only what people call it.
        """
        self.path = os.path.abspath(path)
        self._place = place or self.path
        self._storage = storage or LocalStorage(self._place)
        self._lock = None
        if lock:
            self._lock = Lock(self._place, exclusive=exclusive, timeout_s=lock_wait, sink=sink, name=self.path)
        self._forced_append_only = append_only
        self._given_quota = storage_quota
        self._sink = sink
        self._changes: Changes | None = None  # made where anything is to be changed

    # -- opening and closing -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if not os.path.exists(self._place):
            raise RepositoryDoesNotExist(self.path)
        try:
            # Before locking, so as not to put locks into directories that are no repositories.
            read_config(self._storage, self.path)
        except PermissionError:
            raise PathPermissionDenied(self.path) from None
        if self._lock is not None:
            self._lock.acquire()
        try:
            self._open()
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, OSError) and self._changes is not None:
            self._changes.note(error)
        self.close()

    def close(self) -> None:
        """Forgets what was not committed, closes all files and gives the lock back."""
        try:
            self.rollback()
            self._segments.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def break_lock(self) -> None:
        """Removes every lock, whoever holds it; an own one is gone, too."""
        self._lock = None
        break_lock(self._place)

    def destroy(self) -> None:
        """Deletes the whole repository and closes it. Refused if it is append-only and anything was ever committed to it."""
        self._require_exclusive()
        self.rollback()
        if self.append_only and self._segments.find_last_committed() is not None:
            raise Error(f"Repository {self.path} is append-only and cannot be deleted.")
        self._segments.close()
        # The config first: half a repository must not look like one. It may hold a key, hence erased.
        self._storage.erase("config")
        for name in self._storage.list(""):
            if not name.startswith("lock."):
                delete_tree(self._storage, name)
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        for name in self._storage.list(""):
            delete_tree(self._storage, name)
        self._storage.remove_directory("")

    def _open(self) -> None:
        self.config = read_config(self._storage, self.path)
        self.id = self.config.id
        self.append_only = self.config.append_only or self._forced_append_only
        self._quota = self.config.storage_quota if self._given_quota is None else self._given_quota
        self._segments = Segments(self._storage, self.config.segments_per_dir)
        last = self._segments.find_last()
        if last is not None and self._segments.magic(last) == ATTIC_MAGIC:
            self._segments.close()
            raise AtticRepository(self.path)
        self._committed = CommittedState(
            self.path,
            self._segments,
            IndexFiles(self._storage, self._sink),
            lambda: self._lock,
            keeps_log=self.append_only,
            commit_anew=self._commit_anew,
            sink=self._sink,
        )
        self._objects = ObjectReader(self._segments, self._committed.index, self.path)

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, id: bytes) -> Bytes:
        return self._objects.get(id)

    def get_many(self, ids: bytes) -> list[Bytes]:
        return self._objects.get_many(ids)

    def get_some(self, ids: bytes, most_bytes: int) -> list[Bytes]:
        """The objects of the first of n ids, as many as have room in so many bytes, at least one. ObjectNotFound as above."""
        return self._objects.get_some(ids, most_bytes)

    def expect(self, ids: bytes) -> None:
        pass  # the disk is near

    def list(self, limit: int | None = None, marker: bytes | None = None) -> list[bytes]:
        return self._committed.index().ids(marker, limit)

    def read_all(self) -> Iterator[ObjectWindow]:
        return self._objects.read_all()

    def ids_in_disk_order(self) -> Iterator[bytes]:
        from vinculum.repository.segment_walk import current_ids

        return current_ids(self._segments, self._committed.index(), self._tell_damage)

    def ghosts(self, segment: int | None = None, offset: int | None = None) -> Iterator[tuple[int, Entry]]:
        """Every entry of every segment file and the segment's number, committed or not, superseded or not.

        Only those of one `segment` and at one `offset`, if given. Damage hides what is behind it in a segment, and is reported.
        """
        from vinculum.repository.segment_walk import everything

        return everything(self._segments, segment, offset, self._tell_damage)

    def hints(self) -> Hints:
        """The bookkeeping about segments as the next transaction would begin with it; not to be changed."""
        self._require_exclusive()
        state = self._committed.for_writing()
        assert state.hints is not None
        state.hints.forget_shadows_after(-1 if state.transaction is None else state.transaction)
        return state.hints

    def __len__(self) -> int:
        return len(self._committed.index())

    # -- writing -------------------------------------------------------------------------------------------------------

    def put(self, id: bytes, data: Blob) -> None:
        self._begun_changes().put(id, data)

    def has_quota_for(self, sealed: SealedBatch) -> bool:
        """Whether `put_many` will find the quota large enough."""
        return self._begun_changes().has_quota_for(sealed)

    def put_many(self, sealed: SealedBatch) -> None:
        self._begun_changes().put_many(sealed)

    def delete(self, id: bytes) -> None:
        self._begun_changes().delete(id)

    def delete_many(self, ids: bytes) -> bytes:
        return self._begun_changes().delete_many(ids)

    def commit(self, *, compact: bool = False, threshold: float = 0.1, cleanup_commits: bool = False) -> None:
        if self._changes is not None:
            self._changes.commit(compact=compact, threshold=threshold, cleanup_commits=cleanup_commits)

    def rollback(self) -> None:
        if self._changes is not None:
            self._changes.rollback()
        else:
            self._committed.forget()

    def _begun_changes(self) -> Changes:
        if self._changes is None:
            from vinculum.repository.changes import Changes

            self._changes = Changes(
                self.path,
                self._storage,
                self._segments,
                self._committed,
                self.config,
                append_only=self.append_only,
                quota=self._quota,
                sink=self._sink,
            )
        if not self._changes.has_begun:
            self._require_exclusive()
            self._changes.begin()
        return self._changes

    def _commit_anew(self) -> None:
        self._begun_changes().commit()

    def _require_exclusive(self) -> None:
        if self._lock is None or not self._lock.is_exclusive:
            raise LockFailed(self.path, "writing needs an exclusive lock")

    # -- checking ------------------------------------------------------------------------------------------------------

    def check(self, *, repair: bool = False, max_duration_s: int = 0) -> bool:
        if repair:
            self._require_exclusive()
            if self.append_only:
                raise Error(f"Repository {self.path} is append-only and cannot be repaired.")
        from vinculum.repository.check import RepositoryCheck

        self.rollback()
        check = RepositoryCheck(self._segments, self._committed, self._storage, self.config, self.path, self._sink)
        try:
            if max_duration_s:
                return check.go_on(max_duration_s)
            return check.repair() if repair else check.compare()
        finally:
            self.rollback()

    def _tell_damage(self, segment: int, error: IntegrityError) -> None:
        """Damage that somebody who looks around has found, and that is no reason to stop."""
        if self._sink is not None:
            path = os.path.join(self.path, self._segments.name(segment))
            self._sink.warning(f"Segment {segment} ({path}) has IntegrityError(s) [{error}] - skipping.", 0, topic="repository")

    # -- small things kept in the repository ---------------------------------------------------------------------------

    def load_key(self) -> bytes:
        return self.config.values.get("key", "").strip().encode()

    def save_key(self, data: bytes) -> None:
        self.config.values["key"] = data.decode()
        try:
            write_config(self._storage, self.config, sink=self._sink)
        except PermissionError:
            if self._lock is not None:
                raise
            if self._sink is not None:
                self._sink.warning(f"No permission to change the config of repository {self.path}.", 0, topic="repository")

    def save_config(self) -> None:
        """Writes the config as it was changed in memory."""
        write_config(self._storage, self.config, sink=self._sink)

    def get_free_nonce(self) -> int | None:
        return read_free_counter(self._storage, self.path)

    def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
        self._require_exclusive()
        reserve_counters(self._storage, self.path, next_unreserved, start_nonce)


if TYPE_CHECKING:
    from vinculum.repository.store import Store

    _implements: type[Store] = Repository
