"""Locks between real processes, ours and Borg's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vinculum.errors import LockFailed, LockTimeout, NotLocked, NotMyLock
from vinculum.platform.identity import host_id, set_host_id
from vinculum.repository.locking import Lock, break_lock

SRC = Path(__file__).parents[3] / "src"

OURS = """
import sys
from vinculum.repository.locking import Lock
lock = Lock(sys.argv[1], exclusive=sys.argv[2] == "exclusive", timeout_s=5)
lock.acquire()
print("locked", flush=True)
sys.stdin.readline()
lock.release()
"""
BORGS = """
import sys
from borg.logger import setup_logging
setup_logging()
from borg.locking import Lock
lock = Lock(sys.argv[1] + "/lock", exclusive=sys.argv[2] == "exclusive", timeout=5).acquire()
print("locked", flush=True)
sys.stdin.readline()
lock.release()
"""
Hold = Callable[[str, str], subprocess.Popen[str]]


@pytest.fixture
def hold(tmp_path: Path, borg145_python: Path) -> Iterator[Hold]:
    """Starts a process, ours or Borg's, that holds a lock until it is sent a line."""
    processes = []

    def start(program: str, kind: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OURS] if program == "ours" else [str(borg145_python), "-c", BORGS]
        environment = {"PYTHONPATH": str(SRC)} if program == "ours" else {}
        process = subprocess.Popen(
            [*command, str(tmp_path), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def _let_go(process: subprocess.Popen[str]) -> None:
    process.communicate("\n")
    assert process.returncode == 0


def _exclusive(path: Path, timeout_s: float | None = 0) -> Lock:
    return Lock(str(path), exclusive=True, timeout_s=timeout_s)


def _shared(path: Path, timeout_s: float | None = 0) -> Lock:
    return Lock(str(path), exclusive=False, timeout_s=timeout_s)


@pytest.mark.parametrize("program", ["ours", "borg"])
def test_exclusive_lock_of_another_process_keeps_everybody_out(tmp_path: Path, hold: Hold, program: str) -> None:
    holder = hold(program, "exclusive")
    with pytest.raises(LockTimeout):
        _exclusive(tmp_path).acquire()
    with pytest.raises(LockTimeout):
        _shared(tmp_path, timeout_s=0.2).acquire()
    _let_go(holder)
    assert os.listdir(tmp_path) == []
    lock = _exclusive(tmp_path)
    lock.acquire()
    lock.release()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("program", ["ours", "borg"])
def test_shared_lock_of_another_process_admits_readers_only(tmp_path: Path, hold: Hold, program: str) -> None:
    holder = hold(program, "shared")
    lock = _shared(tmp_path)
    lock.acquire()
    assert len(json.loads((tmp_path / "lock.roster").read_text())["shared"]) == 2
    lock.release()
    with pytest.raises(LockTimeout):
        _exclusive(tmp_path).acquire()
    _let_go(holder)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["exclusive", "shared"])
def test_borg_respects_our_locks(tmp_path: Path, borg145_python: Path, kind: str) -> None:
    lock = Lock(str(tmp_path), exclusive=kind == "exclusive", timeout_s=0)
    lock.acquire()
    script = BORGS.replace("timeout=5", "timeout=0.3")
    command = [str(borg145_python), "-c", script, str(tmp_path)]
    refused = subprocess.run([*command, "exclusive"], capture_output=True, text=True, input="\n", check=False)
    assert "LockTimeout" in refused.stderr
    shared = subprocess.run([*command, "shared"], capture_output=True, text=True, input="\n", check=False)
    assert ("LockTimeout" in shared.stderr) == (kind == "exclusive")
    lock.release()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("program", ["ours", "borg"])
@pytest.mark.parametrize("kind", ["exclusive", "shared"])
def test_lock_of_a_killed_process_does_not_last(tmp_path: Path, hold: Hold, program: str, kind: str) -> None:
    holder = hold(program, kind)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    lock = _exclusive(tmp_path)
    lock.acquire()
    assert os.listdir(tmp_path / "lock.exclusive") == [f"{host_id()}.{os.getpid()}-0"]
    assert json.loads((tmp_path / "lock.roster").read_text()) == {"shared": [], "exclusive": [[host_id(), os.getpid(), 0]]}
    lock.release()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["exclusive", "shared"])
def test_lock_of_another_host_lasts_whatever_its_process(tmp_path: Path, dead_pid: int, kind: str) -> None:
    if kind == "exclusive":
        (tmp_path / "lock.exclusive").mkdir()
        (tmp_path / "lock.exclusive" / f"elsewhere@1.{dead_pid}-0").touch()
    else:
        (tmp_path / "lock.roster").write_text(json.dumps({"shared": [["elsewhere@1", dead_pid, 0]]}))
    with pytest.raises(LockTimeout):
        _exclusive(tmp_path).acquire()
    set_host_id("elsewhere@1")
    lock = _exclusive(tmp_path)
    lock.acquire()
    lock.release()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["nonsense", "no-number.x-0", "{host}.{pid}-1", "{host}.{pid}-zz", "{host}.1-0"])
def test_lock_that_cannot_be_judged_stale_lasts(tmp_path: Path, dead_pid: int, name: str) -> None:
    (tmp_path / "lock.exclusive").mkdir()
    (tmp_path / "lock.exclusive" / name.format(host=host_id(), pid=dead_pid)).touch()
    with pytest.raises(LockTimeout):
        _exclusive(tmp_path).acquire()
    assert os.listdir(tmp_path) == ["lock.exclusive"]


def test_one_live_holder_keeps_the_lock_whatever_dead_ones_left(tmp_path: Path, dead_pid: int, hold: Hold) -> None:
    hold("ours", "exclusive")
    (tmp_path / "lock.exclusive" / f"{host_id()}.{dead_pid}-0").touch()
    with pytest.raises(LockTimeout):
        _exclusive(tmp_path).acquire()
    assert len(os.listdir(tmp_path / "lock.exclusive")) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"shared": 1}', "{}", "[" * 9999])
def test_torn_roster_counts_as_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock.roster").write_text(content)
    lock = _exclusive(tmp_path)
    lock.acquire()
    lock.release()
    assert os.listdir(tmp_path) == []


def test_waiting_ends_when_the_lock_is_given_back(tmp_path: Path, hold: Hold) -> None:
    holder = hold("ours", "exclusive")
    threading.Timer(0.3, lambda: holder.communicate("\n")).start()
    lock = _exclusive(tmp_path, timeout_s=20)
    began = time.monotonic()
    lock.acquire()
    assert 0.2 < time.monotonic() - began < 15
    lock.release()


def test_timeout_is_kept(tmp_path: Path, hold: Hold) -> None:
    hold("ours", "shared")
    began = time.monotonic()
    with pytest.raises(LockTimeout):
        _exclusive(tmp_path, timeout_s=0.7).acquire()
    assert 0.6 < time.monotonic() - began < 5


def test_upgrade_waits_for_other_readers_and_keeps_reading_if_it_fails(tmp_path: Path, hold: Hold) -> None:
    holder = hold("ours", "shared")
    lock = _shared(tmp_path)
    lock.acquire()
    with pytest.raises(LockTimeout):
        lock.upgrade()
    assert not lock.is_exclusive
    assert [host_id(), os.getpid(), 0] in json.loads((tmp_path / "lock.roster").read_text())["shared"]
    _let_go(holder)
    lock.upgrade()
    assert lock.is_exclusive
    lock.downgrade()
    assert json.loads((tmp_path / "lock.roster").read_text()) == {"shared": [[host_id(), os.getpid(), 0]], "exclusive": []}
    assert not (tmp_path / "lock.exclusive").exists()
    lock.release()
    assert os.listdir(tmp_path) == []


def test_broken_lock_is_noticed_on_release(tmp_path: Path, hold: Hold) -> None:
    for lock in (_exclusive(tmp_path), _shared(tmp_path)):
        lock.acquire()
        break_lock(str(tmp_path))
        assert os.listdir(tmp_path) == []
        with pytest.raises(NotLocked):
            lock.release()
    lock = _exclusive(tmp_path)
    lock.acquire()
    break_lock(str(tmp_path))
    hold("ours", "exclusive")
    with pytest.raises(NotMyLock):
        lock.release()


def test_breaking_no_lock_is_fine(tmp_path: Path) -> None:
    break_lock(str(tmp_path))


def test_directory_that_cannot_be_written_is_no_matter_of_waiting(tmp_path: Path) -> None:
    with pytest.raises(LockFailed, match="No such file"):
        Lock(str(tmp_path / "missing"), exclusive=True, timeout_s=None).acquire()
    (tmp_path / "lock.exclusive").touch()
    with pytest.raises(LockFailed, match="Not a directory"):
        _exclusive(tmp_path).acquire()
    assert os.listdir(tmp_path) == ["lock.exclusive"]


def test_many_processes_exclude_each_other(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    script = """
import sys, pathlib
from vinculum.repository.locking import Lock
counter = pathlib.Path(sys.argv[1]) / "counter"
for _ in range(10):
    lock = Lock(sys.argv[1], exclusive=True, timeout_s=60)
    lock.acquire()
    counter.write_text(str(int(counter.read_text()) + 1))
    lock.release()
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SRC)}) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert counter.read_text() == "40"


@pytest.mark.parametrize("exclusive", [False, True])
def test_what_died_while_it_took_a_lock_leaves_nothing_for_long(tmp_path: Path, dead_pid: int, exclusive: bool) -> None:
    """What another process may still move into place stays."""
    mine, dead = f"{host_id()}.{os.getpid()}-0", f"{host_id()}.{dead_pid}-0"
    (tmp_path / "lock.roster.01234567.tmp").write_text("{")
    for number, names in enumerate(([dead], [mine], [dead, mine], [], [f"elsewhere.{dead_pid}-0"])):
        directory = tmp_path / f"lock.exclusive.{number}.tmp"
        directory.mkdir()
        for name in names:
            (directory / name).touch()
    lock = Lock(str(tmp_path), exclusive=exclusive)
    lock.acquire()
    lock.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"lock.exclusive.{number}.tmp" for number in (1, 2, 3, 4)]
