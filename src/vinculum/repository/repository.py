"""A repository in a local directory: the transactional store that all backups end in.

Use it as a context manager: entering takes the lock, leaving gives it back and forgets what was not committed. Whatever
happens at any point, the repository is found in the state of its last commit. Confined to one thread at a time.

What takes no part in opening and reading is imported where it is used, so that commands which only read begin sooner.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from itertools import accumulate

from vinculum.errors import (
    AtticRepository,
    CheckNeeded,
    Error,
    InsufficientFreeSpace,
    IntegrityError,
    LockFailed,
    ObjectNotFound,
    PathPermissionDenied,
    RepositoryDoesNotExist,
)
from vinculum.formats.sizes import format_size
from vinculum.repository.config import read_config, write_config
from vinculum.repository.index_files import IndexFiles
from vinculum.repository.locking import Lock, break_lock
from vinculum.repository.segments import ATTIC_MAGIC, Segments
from vinculum.repository.state import State, load_missing_hints, load_state
from vinculum.repository.storage import LocalStorage, delete_tree, replace_file
from vinculum.repository.store import ObjectWindow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from vinculum._native import Blob, Bytes, RepositoryIndex, SealedBatch
    from vinculum.events import Sink
    from vinculum.repository.compaction import Room
    from vinculum.repository.config import RepositoryConfig
    from vinculum.repository.hints import Hints
    from vinculum.repository.segment_walk import Entry
    from vinculum.repository.storage import Storage
    from vinculum.repository.transaction import Transaction

_NONCE_NAME = "nonce"
_CHECKED = "last_segment_checked"
_READ_BYTES = 32 << 20
ID_BYTES = 32
_MOST_AT_ONCE = 256 * ID_BYTES


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
        self._files = IndexFiles(self._storage, sink)
        self._state: State | None = None
        self._transaction: Transaction | None = None
        self._disk_is_full = False

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
        if isinstance(error, OSError):
            self._note(error)
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
            raise AtticRepository(self.path)

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, id: bytes) -> Bytes:
        position = self._index().get(id)
        if position is None:
            raise ObjectNotFound(id.hex(), self.path)
        segment, offset = position
        return self._read(segment, id, [offset])[0]

    def get_many(self, ids: bytes) -> list[Bytes]:
        objects: dict[int, Bytes] = {}
        for segment, wanted, offsets, places in self._locate(ids):
            objects.update(zip(places, self._read(segment, wanted, offsets), strict=True))
        return list(map(objects.__getitem__, range(len(objects))))

    def get_some(self, ids: bytes, most_bytes: int) -> list[Bytes]:
        """The objects of the first of n ids, as many as have room in so many bytes, at least one. ObjectNotFound as above."""
        window = ids[:_MOST_AT_ONCE]
        sizes: dict[int, int] = {}
        for segment, wanted, offsets, places in self._locate(window):
            sizes.update(zip(places, self._entry_sizes(segment, wanted, offsets), strict=True))
        ends = list(accumulate(map(sizes.__getitem__, range(len(sizes)))))
        count = max(bisect_right(ends, most_bytes), 1)
        return self.get_many(window[: count * ID_BYTES])

    def expect(self, ids: bytes) -> None:
        pass  # the disk is near

    def _locate(self, ids: bytes) -> list[tuple[int, bytes, list[int], list[int]]]:
        try:
            return self._index().locate(ids)
        except KeyError as error:
            raise ObjectNotFound(error.args[0], self.path) from None

    def _entry_sizes(self, segment: int, ids: bytes, offsets: list[int]) -> list[int]:
        try:
            return self._segments.entry_sizes(segment, ids, offsets)
        except FileNotFoundError:
            raise CheckNeeded(self.path) from None

    def _read(self, segment: int, ids: bytes, offsets: list[int]) -> list[Bytes]:
        try:
            return self._segments.read(segment, ids, offsets)
        except FileNotFoundError:
            raise CheckNeeded(self.path) from None

    def list(self, limit: int | None = None, marker: bytes | None = None) -> list[bytes]:
        return self._index().ids(marker, limit)

    def ids_in_disk_order(self) -> Iterator[bytes]:
        from vinculum.repository.segment_walk import current_ids

        return current_ids(self._segments, self._index(), self._tell_damage)

    def ghosts(self, segment: int | None = None, offset: int | None = None) -> Iterator[tuple[int, Entry]]:
        """Every entry of every segment file and the segment's number, committed or not, superseded or not.

        Only those of one `segment` and at one `offset`, if given. Damage hides what is behind it in a segment, and is reported.
        """
        from vinculum.repository.segment_walk import walk

        for number in self._segments.numbers():
            if segment not in (None, number):
                continue
            try:
                for entry in walk(self._segments, number, offset or 0, with_data=True):
                    if offset is not None and entry.offset > offset:
                        break
                    yield number, entry
            except IntegrityError as error:
                self._tell_damage(number, error)

    def read_all(self) -> Iterator[ObjectWindow]:
        order = self._index().in_disk_order()
        while (found := order.next(_READ_BYTES)) is not None:
            segment, ids, offsets = found
            try:
                yield ObjectWindow(ids, self._read(segment, ids, offsets), [])
            except IntegrityError:
                yield self._read_each(segment, ids, offsets)

    def _read_each(self, segment: int, ids: bytes, offsets: Iterable[int]) -> ObjectWindow:
        """What can be read of some objects, one of which cannot."""
        found: dict[bytes, Bytes] = {}
        damaged = []
        for at, offset in zip(range(0, len(ids), 32), offsets, strict=True):
            id = ids[at : at + 32]
            try:
                found[id] = self._read(segment, id, [offset])[0]
            except IntegrityError as error:
                damaged.append((id, str(error)))
        return ObjectWindow(b"".join(found), list(found.values()), damaged)

    def hints(self) -> Hints:
        """The bookkeeping about segments as the next transaction would begin with it; not to be changed."""
        self._require_exclusive()
        state = self._state_for_writing()
        assert state.hints is not None
        state.hints.forget_shadows_after(-1 if state.transaction is None else state.transaction)
        return state.hints

    def __len__(self) -> int:
        return len(self._index())

    def __contains__(self, id: bytes, /) -> bool:
        return id in self._index()

    # -- writing -------------------------------------------------------------------------------------------------------

    def put(self, id: bytes, data: Blob) -> None:
        transaction = self._begin()
        try:
            transaction.put(id, data)
        except OSError as error:
            self._note(error)
            raise

    def put_many(self, sealed: SealedBatch) -> None:
        transaction = self._begin()
        try:
            transaction.put_many(sealed)
        except FileNotFoundError:
            raise CheckNeeded(self.path) from None
        except OSError as error:
            self._note(error)
            raise

    def delete(self, id: bytes) -> None:
        transaction = self._begin()
        try:
            found = transaction.delete(id)
        except OSError as error:
            self._note(error)
            raise
        if not found:
            raise ObjectNotFound(id.hex(), self.path)

    def delete_many(self, ids: bytes) -> bytes:
        transaction = self._begin()
        try:
            return transaction.delete_many(ids)
        except FileNotFoundError:
            raise CheckNeeded(self.path) from None
        except OSError as error:
            self._note(error)
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
            self._note(error)
            self.rollback()
            raise
        # From here on the transaction counts. If the files fail, the next one to open the repository replays it.
        self._transaction = self._state = None
        if compact and not self.append_only:
            committed = self._compact(transaction, threshold, cleanup_commits=cleanup_commits, room=room)
        self._save(committed, transaction.index, transaction.hints)
        self._state = State(committed, transaction.index, transaction.hints)

    def _compact(self, transaction: Transaction, threshold: float, *, cleanup_commits: bool, room: Room | None) -> int:
        """Compacts after the COMMIT. Where it fails, the last COMMIT it wrote counts, and what came after is worth nothing."""
        try:
            stable = self._files.find_transaction()
            return transaction.compact(threshold, cleanup_commits=cleanup_commits, stable=stable, room=room, sink=self._sink)
        except BaseException as error:
            self._note(error)
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
        state, self._state = self._state, None
        if transaction is None:
            return
        transaction.close()
        if self._disk_is_full:
            self._disk_is_full = False
            last = -1 if state is None or state.transaction is None else state.transaction
            try:
                self._segments.remove_after(last)
            except OSError:
                pass  # the next transaction tries again

    def _begin(self) -> Transaction:
        if self._transaction is not None:
            return self._transaction
        from vinculum.repository.segment_writer import SegmentWriter
        from vinculum.repository.transaction import Transaction

        self._require_exclusive()
        state = self._state_for_writing()
        first = 0
        if state.transaction is not None:
            self._segments.remove_after(state.transaction)
            first = state.transaction + 1
        elif self._segments.find_last() is not None:
            # Segments without any COMMIT: they may be all that is left of something, so they are not ours to remove.
            raise CheckNeeded(self.path)
        assert state.hints is not None
        state.hints.forget_shadows_after(first - 1)
        self._tell_quota(state.hints)
        writer = SegmentWriter(self._storage, self._segments, first, self.config.max_segment_size)
        self._transaction = Transaction(state.index, state.hints, self._segments, writer, self._quota)
        return self._transaction

    def _check_free_space(self, transaction: Transaction) -> Room | None:
        """How a compaction must get by if space is short; None if there is enough."""
        from vinculum.repository.compaction import Room
        from vinculum.repository.quota import check_free_space

        reserved = check_free_space(
            self._storage,
            self._segments,
            transaction.hints,
            len(transaction.index.save()),
            self.config,
            append_only=self.append_only,
            makes_room=transaction.makes_room,
        )
        return None if reserved is None else Room(self._storage, reserved)

    def _tell_quota(self, hints: Hints) -> None:
        if self._quota and self._sink is not None:
            used, quota = format_size(hints.quota_use), format_size(self._quota)
            self._sink.info(f"Storage quota: {used} out of {quota} used.", "repository")

    def _note(self, error: BaseException) -> None:
        """Remembers that the disk is full: the leftovers of this transaction are then removed at once."""
        if isinstance(error, InsufficientFreeSpace) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
            self._disk_is_full = True

    def _require_exclusive(self) -> None:
        if self._lock is None or not self._lock.is_exclusive:
            raise LockFailed(self.path, "writing needs an exclusive lock")

    # -- checking ------------------------------------------------------------------------------------------------------

    def check(self, *, repair: bool = False, max_duration_s: int = 0) -> bool:
        if repair:
            self._require_exclusive()
            if self.append_only:
                raise Error(f"Repository {self.path} is append-only and cannot be repaired.")
        self._tell("Starting repository check")
        self.rollback()
        transaction, committed = self._find_state()
        if transaction is None:
            if self._sink is not None:
                self._sink.error("This repository contains no valid data.", topic="repository")
            return False
        from vinculum.repository.check import SegmentCheck

        check = SegmentCheck(self._segments, transaction, self.path, self._sink)
        if max_duration_s:
            checked = check.go_on(int(self.config.values.get(_CHECKED, -1)), max_duration_s)
            self._note_checked(checked)
        else:
            self._note_checked(None)
            if repair:
                self._save(*check.repair(self._storage, self._files, self.config.max_segment_size))
            else:
                check.compare(committed)
        self.rollback()
        kind = "partial" if max_duration_s else "full"
        if not check.errors:
            self._tell(f"Finished {kind} repository check, no problems found.")
        elif repair:
            self._tell(f"Finished {kind} repository check, errors found and repaired.")
        elif self._sink is not None:
            self._sink.error(f"Finished {kind} repository check, errors found.", topic="repository")
        return repair or not check.errors

    def _find_state(self) -> tuple[int | None, RepositoryIndex | None]:
        """The transaction to be checked, and the index that belongs to it, if there is a good one."""
        try:
            state = self._state = self._load(for_writing=False)
            if state.transaction is not None:
                return state.transaction, state.index
        except (CheckNeeded, IntegrityError):
            pass  # what is wrong will show
        for candidate in (self._segments.find_last_committed, self._files.find_transaction, self._segments.find_last):
            transaction = candidate()
            if transaction is not None:
                break
        return transaction, None

    def _note_checked(self, segment: int | None) -> None:
        """Remembers up to where a partial check has come; None if the next one is to begin anew."""
        values = self.config.values
        if segment is None:
            if values.pop(_CHECKED, None) is None:
                return
        else:
            values[_CHECKED] = str(segment)
        self.save_config()

    def _tell(self, text: str) -> None:
        if self._sink is not None:
            self._sink.info(text, "repository")

    # -- committed state -----------------------------------------------------------------------------------------------

    def _index(self) -> RepositoryIndex:
        if self._state is None:
            self._state = self._load(for_writing=False)
        return self._state.index

    def _state_for_writing(self) -> State:
        if self._state is not None:
            try:
                load_missing_hints(self._state, self._segments, self._files)
            except IntegrityError as error:
                self._warn(f"Rebuilding index and hints of the repository: {error}")
                assert self._state.transaction is not None
                self._files.remove(self._state.transaction)
                self._state = None
        if self._state is None:
            self._state = self._load(for_writing=True)
        return self._state

    def _load(self, *, for_writing: bool) -> State:
        """Finds the committed state; where index files lag behind, it is replayed and (under a lock) saved."""
        may_replay = self._lock is None or self._lock.is_exclusive
        state = self._load_state(for_writing, may_replay=may_replay)
        if state is not None:
            return state if self._lock is None else self._keep(state, for_writing=for_writing)
        assert self._lock is not None
        self._lock.upgrade()
        try:
            # Others may have written before we got the lock.
            self._segments.close()
            state = self._load_state(for_writing, may_replay=True)
            assert state is not None
            return self._keep(state, for_writing=for_writing)
        finally:
            self._lock.downgrade()

    def _load_state(self, with_hints: bool, *, may_replay: bool) -> State | None:
        return load_state(self._segments, self._files, self.path, with_hints=with_hints, may_replay=may_replay, sink=self._sink)

    def _keep(self, state: State, *, for_writing: bool) -> State:
        """Saves a state that was replayed, and commits it anew if that was due to damage met while reading."""
        if not state.is_replayed:
            return state
        assert state.transaction is not None
        assert state.hints is not None
        if state.damage:
            self._warn(f"Rebuilding index and hints of the repository: {state.damage}")
            self._files.remove(state.transaction)
        try:
            self._save(state.transaction, state.index, state.hints)
        except OSError as error:
            if error.errno != errno.ENOSPC or for_writing:
                raise
            # What is on the disk can be read all the same.
            self._warn(f"The disk of repository {self.path} is full: its index will have to be rebuilt each time.")
            return state
        state.is_replayed = False
        if state.damage and not for_writing:
            self._state = state
            self._begin()
            self.commit()
            state = self._state
        return state

    def _save(self, transaction: int, index: RepositoryIndex, hints: Hints) -> None:
        if self.append_only:
            self._files.log_transaction(transaction)
        self._files.save(transaction, index, hints)

    def _warn(self, text: str) -> None:
        """Tells of something that is odd but harmless: commands end as if nothing had been, as Borg's do."""
        if self._sink is not None:
            self._sink.warning(text, 0, topic="repository")

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
            self._warn(f"No permission to change the config of repository {self.path}.")

    def save_config(self) -> None:
        """Writes the config as it was changed in memory."""
        write_config(self._storage, self.config, sink=self._sink)

    def get_free_nonce(self) -> int | None:
        try:
            text = self._storage.read(_NONCE_NAME).strip()
        except FileNotFoundError:
            return None
        try:
            if len(text) != 16:
                raise ValueError(text)
            return int.from_bytes(bytes.fromhex(text.decode("ascii")), "big")
        except ValueError:
            raise IntegrityError(f"malformed nonce file in repository {self.path}") from None

    def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
        self._require_exclusive()
        found = self.get_free_nonce()
        if found != start_nonce:
            raise Error(f"Somebody else reserved counters of repository {self.path} (expected {start_nonce}, found {found}).")
        replace_file(self._storage, _NONCE_NAME, f"{next_unreserved:016x}".encode())


if TYPE_CHECKING:
    from vinculum.repository.store import Store

    _implements: type[Store] = Repository
