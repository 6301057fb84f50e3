"""SIGUSR1 asks a running backup how far it is; it must not end it. Signals that end it do so cleanly, however many come."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from support.programs import Program
from support.repositories import locks


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
    ("signals", "code"),
    [
        ([signal.SIGTERM, signal.SIGINT, signal.SIGTERM], 143),
        ([signal.SIGINT, signal.SIGINT, signal.SIGINT, signal.SIGTERM], 130),
        ([signal.SIGHUP, signal.SIGTERM], 129),
    ],
)
def test_nothing_interrupts_the_cleaning_up(
    signals: list[signal.Signals], code: int, threads: str, vinculum: Program, workplace: Path
) -> None:
    os.mkfifo(workplace / "stalled")
    vinculum.run("init", "-e", "none", "repo")
    running = vinculum.start("create", "--threads", threads, "--read-special", "repo::a", "stalled")
    with (workplace / "stalled").open("wb", buffering=0):  # which returns when the fifo is being read
        for number in signals:
            running.send_signal(number)
            time.sleep(0.01)  # else some are not told apart
        _, err = running.communicate(timeout=60)
    assert running.returncode == code, err
    assert err.count(b"\n") == 1
    assert locks(workplace / "repo") == []
    vinculum.run("create", "repo::a", "repo/config")
