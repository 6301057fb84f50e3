"""SIGUSR1 asks a running backup how far it is; it must not end it. Signals that end it do so cleanly, however many come."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import pytest

from support.archives import chunk_references
from support.programs import Program
from support.repositories import locks
from support.trees import random_content

STRUCK_WHERE_NOTHING_CAN_BE_RAISED = """
import os, signal, sys, time, weakref
from vinculum.cli import signals

number = signal.Signals[sys.argv[1]]

class Thing:
    def __del__(self):
        time.sleep(0.05)

def strike(reference):
    os.kill(os.getpid(), number)
    time.sleep(0.05)

signals.install(lambda: None)
thing = Thing()
reference = weakref.ref(thing, strike)
try:
    del thing  # it is lost in the callback,
    for _ in range(10):
        Thing()  # and most probably in one of these again
    time.sleep(30)
    print("lost")
except KeyboardInterrupt:
    print("SIGINT")
except signals.Terminated as end:
    print(signal.Signals(end.number).name)
"""


def test_sigusr1_is_answered_and_the_backup_goes_on(vinculum: Program, workplace: Path) -> None:
    fifo = workplace / "slow"
    os.mkfifo(fifo)
    vinculum.run("init", "-e", "none", "repo")
    running = vinculum.start("create", "--read-special", "repo::a", fifo)
    with fifo.open("wb", buffering=0) as source:
        source.write(bytes(20_000_000))
        time.sleep(0.5)
        running.send_signal(signal.SIGUSR1)
        time.sleep(0.5)
        source.write(bytes(40_000_000))
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert b"so far, at" in err
    assert b"60.00 MB" in vinculum.run("info", "repo::a").stdout


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGINT], [signal.SIGHUP, signal.SIGTERM], [signal.SIGINT, signal.SIGINT, signal.SIGTERM]],
)
def test_nothing_interrupts_the_cleaning_up(
    signals: list[signal.Signals], threads: str, vinculum: Program, workplace: Path
) -> None:
    """However many signals come."""
    os.mkfifo(workplace / "stalled")
    vinculum.run("init", "-e", "none", "repo")
    running = vinculum.start("create", "--threads", threads, "--read-special", "repo::a", "stalled")
    with (workplace / "stalled").open("wb", buffering=0):  # which returns when the fifo is being read
        for number in cycle(signals):
            if running.poll() is not None:
                break
            running.send_signal(number)
            time.sleep(0.01)
        _, err = running.communicate(timeout=60)
    assert running.returncode in {128 + number for number in signals}, err
    assert err.count(b"\n") == 1
    assert locks(workplace / "repo") == []
    vinculum.run("create", "repo::a", "repo/config")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_is_not_lost_in_a_destructor(name: str, vinculum: Program) -> None:
    """Python drops what is raised there."""
    command = ["env", "--default-signal", sys.executable, "-c", STRUCK_WHERE_NOTHING_CAN_BE_RAISED, name]
    done = subprocess.run(command, capture_output=True, text=True, env=vinculum.environment, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (f"{name}\n", "")


def test_a_checkpoint_counts_exactly_what_it_holds(
    vinculum: Program, borg145: Program, client_home: Path, workplace: Path
) -> None:
    """Ctrl-C while a large file is read that others follow: these are in memory by then, and must not be counted yet."""
    os.mkfifo(workplace / "stalled")
    for number in range(20):
        (workplace / f"file-{number}").write_bytes(random_content(number, 1000))
    files = [f"file-{number}" for number in range(20)]
    vinculum.run("init", "-e", "none", "repo")
    vinculum.run("create", "repo::before", *files[:5])
    chunker = "--chunker-params", "fixed,65536"
    running = vinculum.start("create", "--read-special", *chunker, "repo::a", "stalled", *files)
    with (workplace / "stalled").open("wb", buffering=0) as source:
        source.write(random_content("first", 65536))
        running.send_signal(signal.SIGINT)
        time.sleep(0.3)
        with suppress(BrokenPipeError):  # one chunk is enough
            source.write(random_content("second", 1 << 20))
        _, err = running.communicate(timeout=60)
    assert running.returncode == 2, err
    assert b"a.checkpoint" in borg145.run("list", "--consider-checkpoints", "repo").stdout
    borg145.run("check", "--verify-data", "repo")
    ours = chunk_references(borg145, client_home)
    borg145.run("delete", "--cache-only", "repo")
    borg145.run("info", "repo")
    assert ours == chunk_references(borg145, client_home)
