"""How many things to ask a device for at the same time.

A spinning disk is asked for one, so that its head stays where it is, a server far away for many, so that its answers overlap.
Memory answers at once: threads that have nothing to wait for would only get in each other's way.
"""

from __future__ import annotations

import os

# File systems whose answers come over a network. Those in user space (fuse.sshfs and its like) are counted among them.
_NETWORK = frozenset((b"nfs", b"nfs4", b"cifs", b"smb3", b"ceph", b"9p", b"afs", b"glusterfs", b"lustre", b"davfs", b"ncpfs"))
_MEMORY = frozenset((b"tmpfs", b"ramfs"))
NETWORK_READERS = 10
MEMORY_READERS = 2  # or as many as there are cores


def readers_for(paths: list[bytes]) -> int:
    """How many readers suit what is below `paths`; 0 where nothing speaks for a certain number.

    What cannot be found out, such as the disks below a stack of devices, does not count.
    """
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            mounts = {fields[2]: fields for fields in map(bytes.split, file)}
    except OSError:
        return 0
    suitable = [_readers_for(path, mounts) for path in paths]
    if 1 in suitable:
        return 1
    most = max(suitable, default=0)
    return 0 if most == MEMORY_READERS and 0 in suitable else most


def _readers_for(path: bytes, mounts: dict[bytes, list[bytes]]) -> int:
    try:
        device = os.stat(path).st_dev
        number = b"%d:%d" % (os.major(device), os.minor(device))
        file_system, source = _file_system(mounts[number])
        if file_system in _NETWORK or file_system.startswith(b"fuse."):
            return NETWORK_READERS
        if file_system in _MEMORY:
            return MEMORY_READERS
        if os.major(device) == 0 and source.startswith(b"/dev/"):  # btrfs has numbers of its own
            device = os.stat(source).st_rdev
            number = b"%d:%d" % (os.major(device), os.minor(device))
        return 1 if _is_rotational(number) else 0
    except (OSError, KeyError, ValueError, IndexError):
        return 0


def _file_system(mount: list[bytes]) -> tuple[bytes, bytes]:
    """Type and source, which follow a lone dash behind a varying number of fields (proc_pid_mountinfo(5))."""
    dash = mount.index(b"-", 6)
    return mount[dash + 1], mount[dash + 2]


def _is_rotational(number: bytes) -> bool:
    directory = os.path.realpath(b"/sys/dev/block/" + number)
    for place in (directory, os.path.dirname(directory)):  # a partition's disk is the directory above
        try:
            with open(os.path.join(place, b"queue/rotational"), "rb") as file:
                return file.read().strip() == b"1"
        except FileNotFoundError:
            continue
    return False
