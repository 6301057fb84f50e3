"""What requests lead to, whatever is in them. Requests go in as values and replies come out as what a client would unpack."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.batches import sealed
from support.repositories import locks
from vinculum.events import NullSink
from vinculum.formats.msgpack import pack, unpack
from vinculum.objects.limits import MAX_DATA
from vinculum.remote.access import Doorkeeper, Restrictions
from vinculum.remote.framing import MAX_REPLY_ARRAY, MessageSplitter
from vinculum.remote.messages import Failure, Request, Result, parse_reply, parse_request
from vinculum.remote.methods import METHODS
from vinculum.remote.server import Policy, Server

IDS = [bytes([number]) * 32 for number in range(1, 8)]


class Client:
    """Calls a server; a failure comes back as `Failure`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.msgid = 0

    def ask(self, method: str, *positional: object, **arguments: object) -> Result | Failure:
        self.msgid += 1
        sent: dict[str, object] | list[object] = list(positional) if positional else arguments
        # What a client can send is what can be packed.
        request = parse_request(
            unpack(pack({"i": self.msgid, "m": method, "a": sent} if isinstance(sent, dict) else [1, self.msgid, method, sent]))
        )
        reply = parse_reply(unpack(b"".join(bytes(buffer) for buffer in self.server.answer(request))))
        assert reply.msgid == self.msgid
        return reply

    def call(self, method: str, *positional: object, **arguments: object) -> object:
        reply = self.ask(method, *positional, **arguments)
        assert isinstance(reply, Result), (reply.class_name, reply.short)
        return reply.value

    def failure(self, method: str, *positional: object, **arguments: object) -> Failure:
        reply = self.ask(method, *positional, **arguments)
        assert isinstance(reply, Failure), reply.value
        return reply


@pytest.fixture
def client(server: Server, place: Path) -> Iterator[Client]:  # noqa: ARG001
    """A client with a new repository `repo`."""
    client = Client(server)
    client.call("open", path="repo", create=True, exclusive=True, lock_wait=0)
    yield client
    server.close()


def fill(client: Client, ids: list[bytes]) -> None:
    for id in ids:
        client.call("put", id=id, data=b"object " + id)
    client.call("commit", compact=False)


# -- the methods -------------------------------------------------------------------------------------------------------


def test_opening_gives_the_id_and_takes_the_lock(client: Client, place: Path) -> None:
    id = client.call("open", path="repo", exclusive=True, lock_wait=0)
    assert isinstance(id, bytes)
    assert id.hex() in (place / "repo" / "config").read_text()
    assert locks(place / "repo") == ["lock.exclusive", "lock.roster"]


def test_objects(client: Client) -> None:
    fill(client, IDS)
    assert client.call("__len__") == len(IDS)
    assert client.call("get", id=IDS[0]) == b"object " + IDS[0]
    client.call("delete", id=IDS[0])
    assert client.failure("get", id=IDS[0]).class_name == "ObjectNotFound"
    assert client.failure("delete", id=IDS[0]).class_name == "ObjectNotFound"
    client.call("rollback")
    assert client.call("get", id=IDS[0]) == b"object " + IDS[0]


def test_large_objects_come_back_whole(client: Client) -> None:
    data = os.urandom(MAX_DATA)
    client.call("put", id=IDS[0], data=data)
    client.call("commit")
    assert client.call("get", id=IDS[0]) == data


def test_an_object_that_is_too_large_is_refused_in_the_words_that_clients_look_for(client: Client) -> None:
    failure = client.failure("put", id=IDS[0], data=bytes(MAX_DATA + 1))
    assert failure.class_name == "IntegrityError"
    assert f"More than allowed put data [{MAX_DATA + 1} > {MAX_DATA}]" in failure.short[0]


@pytest.mark.parametrize("method", ["list", "scan"])
def test_ids_come_in_pieces(method: str, client: Client) -> None:
    fill(client, IDS)
    found: list[bytes] = []
    while piece := client.call(method, limit=3, marker=found[-1] if found else None):
        assert isinstance(piece, list)
        found += piece
    assert sorted(found) == IDS
    if method == "scan":
        assert found == IDS  # in the order in which they were stored
    assert client.call(method) == found
    assert client.call(method, marker=found[2]) == found[3:]
    assert client.failure(method, marker=bytes(32)).class_name == "Error"


def test_a_scan_sees_what_was_written_meanwhile(client: Client) -> None:
    fill(client, IDS)
    assert client.call("scan", limit=2) == IDS[:2]
    client.call("delete", id=IDS[2])
    assert client.call("scan", limit=2, marker=IDS[1]) == IDS[3:5]
    assert client.failure("scan", limit=0).class_name == "Error"


def test_committing_compacts_as_old_clients_expect(client: Client, place: Path) -> None:
    fill(client, IDS)
    for id in IDS:
        client.call("delete", id=id)
    client.call("commit")
    assert b"object" not in b"".join(path.read_bytes() for path in (place / "repo" / "data" / "0").iterdir())


def test_keys(client: Client) -> None:
    assert client.call("load_key") == b""
    client.call("save_key", keydata=b"abc+/=\ndef\n")
    client.call("open", path="repo", exclusive=False)
    assert client.call("load_key") == b"abc+/=\ndef"


@pytest.mark.parametrize(
    "key", [b"x\rappend_only = 0", b"x\x0bappend_only = 0", b"x\xe2\x80\xa8y", b"x" * 100_000, b"\xff", b"\0", b"a b"]
)
def test_no_key_can_change_other_settings(key: bytes, client: Client, place: Path) -> None:
    before = (place / "repo" / "config").read_bytes()
    assert client.failure("save_key", keydata=key).class_name == "Error"
    assert (place / "repo" / "config").read_bytes() == before


def test_counters(client: Client) -> None:
    assert client.call("get_free_nonce") is None
    client.call("commit_nonce_reservation", next_unreserved=100, start_nonce=None)
    assert client.call("get_free_nonce") == 100
    assert client.failure("commit_nonce_reservation", next_unreserved=200, start_nonce=50).class_name == "Error"
    assert client.call("get_free_nonce") == 100


def test_a_repository_that_is_destroyed_is_gone(client: Client, place: Path) -> None:
    fill(client, IDS)
    client.call("destroy")
    assert not (place / "repo").exists()
    client.server.close()


def test_locks_of_others_count_until_they_are_broken(client: Client, place: Path) -> None:
    client.server.close()
    (place / "repo" / "lock.exclusive").mkdir()
    (place / "repo" / "lock.exclusive" / "somebody@elsewhere.1-0").touch()
    failure = client.failure("open", path="repo", exclusive=True, lock_wait=0)
    assert (failure.class_name, failure.args) == ("LockTimeout", [os.fsencode(place / "repo" / "lock.exclusive")])
    client.call("open", path="repo", lock=False)
    client.call("break_lock")
    assert locks(place / "repo") == []
    client.call("open", path="repo", exclusive=True, lock_wait=0)
    client.call("break_lock")  # its own
    client.server.close()
    assert locks(place / "repo") == []


def test_check_tells_whether_the_repository_is_whole(client: Client, place: Path) -> None:
    fill(client, IDS)
    assert client.call("check", repair=False, save_space=False, max_duration=0) is True
    segment = max((place / "repo").glob("data/*/*"), key=lambda path: path.stat().st_size)
    segment.write_bytes(segment.read_bytes()[:-1])
    assert client.call("check", repair=False, save_space=False, max_duration=1) is False
    assert client.call("check", repair=True, save_space=False, max_duration=0) is True


def test_who_opened_for_reading_cannot_write(client: Client) -> None:
    fill(client, IDS)
    client.call("open", path="repo", exclusive=False)
    for method, arguments in (
        ("put", {"id": IDS[0], "data": b""}),
        ("delete", {"id": IDS[0]}),
        ("destroy", {}),
        ("commit_nonce_reservation", {"next_unreserved": 7, "start_nonce": None}),
    ):
        assert client.failure(method, **arguments).class_name == "LockFailed"
    client.call("commit")
    assert client.call("__len__") == len(IDS)


def test_without_a_repository_nothing_works_but_the_connection_goes_on(server: Server) -> None:
    client = Client(server)
    for method, arguments in (("get", {"id": IDS[0]}), ("commit", {}), ("break_lock", {}), ("check", {}), ("load_key", {})):
        assert client.failure(method, **arguments).class_name == "Error"
    assert client.failure("open", path="nothing").class_name == "DoesNotExist"
    assert client.failure("close").class_name == "InvalidRPCMethod"
    assert client.call("negotiate", client_data={"client_version": [1, 2, 4, -1]}) == {b"server_version": [1, 4, 5, -1]}


def test_opening_again_gives_the_first_repository_back(client: Client, place: Path) -> None:
    client.call("put", id=IDS[0], data=b"")
    client.call("open", path="other", create=True, exclusive=True)
    assert locks(place / "repo") == []
    client.call("open", path="repo", exclusive=True)
    assert client.call("__len__") == 0


def test_clients_before_version_agreement_call_by_position(server: Server, place: Path) -> None:
    client = Client(server)
    assert client.call("negotiate", 2) == 2
    id = client.call("open", "old", True, 1, True)
    assert client.call("put", IDS[0], b"data") is None
    assert client.call("get", IDS[0]) == b"data"
    assert client.call("commit", False) is None
    reply = client.failure("get", IDS[1])
    assert (reply.class_name, reply.args) == ("ObjectNotFound", ())
    assert isinstance(id, bytes)
    assert locks(place / "old") == ["lock.exclusive", "lock.roster"]
    server.close()


def test_json_is_spoken_to_those_who_understand_it(place: Path) -> None:
    for data, understands in (
        ({"client_version": [1, 1, 0, -3, 6]}, True),
        ({"client_version": [1, 1, 0, -3, 5]}, False),
        (2, False),
    ):
        spoken: list[bool] = []
        policy = Policy(Doorkeeper(Restrictions([str(place)])), append_only=False, storage_quota=None)
        server = Server(policy, NullSink(), speak_json=lambda spoken=spoken: spoken.append(True), facts=str)  # type: ignore[misc]
        Client(server).call("negotiate", data)
        assert bool(spoken) == understands


@pytest.mark.parametrize(
    "kind",
    ["DoesNotExist", "AlreadyExists", "CheckNeeded", "IntegrityError", "PathNotAllowed", "ObjectNotFound", "InvalidRPCMethod"],
)
def test_exceptions_for_the_tests_of_clients(kind: str, server: Server) -> None:
    failure = Client(server).failure("inject_exception", kind=kind)
    assert (failure.class_name, failure.full) == (kind, [])


def test_a_bug_is_told_with_all_that_is_known(server: Server) -> None:
    failure = Client(server).failure("inject_exception", kind="divide")
    assert (failure.class_name, failure.wants_trace, failure.sysinfo) == ("ZeroDivisionError", True, "facts")
    assert failure.full[0].startswith("Traceback")


# -- the owner's policy ------------------------------------------------------------------------------------------------


def test_append_only_holds_whatever_the_client_says(client: Client, place: Path, new_server: Callable[..., Server]) -> None:
    fill(client, IDS)
    client.server.close()
    os.chdir(place)
    guarded = Client(new_server(append_only=True))
    guarded.call("open", path="repo", exclusive=True, append_only=False)
    before = {path.name: path.read_bytes() for path in (place / "repo" / "data" / "0").iterdir()}
    for id in IDS:
        guarded.call("delete", id=id)
    guarded.call("commit", compact=True, threshold=0.0, cleanup_commits=True)
    assert "append-only" in guarded.failure("destroy").short[0]
    guarded.server.close()
    after = {path.name: path.read_bytes() for path in (place / "repo" / "data" / "0").iterdir()}
    assert before.items() <= after.items()


def test_a_new_repository_is_append_only_if_its_maker_asks_for_that(place: Path, new_server: Callable[..., Server]) -> None:
    for asked in (False, True):
        os.chdir(place)
        client = Client(new_server(append_only=True))
        client.call("open", path=f"repo-{asked}", create=True, exclusive=True, append_only=asked)
        assert f"append_only = {int(asked)}" in (place / f"repo-{asked}" / "config").read_text()
        client.call("put", id=IDS[0], data=b"object")
        client.call("commit")
        assert ("append-only" in client.failure("destroy").short[0]) if asked else client.call("destroy") is None
        client.server.close()


def test_the_quota_stands_above_that_of_the_repository(client: Client, place: Path, new_server: Callable[..., Server]) -> None:
    client.server.close()
    os.chdir(place)
    limited = Client(new_server(storage_quota=10_000_000))
    limited.call("open", path="repo", exclusive=True)
    for id in IDS[:4]:
        limited.call("put", id=id, data=bytes(2_400_000))
    assert limited.failure("put", id=IDS[4], data=bytes(2_400_000)).args == [b"10.00 MB", b"12.00 MB"]
    assert limited.failure("commit").class_name == "StorageQuotaExceeded"
    limited.call("open", path="new", create=True, exclusive=True)
    assert "storage_quota = 10000000" in (place / "new" / "config").read_text()
    limited.server.close()


def test_puts_that_came_together_meet_the_quota_one_by_one(
    client: Client, new_server: Callable[..., Server], place: Path
) -> None:
    client.server.close()
    os.chdir(place)
    limited = Client(new_server(storage_quota=10_000_000))
    limited.call("open", path="repo", exclusive=True)
    batch = sealed([bytes([number]) * 2_400_000 for number in range(6)])
    (buffers,) = limited.server.answer_run(("puts", 10, batch))
    replies = [
        parse_reply(message)  # type: ignore[arg-type]
        for message in MessageSplitter(max_array=MAX_REPLY_ARRAY).feed(b"".join(map(bytes, buffers)))
    ]
    assert [reply.msgid for reply in replies] == [*range(10, 16)]
    assert [isinstance(reply, Result) for reply in replies] == [True] * 4 + [False] * 2
    assert [reply.args[1] for reply in replies if isinstance(reply, Failure)] == [b"12.00 MB"] * 2  # whichever is shown
    limited.server.close()


# -- hostile clients ---------------------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary(max_size=40)
    | st.sampled_from([*IDS, b"repo", b"../x", b"/"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=9), inner, max_size=4), max_leaves=8
)
names = st.sampled_from(sorted(METHODS)) | st.text(max_size=12)
argument_names = sorted({argument.name for arguments in METHODS.values() for argument in arguments})


@st.composite
def requests(draw: st.DrawFn) -> Request:
    method = draw(names)
    known = [argument.name for argument in METHODS.get(method, ())]
    if draw(st.booleans()):
        return Request(1, method, draw(st.lists(values, max_size=7)))
    return Request(
        1, method, {name: draw(values) for name in known + draw(st.lists(st.sampled_from(argument_names), max_size=2))}
    )


@given(st.lists(requests(), max_size=12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered_without_a_traceback(place: Path, asked: list[Request]) -> None:
    os.chdir(place)
    if not (place / "base").exists():
        (place / "base").mkdir()
    os.chdir(place / "base")
    policy = Policy(Doorkeeper(Restrictions([str(place / "base")])), append_only=False, storage_quota=10_000_000)
    server = Server(policy, NullSink(), speak_json=lambda: None, facts=lambda: "facts")
    first = Request(
        1, "open", {"path": b"repo", "exclusive": True, "create": not (place / "base" / "repo").exists(), "lock_wait": 0}
    )
    for request in (first, *asked):
        if request.method == "open" and isinstance(request.arguments, dict):
            request.arguments["lock_wait"] = 0
        replied = parse_reply(unpack(b"".join(bytes(buffer) for buffer in server.answer(request))))
        assert replied.msgid == 1
        if isinstance(replied, Failure):
            assert (
                not any("Traceback" in line for line in (*replied.full, *replied.short)) or request.method == "inject_exception"
            )
    server.close()
    assert set(os.listdir(place)) == {"base"}
