"""Exceptions go over the wire and come out as what they were, with the client's name for the repository."""

from __future__ import annotations

import pytest

from vinculum import errors
from vinculum.formats.msgpack import unpack
from vinculum.remote.failures import describe, rebuild
from vinculum.remote.messages import Failure, Request, encode_failure, parse_reply

HERE = "ssh://host/repo"


def travelled(error: BaseException) -> errors.Error:
    packed = b"".join(bytes(buffer) for buffer in encode_failure(Request(1, "get", {}), describe(1, error)))
    reply = parse_reply(unpack(packed))
    assert isinstance(reply, Failure)
    return rebuild(reply, HERE)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.Error("what"), "Error: what"),
        (errors.RepositoryDoesNotExist("/srv/repo"), f"Repository {HERE} does not exist."),
        (errors.RepositoryAlreadyExists("/srv/repo"), f"A repository already exists at {HERE}."),
        (errors.CheckNeeded("/srv/repo"), str(errors.CheckNeeded(HERE))),
        (errors.InvalidRepository("/srv/repo"), str(errors.InvalidRepository(HERE))),
        (errors.InvalidRepositoryConfig("/srv/repo", "why"), str(errors.InvalidRepositoryConfig(HERE, "why"))),
        (errors.ObjectNotFound("ab" * 32, "/srv/repo"), str(errors.ObjectNotFound("ab" * 32, HERE))),
        (errors.LockTimeout("/srv/repo/lock"), str(errors.LockTimeout("/srv/repo/lock"))),
        (errors.LockFailed("/srv/repo/lock", "why"), str(errors.LockFailed("/srv/repo/lock", "why"))),
        (errors.StorageQuotaExceeded("1 MB", "2 MB"), str(errors.StorageQuotaExceeded("1 MB", "2 MB"))),
        (errors.InsufficientFreeSpace("1 MB", "2 kB"), str(errors.InsufficientFreeSpace("1 MB", "2 kB"))),
        (errors.PathNotAllowed("/etc"), "Repository path not allowed: /etc"),
        (errors.InvalidRpcMethod("x"), "RPC method x is not valid."),
        (errors.IntegrityError("damage"), "Data integrity error: damage"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_known_exceptions_arrive_as_what_they_are(error: errors.Error, text: str) -> None:
    found = travelled(error)
    assert type(found) is type(error)
    assert str(found) == text


def test_a_special_case_arrives_as_the_class_that_clients_know() -> None:
    found = travelled(errors.FileIntegrityError("hints.5"))
    assert type(found) is errors.IntegrityError
    assert "hints.5" in str(found)


def test_other_exceptions_arrive_with_name_and_text() -> None:
    found = travelled(OSError(30, "Read-only file system"))
    assert isinstance(found, errors.RemoteError)
    assert str(found) == "The server failed: OSError: [Errno 30] Read-only file system"


@pytest.mark.parametrize("name", ["LockFailed", "ObjectNotFound", "InvalidRepositoryConfig", "IntegrityError", "Error"])
def test_servers_that_tell_no_facts_are_understood(name: str) -> None:
    assert "not available" in str(rebuild(Failure(1, name), HERE))


def test_unknown_names_from_the_server_are_shown() -> None:
    assert "Surprise: boo" in str(rebuild(Failure(1, "Surprise", short=["boo\n"]), HERE))
    assert "Surprise: last" in str(rebuild(Failure(1, "Surprise", full=["first\n", "last\n", "\n"]), HERE))


@pytest.mark.parametrize("class_name", ["PathNotAllowed", "LockTimeout", "Nobody\x1b[2J"])
def test_no_text_of_a_server_commands_a_terminal(class_name: str) -> None:
    failure = Failure(1, class_name, [b"place\x1b[2J", "\x9b2J"], short=["\x1b]0;title\x07"])
    assert str(rebuild(failure, "here")).replace("\n", "").isprintable()
