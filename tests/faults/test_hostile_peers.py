"""How much memory the other side of a connection can make us take, measured: a client the server's, a server the client's."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from support.direct_server import url
from support.peak_memory import measured, peak_mib, run_measured
from support.programs import Program
from vinculum.formats.msgpack import pack

MIB = 1 << 20
LARGEST_OBJECT = 20 << 20
"""About what may be stored; a message may have three times that."""
NEGOTIATE = pack([1, 1, "negotiate", [{"client_version": [1, 4, 5, -1]}]])
ENDLESS_RAW = b"\xdb\xff\xff\xff\xff"
STREAM_MIB = 200
"""Of what has no end, that much is tried."""
DEAF_S = 3
# A message has at most 60 MiB. While it is received and looked at there are some copies of it (288 MiB were measured for two,
# one after the other), and of a list the values that it is made of (197 MiB).
SERVER_MIB = 360
CLIENT_MIB = 260


def call(msgid: int, method: str, **arguments: object) -> bytes:
    return pack({"i": msgid, "m": method, "a": arguments})


def server_peak_mib(program: Program, attack: Iterator[bytes]) -> float:
    """The most memory that our server had at once when a client with an open repository did that, and then went."""
    opening = call(2, "open", path="repository", create=True, exclusive=True, lock_wait=0)
    server = measured(program)
    serving = subprocess.Popen(
        [*server.call, "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=server.cwd,
        env=server.environment,
    )
    assert serving.stdin is not None
    assert serving.stdout is not None

    def send() -> None:
        with serving.stdin as pipe:  # type: ignore[union-attr]
            try:
                for piece in chain([NEGOTIATE, opening], attack):
                    pipe.write(piece)
                pipe.flush()
            except BrokenPipeError:
                pass  # it has heard enough

    thread = threading.Thread(target=send)
    thread.start()
    thread.join(DEAF_S)  # until then nobody takes what it answers
    said = serving.stdout.read()
    thread.join()
    serving.wait()
    return peak_mib(said)


def large_put() -> Iterator[bytes]:
    """More than can be stored, and not more than a message may have; twice."""
    for number in (3, 4):
        yield call(number, "put", id=bytes(32), data=bytes(59 * MIB))


def endless() -> Iterator[bytes]:
    yield b"\x83\xa1i\x03\xa1m\xa3put\xa1a\x82\xa2id" + pack(bytes(32)) + b"\xa4data" + ENDLESS_RAW
    for _ in range(STREAM_MIB):
        yield bytes(MIB)


def greedy() -> Iterator[bytes]:
    """Wants much and takes nothing."""
    yield call(3, "put", id=bytes(32), data=bytes(LARGEST_OBJECT))
    for number in range(4, 200):
        yield call(number, "get", id=bytes(32))


def chatter() -> Iterator[bytes]:
    """Very many small calls, whose answers nobody takes."""
    for start in range(3, 30_000, 1000):
        yield b"".join(call(start + number, "list", limit=None, marker=None) for number in range(1000))


def openings() -> Iterator[bytes]:
    yield b"".join(call(number, "open", path="repository", exclusive=True, lock_wait=0) for number in range(3, 100))


@pytest.mark.parametrize("attack", [large_put, endless, greedy, chatter, openings])
def test_clients_get_so_much_of_the_server(attack: Callable[[], Iterator[bytes]], vinculum: Program, workplace: Path) -> None:
    usual = server_peak_mib(vinculum, iter(()))
    shutil.rmtree(workplace / "repository")
    grown = server_peak_mib(vinculum, attack()) - usual
    assert (workplace / "repository").exists(), "the server ended before the attack began"
    assert grown < SERVER_MIB


# A server of which the client hears what the test wants, and who then waits for its end.
LIAR = """
import os, sys
stream, file = int(sys.argv[1]), sys.argv[2]
with open(file, "rb") as script:
    try:
        while data := script.read(1 << 20):
            at = 0
            while at < len(data):
                at += os.write(stream, data[at:])
        while stream == 1 and os.read(0, 1 << 20):
            pass
    except OSError:
        pass
"""
ANSWER = pack([1, 1, None, {"server_version": [1, 4, 5, -1]}])
OPENED = pack({"i": 2, "r": bytes(32)})
WHAT_SERVERS_SAY = {
    "nothing that means anything": (1, lambda: [b"Welcome!\n"]),
    "an answer without end": (1, lambda: [ANSWER, OPENED, b"\x82\xa1i\x03\xa1r" + ENDLESS_RAW, *[bytes(MIB)] * STREAM_MIB]),
    "a very long answer": (1, lambda: [ANSWER, OPENED, pack({"i": 3, "r": bytes(59 * MIB)})]),
    "a long list": (1, lambda: [ANSWER, OPENED, pack({"i": 3, "r": [bytes(500)] * 100_000})]),
    "many empty lists": (1, lambda: [ANSWER, OPENED, pack({"i": 3, "r": [[]] * 100_000})]),
    "answers to nothing": (1, lambda: [ANSWER, OPENED, pack({"i": 99, "r": None}) * 10**6]),
    "a line without end": (2, lambda: [b"x" * MIB] * STREAM_MIB),
    "JSON nested a million times": (2, lambda: [b'{"type": ' + b"[" * 10**6 + b"\n"]),
}


def client_peak_mib(client: Program, place: Path, what: str) -> float:
    """The most memory that the client had at once when a server said that."""
    stream, pieces = WHAT_SERVERS_SAY[what]
    liar, script = place / "liar.py", place / "script"
    liar.write_text(LIAR)
    with open(script, "wb") as file:
        file.writelines(pieces())
    rsh = f"{sys.executable} -I -S {liar} {stream} {script}"
    peak = run_measured(client, "list", url(place / "repository"), code=2, BORG_RSH=rsh)
    assert "Traceback" not in peak.done.err
    return peak.mib


@pytest.mark.parametrize("what", [*WHAT_SERVERS_SAY][1:])
def test_servers_get_so_much_of_the_client(what: str, vinculum: Program, workplace: Path) -> None:
    usual = client_peak_mib(vinculum, workplace, next(iter(WHAT_SERVERS_SAY)))
    grown = client_peak_mib(vinculum, workplace, what) - usual
    assert grown < CLIENT_MIB


# A server of ours that forgets behind which id it was asked to go on.
FORGETFUL = """
import sys
from vinculum.cli.main import main
from vinculum.remote.server import Server
Server._list = Server._scan_some = lambda self, limit, marker: self._opened.list(min(limit, 2))
sys.argv[0] = "borg"
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize(
    "command",
    [
        ("check", "--archives-only", "REPO"),
        ("create", "--no-cache-sync", "REPO::b", "../f"),
        ("debug", "dump-repo-objs", "REPO"),
    ],
)
def test_servers_that_do_not_get_on_keep_nobody(command: tuple[str, ...], vinculum: Program, workplace: Path) -> None:
    (workplace / "f").write_bytes(b"content")
    vinculum.run("init", "-e", "none", "repository")
    vinculum.run("create", "repository::a", "f")
    vinculum.run("delete", "--cache-only", "repository")
    (workplace / "forgetful.py").write_text(FORGETFUL)
    (workplace / "dump").mkdir()
    client = vinculum.with_environment(
        BORG_RSH=f"{sys.executable} {workplace / 'forgetful.py'}",
        BORG_RELOCATED_REPO_ACCESS_IS_OK="yes",
        BORG_EXIT_CODES="modern",
    ).inside(workplace / "dump")
    words = [word.replace("REPO", url(workplace / "repository")) for word in command]
    done = client.run(*words, code=86)
    assert done.err.splitlines()[-2:] == ["Got unexpected RPC data format from server:", "an id for the second time"]
