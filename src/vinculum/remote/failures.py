"""Exceptions as they travel: the names and facts that both programs know them by.

A server describes what it raised, a client raises it again. Where the facts name the repository, the client puts its own
location, since the server's path means nothing to its user.
"""

from __future__ import annotations

from vinculum import errors
from vinculum.remote.foreign_text import harmless
from vinculum.remote.messages import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LOCATION = object()
UNKNOWN = "(not available)"  # a fact that servers which speak the tuple form do not tell

# Our class, and where its facts come from at the client: the place among the arguments, or the location.
_KNOWN: dict[str, tuple[type[errors.Error], tuple[object, ...]]] = {
    "Error": (errors.Error, (0,)),
    "ErrorWithTraceback": (errors.Error, (0,)),
    "AlreadyExists": (errors.RepositoryAlreadyExists, (LOCATION,)),
    "AtticRepository": (errors.AtticRepository, (0,)),
    "CheckNeeded": (errors.CheckNeeded, (LOCATION,)),
    "DoesNotExist": (errors.RepositoryDoesNotExist, (LOCATION,)),
    "InsufficientFreeSpaceError": (errors.InsufficientFreeSpace, (0, 1)),
    "InvalidRepository": (errors.InvalidRepository, (LOCATION,)),
    "InvalidRepositoryConfig": (errors.InvalidRepositoryConfig, (LOCATION, 1)),
    "ObjectNotFound": (errors.ObjectNotFound, (0, LOCATION)),
    "ParentPathDoesNotExist": (errors.ParentPathDoesNotExist, (0,)),
    "PathAlreadyExists": (errors.PathAlreadyExists, (0,)),
    "StorageQuotaExceeded": (errors.StorageQuotaExceeded, (0, 1)),
    "PathPermissionDenied": (errors.PathPermissionDenied, (0,)),
    "LockFailed": (errors.LockFailed, (0, 1)),
    "LockTimeout": (errors.LockTimeout, (0,)),
    "NotLocked": (errors.NotLocked, (0,)),
    "NotMyLock": (errors.NotMyLock, (0,)),
    "InvalidRPCMethod": (errors.InvalidRpcMethod, (0,)),
    "PathNotAllowed": (errors.PathNotAllowed, (0,)),
    "IntegrityError": (errors.IntegrityError, (0,)),
}
_NAMES = {known: name for name, (known, _) in reversed(_KNOWN.items())}


def describe(msgid: int, error: BaseException, *, full: Sequence[str] = (), sysinfo: str = "") -> Failure:
    """What a server tells of an exception, with the lines of its traceback."""
    if not isinstance(error, errors.Error):
        name, text = type(error).__name__, str(error)
        return Failure(msgid, name, [text], full=full, short=[f"{name}: {text}"], wants_trace=True, sysinfo=sysinfo)
    kind = next(kind for kind in type(error).__mro__ if kind in _NAMES)
    # Clients know no special cases of a class, whose facts are others: those are told in words.
    facts = error.facts if type(error) is kind else (str(error),)
    return Failure(
        msgid,
        _NAMES[kind],
        [fact if isinstance(fact, (int, bytes)) else str(fact) for fact in facts],
        full=full,
        short=[str(error)],
        wants_trace=error.wants_traceback,
        sysinfo=sysinfo,
    )


def rebuild(failure: Failure, location: str) -> errors.Error:
    """The exception that the client raises for a failure at the other side."""
    known = _KNOWN.get(failure.class_name)
    if known is None:
        text = "".join(failure.short).strip() or _last_line(failure.full)
        return errors.RemoteError(harmless(failure.class_name), harmless(text.removeprefix(f"{failure.class_name}: ")))
    error, sources = known
    return error(*(location if source is LOCATION else _fact(failure.args, source) for source in sources))


def _fact(args: Sequence[object], place: object) -> str:
    assert isinstance(place, int)
    if place >= len(args):
        return UNKNOWN
    value = args[place]
    return harmless(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _last_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), UNKNOWN)
