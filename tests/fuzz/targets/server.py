"""Whole sessions with our server: first the bytes of a stream, then what a hostile client would make of our own encoder.

Whatever a client asks for, only what lies below the allowed directory changes, no lock is left, and no answer tells of an
exception that nobody expected.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from support.repositories import file_digests
from support.rpc_sessions import SESSIONS, complete
from vinculum.events import NullSink
from vinculum.formats.msgpack import pack, unpack
from vinculum.remote.access import Doorkeeper, Restrictions
from vinculum.remote.framing import MAX_REQUEST_ARRAY, MalformedStream, MessageSplitter
from vinculum.remote.messages import Failure, MalformedMessage, encode_request, parse_reply, parse_request
from vinculum.remote.methods import METHODS
from vinculum.remote.server import Policy, Server
from vinculum.remote.versions import client_data

IDS = [bytes([number]) * 32 for number in range(1, 5)]
PATHS = [
    "repo",
    "/./repo",
    "new",
    "new/below",
    "link",
    "out",
    "../secret",
    "out/repo",
    ".",
    "",
    "~",
    "/~",
    "~root/x",
    "repo/data",
]
VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 0.5, -1e300, float("nan"), b"", b"\xff", [], {}, [[1]], b"x" * 5000),
    *IDS,
    *PATHS,
    b"[repository]\nid = x",
    client_data(),
)
CALLS = sorted(METHODS)
WORDS = [
    encode_request(1, method, {argument.name: None for argument in METHODS[method]})[0]
    for method in ("open", "put", "get", "delete", "commit")
]
NEGOTIATION = pack([1, 1, "negotiate", [client_data()]])


def seeds() -> Iterator[bytes]:
    for session in SESSIONS:
        messages = [data for data, _ in complete(session, "client_to_server")]
        yield b"\0" + b"".join(messages)[:2000]
    opening = request(2, "open", path="repo", exclusive=True, lock_wait=0)
    deeds = [
        request(3, "put", id=IDS[3], data=b"data"),
        request(4, "delete", id=IDS[0]),
        request(5, "commit"),
        request(6, "scan"),
    ]
    yield b"\0" + NEGOTIATION + opening + b"".join(deeds)
    for method in CALLS:
        yield b"\0" + opening + request(3, method, **{argument.name: 1 for argument in METHODS[method]})
        yield b"\x01" + bytes([CALLS.index("open"), 21, 2, 0, 1, 1, 2, 2, CALLS.index(method), *range(8)])


def request(msgid: int, method: str, **arguments: object) -> bytes:
    return b"".join(bytes(buffer) for buffer in encode_request(msgid, method, arguments))


def fuzz(data: bytes) -> None:
    """The first byte says whether the others are a stream, or choose calls and values."""
    kind, rest = data[:1], data[1:]
    workshop = _workshop()
    place = workshop.place()
    stream = rest if kind == b"\0" else b"".join(chosen_calls(rest))
    before = os.getcwd()
    os.chdir(place / "allowed")
    os.environ["BORG_BASE_DIR"] = str(place / "allowed")
    try:
        converse(stream)
        if workshop.has_changed():
            assert not [*place.rglob("lock.*")]
            assert file_digests(place / "secret") == workshop.secret
            assert sorted(os.listdir(place)) == ["allowed", "secret"]
    finally:
        os.chdir(before)


def converse(stream: bytes) -> None:
    policy = Policy(Doorkeeper(Restrictions(["."])), append_only=False, storage_quota=None)
    server = Server(policy, NullSink(), speak_json=lambda: None, facts=str)
    try:
        for message in MessageSplitter(max_array=MAX_REQUEST_ARRAY).feed(memoryview(stream)):
            asked = parse_request(message)
            reply = parse_reply(unpack(b"".join(bytes(buffer) for buffer in server.answer(asked))))
            assert reply.msgid == asked.msgid
            if isinstance(reply, Failure) and asked.method != "inject_exception":
                # A traceback is told only of what nobody expected.
                assert not reply.full, (asked.method, asked.arguments, reply.full)
    except (MalformedStream, MalformedMessage):
        pass
    finally:
        server.close()


def chosen_calls(data: bytes) -> Iterator[bytes]:
    """Calls with arguments of the right names; each byte chooses one of what there is."""
    choices = iter(data)
    for msgid, choice in enumerate(choices):
        method = CALLS[choice % len(CALLS)]
        values = {argument.name: VALUES[next(choices, 0) % len(VALUES)] for argument in METHODS[method]}
        yield request(msgid, method, **values)


MAKE_REPOSITORY = b"".join(
    (
        request(1, "open", path="repo", create=True, exclusive=True, lock_wait=0),
        *(request(2, "put", id=id, data=b"object") for id in IDS[:3]),
        request(3, "commit"),
    )
)


class Workshop:
    """A place with a repository that is allowed, and one that is not; made anew when something in it has changed."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()  # exists until the program ends
        self._template = Path(self._directory.name) / "template"
        self._place = Path(self._directory.name) / "work"
        self._state: list[tuple[str, ...]] = []
        self._is_fresh = False
        here = os.getcwd()
        for part in ("allowed", "secret"):
            (self._template / part).mkdir(parents=True)
            os.chdir(self._template / part)
            converse(MAKE_REPOSITORY)
        os.chdir(here)
        (self._template / "allowed" / "link").symlink_to("repo")
        (self._template / "allowed" / "out").symlink_to("../secret")
        self.secret = file_digests(self._template / "secret")

    def place(self) -> Path:
        """As it is in the beginning."""
        if not self._is_fresh:
            shutil.rmtree(self._place, ignore_errors=True)
            shutil.copytree(self._template, self._place, symlinks=True)
            self._state = [*state(self._place)]
            self._is_fresh = True
        return self._place

    def has_changed(self) -> bool:
        """Whether any file is there, is gone, or is another than when the place was made."""
        self._is_fresh = self._state == [*state(self._place)]
        return not self._is_fresh


def state(directory: str | Path) -> Iterator[tuple[str, ...]]:
    """Every path below, and what tells whether a file was written to; copying all of it takes ten times as long."""
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            yield (entry.path,)
            yield from state(entry.path)
        else:
            status = entry.stat(follow_symlinks=False)
            yield entry.path, str((status.st_mode, status.st_ino, status.st_size, status.st_ctime_ns))


@cache
def _workshop() -> Workshop:
    return Workshop()
