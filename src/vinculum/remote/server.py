"""What a server does for one client: requests in, the buffers of their replies out. No input or output of its own.

The client may be hostile. `methods.bind` has checked every name, kind and length before anything here is called; what is left
to check is what the values mean. Whatever a request leads to, it is answered: the next one may come.
"""

from __future__ import annotations

from itertools import islice

from vinculum import errors
from vinculum._native import encode_acknowledgements, encode_objects
from vinculum.errors import Error
from vinculum.formats.ids import ID_BYTES, split_ids
from vinculum.objects.limits import MAX_DATA
from vinculum.remote.access import HERE, WorkingDirectory
from vinculum.remote.failures import describe
from vinculum.remote.framing import MAX_REPLY_ARRAY
from vinculum.remote.messages import Request, encode_failure, encode_result
from vinculum.remote.methods import bind
from vinculum.remote.versions import JSON_LOGS_SINCE, peer_version, server_data
from vinculum.repository.repository import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum._native import Blob, Bytes, RequestRun, SealedBatch
    from vinculum.events import Sink
    from vinculum.remote.access import Doorkeeper

_MAX_KEY_BYTES = 64 * 1024
_READ_AHEAD_BYTES = 8 << 20  # of objects that are asked for together
_ONE_BY_ONE = 256
# What tests of clients may ask to see.
_INJECTED: dict[str, tuple[type[Exception], tuple[str, ...]]] = {
    "DoesNotExist": (errors.RepositoryDoesNotExist, ("test string",)),
    "AlreadyExists": (errors.RepositoryAlreadyExists, ("test string",)),
    "CheckNeeded": (errors.CheckNeeded, ("test string",)),
    "IntegrityError": (errors.IntegrityError, ("test string",)),
    "PathNotAllowed": (errors.PathNotAllowed, ("foo",)),
    "ObjectNotFound": (errors.ObjectNotFound, ("test string", "test string2")),
    "InvalidRPCMethod": (errors.InvalidRpcMethod, ("test string",)),
    "divide": (ZeroDivisionError, ("integer division or modulo by zero",)),
}


class Policy:
    """What the owner of the server says, whatever clients ask for. `storage_quota` None leaves it to the repository."""

    __slots__ = ("append_only", "doorkeeper", "storage_quota")

    def __init__(self, doorkeeper: Doorkeeper, *, append_only: bool, storage_quota: int | None) -> None:
        self.doorkeeper = doorkeeper
        self.append_only = append_only
        self.storage_quota = storage_quota


class Server:
    """One connection. `speak_json` is called once the client is known to understand logs in JSON."""

    def __init__(self, policy: Policy, sink: Sink, *, speak_json: Callable[[], None], facts: Callable[[], str]) -> None:
        """`facts` describes this system, for clients that meet a bug."""
        self._policy = policy
        self._sink = sink
        self._speak_json = speak_json
        self._facts = facts
        self._repository: Repository | None = None
        self._scan: _Scan | None = None
        self._methods: dict[str, Callable[..., object]] = {
            "negotiate": self._negotiate,
            "open": self._open,
            "__len__": self._count,
            "list": self._list,
            "scan": self._scan_some,
            "get": self._get,
            "put": self._put,
            "delete": self._delete,
            "commit": self._commit,
            "rollback": self._rollback,
            "check": self._check,
            "save_key": self._save_key,
            "load_key": self._load_key,
            "get_free_nonce": self._get_free_nonce,
            "commit_nonce_reservation": self._commit_nonce_reservation,
            "break_lock": self._break_lock,
            "destroy": self._destroy,
            "inject_exception": _inject_exception,
        }

    @property
    def has_opened(self) -> bool:
        """Whether the client got as far as having a repository."""
        return self._repository is not None

    def answer_run(self, run: RequestRun) -> Iterator[list[Blob]]:
        """Does what a run of puts or gets asks for; the replies piece by piece, so that what was sent need not be kept."""
        if run[0] == "puts":
            yield self._answer_puts(run[1], run[2])
        elif run[0] == "gets":
            yield from self._answer_gets(run[1], run[2])

    def answer(self, request: Request) -> list[Blob]:
        """Does what a request asks for, and returns the reply."""
        try:
            arguments = bind(request)
            if request.method not in self._methods:  # it is about connections
                raise errors.InvalidRpcMethod(request.method)
            return encode_result(request, self._methods[request.method](**arguments))
        except Exception as error:
            return self._tell_failure(request, error)

    def _tell_failure(self, request: Request, error: Exception) -> list[Blob]:
        if isinstance(error, Error):
            self._sink.debug(f"{request.method}: {error}", "remote")
            return encode_failure(request, describe(request.msgid, error))
        if isinstance(error, OSError):
            # Disks are full and networks down without that being anybody's bug: one line says it.
            return encode_failure(request, describe(request.msgid, Error(str(error))))
        trace = _traceback(error)
        self._sink.debug("".join(trace), "remote")
        return encode_failure(request, describe(request.msgid, error, full=trace, sysinfo=self._facts()))

    def _answer_puts(self, first: int, sealed: SealedBatch) -> list[Blob]:
        """Stores all or fails for all: after a put that failed, nothing of the transaction can be committed anyway.

        Beyond the quota it does one by one: clients are told by how much, and that must not depend on what came together.
        """
        self._scan = None
        try:
            if self._opened.has_quota_for(sealed):
                self._opened.put_many(sealed)
                return [encode_acknowledgements(first, len(sealed))]
        except Exception as error:
            numbers = range(first, first + len(sealed))
            return [part for number in numbers for part in self._tell_failure(Request(number, "put", {}), error)]
        puts = (
            Request(first + at, "put", {"id": id, "data": bytes(sealed.object(at))})
            for at, id in enumerate(split_ids(sealed.ids()))
        )
        return [part for put in puts for part in self.answer(put)]

    def _answer_gets(self, first: int, ids: bytes) -> Iterator[list[Blob]]:
        start = 0
        while start < len(ids):
            number = first + start // ID_BYTES
            try:
                objects = self._opened.get_some(ids[start:], _READ_AHEAD_BYTES)
            except Exception:
                # Some of them can be had all the same, and one by one tells which.
                window = ids[start : start + _ONE_BY_ONE * ID_BYTES]
                for place, id in enumerate(split_ids(window)):
                    yield self.answer(Request(number + place, "get", {"id": id}))
                start += len(window)
            else:
                yield [*encode_objects(number, objects)]
                start += len(objects) * ID_BYTES

    def close(self) -> None:
        """Forgets what was not committed and gives the lock back."""
        repository, self._repository = self._repository, None
        self._scan = None
        if repository is None:
            return
        try:
            repository.close()
        except (errors.NotLocked, errors.NotMyLock) as error:
            self._sink.warning(str(error), topic="remote")

    @property
    def _opened(self) -> Repository:
        if self._repository is None:
            raise Error("No repository is open.")
        return self._repository

    # -- opening -------------------------------------------------------------------------------------------------------

    def _negotiate(self, client_data: object) -> object:
        try:
            client = peer_version(client_data, "client")
        except ValueError as error:
            raise Error(str(error)) from None
        if client >= JSON_LOGS_SINCE:
            self._speak_json()
        return server_data(client)

    def _open(
        self,
        path: str,
        create: bool,
        lock_wait: float | None,
        lock: bool,
        exclusive: bool | None,
        append_only: bool,
        make_parent_dirs: bool,
    ) -> bytes:
        self.close()
        policy = self._policy
        if create:
            # The owner's --append-only protects what is there: a new repository becomes what its maker asks for.
            quota = policy.storage_quota or 0
            policy.doorkeeper.create(path, make_parent_dirs=make_parent_dirs, append_only=append_only, storage_quota=quota)
        where = policy.doorkeeper.enter(path)
        repository = Repository(
            where,
            exclusive=exclusive is not False,  # clients before 1.1 do not say what they are up to
            lock=lock,
            lock_wait=lock_wait,
            append_only=append_only or (policy.append_only and not create),
            storage_quota=policy.storage_quota,
            storage=WorkingDirectory(),
            sink=self._sink,
            place=HERE,
        )
        self._repository = repository.__enter__()
        return repository.id

    # -- reading -------------------------------------------------------------------------------------------------------

    def _count(self) -> int:
        return len(self._opened)

    def _get(self, id: bytes) -> Bytes:
        return self._opened.get(id)

    def _list(self, limit: int | None, marker: bytes | None) -> list[bytes]:
        try:
            return self._opened.list(_bounded(limit), marker)
        except KeyError:
            raise _unknown_marker(marker) from None

    def _scan_some(self, limit: int | None, marker: bytes | None) -> list[bytes]:
        if limit == 0:
            raise Error("scan needs a limit of at least 1")
        if self._scan is None or marker is None or marker != self._scan.last:
            self._scan = _Scan(self._opened.ids_in_disk_order())
            if marker is not None:
                self._scan.skip_to(marker)
        return self._scan.take(_bounded(limit))

    # -- writing -------------------------------------------------------------------------------------------------------

    def _check(self, repair: bool, save_space: object, max_duration: int) -> bool:  # noqa: ARG002
        self._scan = None
        return self._opened.check(repair=repair, max_duration_s=max_duration)

    def _put(self, id: bytes, data: bytes) -> None:
        if len(data) > MAX_DATA:
            # Clients look for these words.
            raise errors.IntegrityError(f"More than allowed put data [{len(data)} > {MAX_DATA}]")
        self._scan = None
        self._opened.put(id, data)

    def _delete(self, id: bytes) -> None:
        self._scan = None
        self._opened.delete(id)

    def _commit(self, save_space: object, compact: bool, threshold: float, cleanup_commits: bool) -> None:  # noqa: ARG002
        self._scan = None
        self._opened.commit(compact=compact, threshold=threshold, cleanup_commits=cleanup_commits)

    def _rollback(self) -> None:
        self._scan = None
        self._opened.rollback()

    def _load_key(self) -> bytes:
        return self._opened.load_key()

    def _save_key(self, keydata: bytes) -> None:
        # It becomes a part of the config: what Borg could take for another line must not get in.
        if len(keydata) > _MAX_KEY_BYTES or not all(byte == 10 or 32 < byte < 127 for byte in keydata):
            raise Error("This is no key that a repository could keep.")
        self._opened.save_key(keydata)

    def _get_free_nonce(self) -> int | None:
        return self._opened.get_free_nonce()

    def _commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> None:
        self._opened.commit_nonce_reservation(next_unreserved, start_nonce)

    def _break_lock(self) -> None:
        self._opened.break_lock()

    def _destroy(self) -> None:
        self._scan = None
        self._opened.destroy()


class _Scan:
    """A walk through all ids in the order of the disk that goes on where the last request left it."""

    __slots__ = ("_ids", "last")

    def __init__(self, ids: Iterator[bytes]) -> None:
        self._ids = ids
        self.last: bytes | None = None

    def skip_to(self, marker: bytes) -> None:
        if marker not in self._ids:  # takes all ids up to the marker
            raise _unknown_marker(marker)

    def take(self, count: int) -> list[bytes]:
        ids = list(islice(self._ids, count))
        self.last = ids[-1] if ids else None
        return ids


def _bounded(limit: int | None) -> int:
    """No reply is longer than clients accept; they ask again with the last id."""
    return MAX_REPLY_ARRAY if limit is None else min(limit, MAX_REPLY_ARRAY)


def _unknown_marker(marker: bytes | None) -> Error:
    return Error(f"There is no object {marker.hex() if marker else marker} to go on after.")


def _inject_exception(kind: str) -> object:
    error, facts = _INJECTED.get(kind, (Error, ("There is no exception of this kind to inject.",)))
    raise error(*facts)


def _traceback(error: Exception) -> list[str]:
    import traceback  # only when something went wrong

    return "".join(traceback.format_exception(error)).splitlines(keepends=True)
