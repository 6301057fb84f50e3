"""Who we are in locks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vinculum.platform import identity


@pytest.fixture(autouse=True)
def own_host_id() -> Iterator[None]:
    yield
    identity.set_host_id("")


def test_host_id_is_the_one_of_borg(borg145_python: Path) -> None:
    script = "from borg.platform.base import hostid; print(hostid, end='')"
    expected = subprocess.run([borg145_python, "-c", script], capture_output=True, text=True, check=True).stdout
    assert identity.host_id() == expected


def test_host_id_can_be_set_and_unset() -> None:
    computed = identity.host_id()
    identity.set_host_id("somewhere@1")
    assert identity.host_id() == "somewhere@1"
    identity.set_host_id("")
    assert identity.host_id() == computed


def test_processes_are_told_alive_from_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert identity.process_is_alive(process.pid)
    process.communicate(b"\n")
    assert not identity.process_is_alive(process.pid)
    assert identity.process_is_alive(os.getpid())
    assert identity.process_is_alive(1)


def test_absurd_process_id_counts_as_alive() -> None:
    assert identity.process_is_alive(2**70)
