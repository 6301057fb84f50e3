"""A repository on another machine: the same store as a local one, every method a call over the connection.

The server does what needs to be near the data; transactions, locks and the quota are its. What is written is sent without
waiting, and settled before anything that relies on it: a commit is sent only after every object was acknowledged.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from vinculum.errors import Error, IntegrityError, ObjectNotFound
from vinculum.formats.ids import split_ids
from vinculum.remote import versions
from vinculum.remote.connecting import Connector
from vinculum.remote.id_pages import id_pages
from vinculum.remote.lanes import DEFAULT_CONNECTIONS, Lanes
from vinculum.remote.messages import Failure
from vinculum.remote.relay import Relay
from vinculum.remote.replies import (
    checked_bytes,
    checked_id,
    checked_ids,
    checked_number,
    checked_object,
    checked_objects,
    checked_verdict,
)
from vinculum.remote.routes import find_route
from vinculum.repository.store import ObjectWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from vinculum._native import Blob, Bytes, SealedBatch
    from vinculum.events import Sink
    from vinculum.remote.command_line import RemoteSettings
    from vinculum.remote.connection import Connection
    from vinculum.remote.lanes import Fetch
    from vinculum.remote.routes import Route
    from vinculum.repository.location import Location

# An id takes 35 bytes of a reply. A server reads whole segments to answer a scan, so many at once cost nothing.
_SCAN_LIMIT = 10_000
_LIST_LIMIT = 100_000
_READ_WINDOW = 32  # objects, which may be some MiB each
_KNOWN_TO_BE_MISSING = "ObjectNotFound"


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
        self._route: Route | None = None
        self._connection: Connection | None = None
        self._lanes: Lanes | None = None
        self._on_their_way: dict[bytes, Fetch] = {}

    # -- opening and closing -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._route = route = find_route(self._location, self._settings)
        relay = Relay(self._sink)
        relay.expects_refusals = route.further is not None
        connector = Connector(self._location, self._settings)
        try:
            self._connection = connection = connector.connect(route.first, relay)
            self.id = self._open(connection)
            self._lanes = self._prepare_lanes(connection, connector, route.further)
        except BaseException:
            self.close()
            raise
        return self

    def _prepare_lanes(self, main: Connection, connector: Connector, command: Sequence[str] | None) -> Lanes:
        connections = self._settings.connections
        # A second reader, only while the first one's lock keeps the repository as it is.
        may_read = self._opening["lock"] and not self._opening["exclusive"]
        return Lanes(
            main,
            lambda: connector.connect_lane(command or ()),
            0 if command is None else (connections or DEFAULT_CONNECTIONS) - 1,
            always=bool(connections),
            reading={**self._opening, "lock": False} if may_read else None,
        )

    def _open(self, connection: Connection) -> bytes:
        negotiation = connection.start_negotiating()
        if self._opening["create"]:  # nothing, unless it is certain that there is a server, and that it understands
            connection.finish_negotiating(negotiation)
            if self._opening["make_parent_dirs"]:
                connection.require("--make-parent-dirs", versions.ARGUMENTS_SINCE["open", "make_parent_dirs"])
            return checked_id(connection.call("open", **self._opening))
        opening = connection.start("open", [self._opening])
        connection.finish_negotiating(negotiation)
        return checked_id(connection.values(opening)[0])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up, which makes the server forget what was not committed and give its lock back."""
        if self._lanes is not None:
            self._lanes.close()
        if self._connection is not None:
            self._connection.close()
        if self._route is not None:
            self._route.close()

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

    @property
    def _by_lanes(self) -> Lanes:
        assert self._lanes is not None
        return self._lanes

    @property
    def _settled(self) -> Connection:
        """The connection, for calls that rely on what was put before."""
        self._by_lanes.settle()
        return self._connected

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, id: bytes) -> Bytes:
        return self.get_many(id)[0]

    def get_many(self, ids: bytes) -> list[Bytes]:
        began = time.monotonic()
        started = self._on_their_way.pop(ids, None)
        if started is None:
            started = self._start_getting(ids)
            results = self._by_lanes.finish(started)
            self._connected.note_reply(time.monotonic() - began)
        else:
            results = self._by_lanes.finish(started)
        if started.has_failures:
            raise self._connected.error_of(next(result for result in results if isinstance(result, Failure)))
        objects = checked_objects(results)
        self._by_lanes.note(len(objects), sum(map(len, objects)))
        return objects

    def expect(self, ids: bytes) -> None:
        if ids not in self._on_their_way:
            self._on_their_way[ids] = self._start_getting(ids)

    def _start_getting(self, ids: bytes) -> Fetch:
        return self._by_lanes.start_getting(ids)

    def _ask_for_ids(self, method: str) -> Callable[[int, bytes | None], list[bytes]]:
        return lambda limit, marker: checked_ids(self._settled.call(method, limit=limit, marker=marker), method)

    def list(self, limit: int | None = None, marker: bytes | None = None) -> list[bytes]:
        return [id for page in id_pages(self._ask_for_ids("list"), _LIST_LIMIT, limit, marker) for id in page]

    def ids_in_disk_order(self) -> Iterator[bytes]:
        self._connected.require("scan", versions.METHODS_SINCE["scan"])
        for page in id_pages(self._ask_for_ids("scan"), _SCAN_LIMIT):
            yield from page

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
            for id, reply in zip(split_ids(window), self._by_lanes.finish(started), strict=True):
                if isinstance(reply, Failure):
                    error = self._connected.error_of(reply)
                    if not isinstance(error, (IntegrityError, ObjectNotFound)):
                        raise error
                    damaged.append((id, str(error)))
                else:
                    found[id] = checked_object(reply)
            yield ObjectWindow(b"".join(found), list(found.values()), damaged)
            window = following

    def _windows(self) -> Iterator[bytes]:
        ids = self.ids_in_disk_order()
        while window := b"".join(islice(ids, _READ_WINDOW)):
            yield window

    def check(self, *, repair: bool = False, max_duration_s: int = 0) -> bool:
        if max_duration_s:
            self._connected.require("--max-duration", versions.ARGUMENTS_SINCE["check", "max_duration"])
        return checked_verdict(self._settled.call("check", repair=repair, save_space=False, max_duration=max_duration_s))

    def __len__(self) -> int:
        return checked_number(self._settled.call("__len__"), "number of objects")

    # -- writing -------------------------------------------------------------------------------------------------------

    def put(self, id: bytes, data: Blob) -> None:
        self._connected.send("put", [{"id": id, "data": data}])

    def put_many(self, sealed: SealedBatch) -> None:
        self._by_lanes.put(sealed)

    def delete(self, id: bytes) -> None:
        self._settled.call("delete", id=id)

    def delete_many(self, ids: bytes) -> bytes:
        started = self._settled.start_for_each(b"delete", ids)
        results = self._connected.finish(started)
        if not started.has_failures:
            return b""
        missing = []
        for id, failure in zip(split_ids(ids), results, strict=True):
            if isinstance(failure, Failure):
                if failure.class_name != _KNOWN_TO_BE_MISSING:
                    raise self._connected.error_of(failure)
                missing.append(id)
        return b"".join(missing)

    def commit(self, *, compact: bool = False, threshold: float = 0.1, cleanup_commits: bool = False) -> None:
        self._settled.settle()
        self._connected.call("commit", save_space=False, compact=compact, threshold=threshold, cleanup_commits=cleanup_commits)

    def rollback(self) -> None:
        try:
            self._settled.settle()
        finally:
            self._connected.call("rollback")

    # -- small things kept in the repository ---------------------------------------------------------------------------

    def load_key(self) -> bytes:
        return checked_bytes(self._connected.call("load_key"))

    def save_key(self, data: bytes) -> None:
        self._connected.call("save_key", keydata=data)

    def get_free_nonce(self) -> int | None:
        value = self._connected.call("get_free_nonce")
        return None if value is None else checked_number(value, "counter")

    def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
        self._connected.call("commit_nonce_reservation", next_unreserved=next_unreserved, start_nonce=start_nonce)


if TYPE_CHECKING:
    from vinculum.repository.store import Store

    _implements: type[Store] = RemoteRepository
