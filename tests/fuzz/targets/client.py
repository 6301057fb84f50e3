"""Whole sessions with a server that answers what it likes: a client gets what it may believe, or an error for users."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from support.fake_transport import FakeServer, FakeTransport
from support.rpc_sessions import SESSIONS, complete
from vinculum._native import Bytes
from vinculum.errors import Error
from vinculum.events import NullSink
from vinculum.remote import connecting
from vinculum.remote.client import RemoteRepository
from vinculum.remote.command_line import RemoteSettings
from vinculum.remote.messages import Request
from vinculum.remote.transport import Ready
from vinculum.repository.location import Location

IDS = [bytes([number]) * 32 for number in range(1, 5)]
WORDS = [b"\x82\xa1i\x01\xa1r\xc0", b"\x82\xa1i\x02\xafexception_class", b"\xaeexception_args", b"\xaeserver_version"]
HONEST = 0xFF


def seeds() -> Iterator[bytes]:
    yield bytes([1, *[HONEST] * 12])
    for session in SESSIONS:
        for data, _ in complete(session, "server_to_client")[:4]:
            yield bytes([7, HONEST, HONEST, len(data) % HONEST]) + data[: len(data) % HONEST] + bytes([HONEST] * 3)


class LyingServer(FakeServer):
    """Answers honestly, or with the next bytes of its script: each answer is a length and what is to be said."""

    def __init__(self, script: bytes) -> None:
        super().__init__()
        self.objects = {id: b"object " + id for id in IDS[:3]}
        self._script = script

    def answer(self, request: Request) -> bytes:
        if not self._script or self._script[0] == HONEST:
            self._script = self._script[1:]
            return super().answer(request)
        end = 1 + self._script[0]
        said, self._script = self._script[1:end], self._script[end:]
        return said


class Line(FakeTransport):
    """Ends when nothing more is to come; a fake alone would call that a mistake of the test."""

    def wait(self, *, to_write: bool, timeout_s: float | None) -> Ready:
        if not (to_write or self._to_client or timeout_s is not None):
            self.ends = True
        return super().wait(to_write=to_write, timeout_s=timeout_s)


def fuzz(data: bytes) -> None:
    """The first byte is how many bytes come at a time."""
    size = 10 * data[0] + 1 if data else 1
    server = LyingServer(data[1:])
    connecting.Transport = lambda *_: Line(server.answer, itertools.cycle([size]))  # type: ignore[assignment,misc]
    try:
        with RemoteRepository(
            Location.parse("ssh://host/repository"), RemoteSettings({}, connections=1), NullSink(), exclusive=True
        ) as store:
            live(store)
    except Error as error:
        str(error)


def live(store: RemoteRepository) -> None:
    """Something of everything; what comes has the types that callers rely on."""
    assert len(store.id) == 32
    assert len(store) >= 0
    store.expect(IDS[2])
    assert all(type(data) is Bytes for data in store.get_many(IDS[0] + IDS[1]))
    assert all(len(id) == 32 for id in itertools.islice(store.list(limit=5), 100))
    assert all(len(id) == 32 for id in itertools.islice(store.ids_in_disk_order(), 5))
    assert isinstance(store.get(IDS[2]), Bytes)
    assert isinstance(store.get_free_nonce(), int | None)
    store.put(IDS[3], b"data")
    assert len(store.delete_many(IDS[0] + IDS[1])) % 32 == 0
    store.commit()
    assert isinstance(store.load_key(), bytes)
    store.rollback()
