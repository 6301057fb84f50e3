"""A repository on another machine as a store: what it asks of the server, and when."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from support.fake_transport import FakeServer, FakeTransport
from vinculum._native import Bytes
from vinculum.errors import ObjectNotFound, RemoteError, UnexpectedDataFromServer
from vinculum.events import NullSink
from vinculum.remote import client, connecting
from vinculum.remote.client import RemoteRepository
from vinculum.remote.command_line import RemoteSettings
from vinculum.remote.messages import Request, encode_result
from vinculum.repository.location import Location

IDS = [bytes([number]) * 32 for number in range(1, 8)]
SETTINGS = RemoteSettings({}, connections=1)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """Every transport leads to it."""
    found = FakeServer()
    monkeypatch.setattr(connecting, "Transport", lambda *_: FakeTransport(found.answer, itertools.cycle([100])))
    return found


def opened() -> RemoteRepository:
    return RemoteRepository(Location.parse("ssh://host/repository"), SETTINGS, NullSink(), exclusive=True)


def methods(server: FakeServer) -> list[str]:
    return [request.method for request in server.requests]


def test_what_is_expected_is_asked_for_once(server: FakeServer) -> None:
    server.objects = {id: bytes([number]) * 500 for number, id in enumerate(IDS)}
    first, second = b"".join(IDS[:3]), b"".join(IDS[3:])
    with opened() as store:
        store.expect(first)
        store.expect(second)
        store.expect(second)
        asked = len(server.requests)
        assert methods(server)[2:] == ["get"] * len(IDS)
        assert bytes(store.get(IDS[6])) == server.objects[IDS[6]]  # something else in between
        assert [bytes(data) for data in store.get_many(second)] == [server.objects[id] for id in IDS[3:]]
        assert [bytes(data) for data in store.get_many(first)] == [server.objects[id] for id in IDS[:3]]
        assert len(server.requests) == asked + 1
        assert [bytes(data) for data in store.get_many(first)] == [server.objects[id] for id in IDS[:3]]


def test_an_expected_object_that_is_missing_is_told_when_it_is_wanted(server: FakeServer) -> None:
    server.objects = {IDS[0]: b"0"}
    with opened() as store:
        store.expect(IDS[1])
        assert bytes(store.get(IDS[0])) == b"0"
        with pytest.raises(ObjectNotFound):
            store.get(IDS[1])


def test_many_are_listed_and_deleted(server: FakeServer) -> None:
    server.objects = dict.fromkeys(IDS, b"x")
    with opened() as store:
        assert store.list() == IDS
        assert store.list(limit=2, marker=IDS[0]) == IDS[1:3]
        assert list(store.ids_in_disk_order()) == IDS
        assert store.delete_many(IDS[0] + bytes(32) + IDS[1]) == bytes(32)
        assert len(store) == len(IDS) - 2
        assert IDS[0] not in store.list()
        assert IDS[2] in store.list()


def test_everything_is_acknowledged_before_a_commit_is_sent(server: FakeServer) -> None:
    server.failures[len(IDS) + 2] = OSError(28, "No space left on device")  # the last put
    with opened() as store:
        for id in IDS:
            store.put(id, Bytes(b"data"))
        with pytest.raises(RemoteError, match="No space left"):
            store.commit()
    assert "commit" not in methods(server)


@pytest.mark.parametrize(
    ("method", "value"),
    [("get", None), ("get", 5), ("list", None), ("list", [b"short"]), ("list", [None]), ("__len__", b"5"), ("__len__", -1)],
)
def test_a_server_that_answers_nonsense_is_refused(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, method: str, value: object
) -> None:
    def answer(request: Request) -> bytes:
        if request.method != method:
            return server.answer(request)
        return b"".join(bytes(buffer) for buffer in encode_result(request, value))

    monkeypatch.setattr(connecting, "Transport", lambda *_: FakeTransport(answer, itertools.cycle([100])))
    with opened() as store, pytest.raises(UnexpectedDataFromServer):  # noqa: PT012 (one of the calls)
        if method == "get":
            store.get(IDS[0])
        elif method == "list":
            store.list()
        else:
            len(store)


def page(number: int) -> list[bytes]:
    return [bytes([number, at]) * 16 for at in range(3)]


@pytest.mark.parametrize("method", ["list", "scan"])
@pytest.mark.parametrize(
    ("number_of_page", "complaint"),
    [
        (lambda _: 0, "second time"),
        (lambda asked: asked % 2, "second time"),
        (lambda asked: 5 + asked % 7 if asked > 10 else asked, "second time"),
        (None, "4 ids where 3 were asked for"),
    ],
    ids=["always the same", "two in turn", "in circles later", "too many"],
)
def test_a_server_that_does_not_get_on_is_refused(
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    number_of_page: Callable[[int], int] | None,
    complaint: str,
) -> None:
    asked = itertools.count()

    def answer(request: Request) -> bytes:
        if request.method != method:
            return server.answer(request)
        ids = page(number_of_page(next(asked))) if number_of_page else [*page(0), IDS[0]]
        return b"".join(bytes(buffer) for buffer in encode_result(request, ids))

    monkeypatch.setattr(connecting, "Transport", lambda *_: FakeTransport(answer, itertools.cycle([100])))
    for limit in ("_LIST_LIMIT", "_SCAN_LIMIT"):
        monkeypatch.setattr(client, limit, 3)
    with opened() as store, pytest.raises(UnexpectedDataFromServer, match=complaint):
        store.list() if method == "list" else list(store.ids_in_disk_order())
    assert next(asked) < 100


def test_an_id_twice_in_an_answer_is_refused(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: Request) -> bytes:
        if request.method != "list":
            return server.answer(request)
        return b"".join(bytes(buffer) for buffer in encode_result(request, [IDS[0], IDS[1], IDS[0]]))

    monkeypatch.setattr(connecting, "Transport", lambda *_: FakeTransport(answer, itertools.cycle([100])))
    with opened() as store, pytest.raises(UnexpectedDataFromServer, match="second time"):
        store.list(limit=3)
