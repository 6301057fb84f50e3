"""A repository on another machine: the same store as a local one, every method a call over the connection.

The server does what needs to be near the data; transactions, locks and the quota are its. What is written is sent without
waiting, and settled before anything that relies on it: a commit is sent only after every object was acknowledged.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from vinculum._native import Bytes
from vinculum.errors import Error, IntegrityError, ObjectNotFound, UnexpectedDataFromServer
from vinculum.remote import versions
from vinculum.remote.command_line import command_line
from vinculum.remote.connection import Connection
from vinculum.remote.messages import Failure
from vinculum.remote.methods import ID_BYTES
from vinculum.remote.rate_limit import RateLimit
from vinculum.remote.relay import Relay
from vinculum.remote.transport import Transport
from vinculum.repository.store import ObjectWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from vinculum._native import Blob, SealedBatch
    from vinculum.events import Sink
    from vinculum.remote.command_line import RemoteSettings
    from vinculum.remote.connection import Calls
    from vinculum.repository.location import Location

# An id takes 35 bytes of a reply. A server reads whole segments to answer a scan, so many at once cost nothing.
_SCAN_LIMIT = 10_000
_LIST_LIMIT = 100_000
_READ_WINDOW = 32  # objects, which may be some MiB each
_KNOWN_TO_BE_MISSING = "ObjectNotFound"


def connect(location: Location, settings: RemoteSettings, sink: Sink) -> Connection:
    """A conversation with the server of that location, both versions known. Close it."""
    connection = Connection(
        Transport(command_line(location, settings), settings.environment),
        Relay(sink),
        location.canonical(),
        limit=RateLimit(settings.upload_bytes_per_s),
        buffer_bytes=settings.upload_buffer_bytes,
    )
    try:
        connection.negotiate()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def new_remote_repository(
    location: Location,
    settings: RemoteSettings,
    sink: Sink,
    *,
    append_only: bool = False,
    make_parent_dirs: bool = False,
    lock_wait: float | None = 1.0,
) -> Iterator[RemoteRepository]:
    """Makes an empty repository and opens it; it is deleted again if what is done with it fails."""
    with RemoteRepository(
        location,
        settings,
        sink,
        create=True,
        exclusive=True,
        lock_wait=lock_wait,
        append_only=append_only,
        make_parent_dirs=make_parent_dirs,
    ) as store:
        try:
            yield store
        except BaseException:
            try:
                store.destroy()
            except Error:
                pass  # what made us give up is what has to be reported
            raise


class RemoteRepository:
    """Implements `store.Store`. Use it as a context manager: entering connects and locks, leaving gives everything back.

    `path` is the canonical location, by which users know the repository. Confined to one thread.
    """

    id: bytes
    # The server alone knows, and sees to it.
    append_only = False

    def __init__(
        self,
        location: Location,
        settings: RemoteSettings,
        sink: Sink,
        *,
        create: bool = False,
        exclusive: bool = False,
        lock: bool = True,
        lock_wait: float | None = 1.0,
        append_only: bool = False,
        make_parent_dirs: bool = False,
    ) -> None:
        self.path = location.canonical()
        self._location = location
        self._settings = settings
        self._sink = sink
        self._opening = {
            "path": location.path,
            "create": create,
            "lock_wait": lock_wait,
            "lock": lock,
            "exclusive": exclusive,
            "append_only": append_only,
            "make_parent_dirs": make_parent_dirs,
        }
        self._connection: Connection | None = None
        self._on_their_way: dict[bytes, Calls] = {}

    # -- opening and closing -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._connection = connection = connect(self._location, self._settings, self._sink)
        try:
            if self._opening["make_parent_dirs"]:
                connection.require("--make-parent-dirs", versions.ARGUMENTS_SINCE["open", "make_parent_dirs"])
            self.id = _checked_id(connection.call("open", **self._opening))
        except BaseException:
            connection.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up, which makes the server forget what was not committed and give its lock back."""
        if self._connection is not None:
            self._connection.close()

    def destroy(self) -> None:
        """Deletes the whole repository. Refused if it is append-only."""
        self._connected.call("destroy")

    def break_lock(self) -> None:
        """Removes all locks of the repository, whoever holds them."""
        self._connected.call("break_lock")

    @property
    def _connected(self) -> Connection:
        assert self._connection is not None
        return self._connection

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, id: bytes) -> Bytes:
        return self.get_many(id)[0]

    def get_many(self, ids: bytes) -> list[Bytes]:
        started = self._on_their_way.pop(ids, None) or self._start_getting(ids)
        return _checked_objects(self._connected.values(started))

    def expect(self, ids: bytes) -> None:
        if ids not in self._on_their_way:
            self._on_their_way[ids] = self._start_getting(ids)

    def _start_getting(self, ids: bytes) -> Calls:
        return self._connected.start_for_each(b"get", ids)

    def _ids(self, method: str, **arguments: object) -> list[bytes]:
        value = self._connected.call(method, **arguments)
        if not isinstance(value, list):
            raise UnexpectedDataFromServer(f"no ids in answer to {method}")
        return [_checked_id(id) for id in value]

    def list(self, limit: int | None = None, marker: bytes | None = None) -> list[bytes]:
        found: list[bytes] = []
        while limit is None or len(found) < limit:
            wanted = _LIST_LIMIT if limit is None else min(limit - len(found), _LIST_LIMIT)
            part = self._ids("list", limit=wanted, marker=found[-1] if found else marker)
            if not part:
                break
            found += part
        return found

    def ids_in_disk_order(self) -> Iterator[bytes]:
        self._connected.require("scan", versions.METHODS_SINCE["scan"])
        marker = None
        while ids := self._ids("scan", limit=_SCAN_LIMIT, marker=marker):
            yield from ids
            marker = ids[-1]

    def read_all(self) -> Iterator[ObjectWindow]:
        windows = self._windows()
        window = next(windows, b"")
        while window:
            following = next(windows, b"")
            if following:
                self.expect(following)
            started = self._on_their_way.pop(window, None) or self._start_getting(window)
            found: dict[bytes, Bytes] = {}
            damaged = []
            for id, reply in zip(_each(window), self._connected.finish(started), strict=True):
                if isinstance(reply, Failure):
                    error = self._connected.error_of(reply)
                    if not isinstance(error, (IntegrityError, ObjectNotFound)):
                        raise error
                    damaged.append((id, str(error)))
                else:
                    found[id] = reply if isinstance(reply, Bytes) else Bytes(_checked_bytes(reply))
            yield ObjectWindow(b"".join(found), list(found.values()), damaged)
            window = following

    def _windows(self) -> Iterator[bytes]:
        ids = self.ids_in_disk_order()
        while window := b"".join(islice(ids, _READ_WINDOW)):
            yield window

    def check(self, *, repair: bool = False, max_duration_s: int = 0) -> bool:
        if max_duration_s:
            self._connected.require("--max-duration", versions.ARGUMENTS_SINCE["check", "max_duration"])
        value = self._connected.call("check", repair=repair, save_space=False, max_duration=max_duration_s)
        if not isinstance(value, bool):
            raise UnexpectedDataFromServer("no verdict")
        return value

    def __len__(self) -> int:
        value = self._connected.call("__len__")
        if type(value) is not int or value < 0:
            raise UnexpectedDataFromServer("no number of objects")
        return value

    def __contains__(self, id: bytes, /) -> bool:
        # There is no call for this: the object has to come.
        try:
            self.get(id)
        except ObjectNotFound:
            return False
        return True

    # -- writing -------------------------------------------------------------------------------------------------------

    def put(self, id: bytes, data: Blob) -> None:
        self._connected.send("put", [{"id": id, "data": data}])

    def put_many(self, sealed: SealedBatch) -> None:
        self._connected.send_puts(sealed)

    def delete(self, id: bytes) -> None:
        self._connected.call("delete", id=id)

    def delete_many(self, ids: bytes) -> bytes:
        started = self._connected.start_for_each(b"delete", ids)
        results = self._connected.finish(started)
        if not started.has_failures:
            return b""
        missing = []
        for id, failure in zip(_each(ids), results, strict=True):
            if isinstance(failure, Failure):
                if failure.class_name != _KNOWN_TO_BE_MISSING:
                    raise self._connected.error_of(failure)
                missing.append(id)
        return b"".join(missing)

    def commit(self, *, compact: bool = False, threshold: float = 0.1, cleanup_commits: bool = False) -> None:
        self._connected.settle()
        self._connected.call("commit", save_space=False, compact=compact, threshold=threshold, cleanup_commits=cleanup_commits)

    def rollback(self) -> None:
        try:
            self._connected.settle()
        finally:
            self._connected.call("rollback")

    # -- small things kept in the repository ---------------------------------------------------------------------------

    def load_key(self) -> bytes:
        return _checked_bytes(self._connected.call("load_key"))

    def save_key(self, data: bytes) -> None:
        self._connected.call("save_key", keydata=data)

    def get_free_nonce(self) -> int | None:
        value = self._connected.call("get_free_nonce")
        if value is not None and (type(value) is not int or value < 0):
            raise UnexpectedDataFromServer("no counter")
        return value

    def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
        self._connected.call("commit_nonce_reservation", next_unreserved=next_unreserved, start_nonce=start_nonce)


def _each(ids: bytes) -> Iterator[bytes]:
    return (ids[start : start + ID_BYTES] for start in range(0, len(ids), ID_BYTES))


def _checked_bytes(value: object) -> bytes:
    if not isinstance(value, bytes | Bytes):
        raise UnexpectedDataFromServer("no byte string where one belongs")
    return bytes(value)


def _checked_id(value: object) -> bytes:
    id = _checked_bytes(value)
    if len(id) != ID_BYTES:
        raise UnexpectedDataFromServer("an id that is none")
    return id


def _checked_objects(values: list[object]) -> list[Bytes]:
    # What is no object in bulk is none that a server of ours or of Borg's would send, but may be one all the same.
    if {*map(type, values)} <= {Bytes}:
        return values  # type: ignore[return-value]
    return [value if isinstance(value, Bytes) else Bytes(_checked_bytes(value)) for value in values]


if TYPE_CHECKING:
    from vinculum.repository.store import Store

    _implements: type[Store] = RemoteRepository
