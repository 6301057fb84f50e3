"""How many readers suit a device, as far as this machine has such devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vinculum.platform import devices


def mount(number: bytes, file_system: bytes, source: bytes) -> dict[bytes, list[bytes]]:
    line = b"36 35 %s / /there rw,noatime master:1 shared:2 - %s %s rw" % (number, file_system, source)
    return {number: line.split()}


def number_of(path: Path) -> bytes:
    device = path.stat().st_dev
    return b"%d:%d" % (os.major(device), os.minor(device))


@pytest.mark.parametrize(
    ("file_system", "source", "expected"),
    [
        (b"nfs4", b"server:/export", 10),
        (b"fuse.sshfs", b"server:", 10),
        (b"cifs", b"//server/share", 10),
        (b"tmpfs", b"none", 2),
        (b"overlay", b"none", 0),
    ],
)
def test_servers_are_asked_for_many_things_at_once_and_memory_for_few(file_system: bytes, source: bytes, expected: int) -> None:
    there = Path("/dev/shm")
    mounts = mount(number_of(there), file_system, source)
    assert devices._readers_for(os.fsencode(there), mounts) == expected


def test_the_kernel_says_which_disks_spin() -> None:
    spinning = {path.parent.parent.name: path.read_text().strip() for path in Path("/sys/block").glob("*/queue/rotational")}
    assert spinning, "a machine without block devices"
    for name, answer in spinning.items():
        number = Path("/sys/block", name, "dev").read_text().strip()
        assert devices._is_rotational(number.encode()) == (answer == "1"), name


def test_what_cannot_be_found_out_does_not_matter() -> None:
    assert devices.readers_for([b"/proc", b"/no such place", b"/dev/shm"]) == 0
    assert devices.readers_for([]) == 0
    assert devices.readers_for([b"/dev/shm"]) == 2
