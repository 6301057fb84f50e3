"""SIGUSR1 asks a running backup how far it is; it must not end it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from support.programs import Program


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
