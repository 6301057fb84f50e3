"""Mounting and unmounting FUSE file systems: by the system itself for root, by the helper fusermount3 for everybody else.

Knows nothing of what is mounted. Whoever holds the descriptor that `mount` returns answers the kernel's requests.
"""

from __future__ import annotations

import errno
import os

from vinculum import _native
from vinculum.errors import RuntimeTrouble

DEVICE = "/dev/fuse"
SOURCE = "borgfs"
_HELPERS = ("fusermount3", "fusermount")
_PACKAGE = "install the package fuse3 (fuse on some systems)"
_FIRST_OWN_FD = 3
# Words of mount(8) that are flags of the system call.
_FLAGS = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "sync": 16, "dirsync": 128, "noatime": 1024, "nodiratime": 2048}


def mount(directory: str, options: list[str]) -> int:
    """Mounts a file system that nobody serves yet, and returns the descriptor to serve it by. RuntimeTrouble if that fails.

    `options` are as for mount(8).
    """
    if not os.path.exists(DEVICE):
        raise RuntimeTrouble(
            f"FUSE is not available, {DEVICE} is missing: load the kernel module (modprobe fuse), or {_PACKAGE}."
        )
    if os.geteuid() == 0:
        fd = _mount_directly(directory, options)
        if fd is not None:
            return fd
    return _mount_by_helper(directory, options)


def _mount_directly(directory: str, options: list[str]) -> int | None:
    """None if that is not permitted, as in some containers."""
    try:
        opened = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise RuntimeTrouble(f"Cannot open {DEVICE}: {error.strerror}") from None
    fd = _above_standard_streams(opened)
    flags = 0
    words = [f"fd={fd}", "rootmode=40000", f"user_id={os.getuid()}", f"group_id={os.getgid()}"]
    for option in options:
        if option in _FLAGS:
            flags |= _FLAGS[option]
        else:
            words.append(option)
    try:
        _native.mount_fuse(SOURCE, directory, flags, ",".join(words))
    except OSError as error:
        os.close(fd)
        if error.errno == errno.EPERM:
            return None
        raise RuntimeTrouble(f"Cannot mount at {directory} with options {','.join(options)}: {error.strerror}") from None
    return fd


def _above_standard_streams(fd: int) -> int:
    if fd >= _FIRST_OWN_FD:
        return fd
    import fcntl

    higher = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_OWN_FD)
    os.close(fd)
    return higher


def _mount_by_helper(directory: str, options: list[str]) -> int:
    import socket
    import subprocess

    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [_helper(), "-o", ",".join([*options, f"fsname={SOURCE}"]), "--", directory]
        environment = {**os.environ, "_FUSE_COMMFD": str(theirs.fileno())}
        done = subprocess.run(
            command,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeTrouble(f"Cannot mount at {directory}: {os.fsdecode(done.stderr).strip()}")
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    if not fds:
        raise RuntimeTrouble(f"Cannot mount at {directory}: {command[0]} gave us nothing to serve.")
    fd = _above_standard_streams(fds[0])
    os.set_inheritable(fd, False)
    return fd


def read_ahead(directory: str, size: int) -> None:
    """Lets the kernel ask for so many bytes ahead of who reads a file from its beginning on; less, if that is not permitted.

    What is mounted there has to be served already.
    """
    if os.geteuid() != 0:
        return
    device = os.stat(directory).st_dev
    try:
        setting = os.open(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return  # no /sys, or not ours, as in containers
    try:
        os.write(setting, b"%d" % (size >> 10))
    except OSError:
        pass
    finally:
        os.close(setting)


def unmount(directory: str, *, lazily: bool = False) -> None:
    """Unmounts; `lazily` takes what is in use out of sight, too. RuntimeTrouble if it is in use, or nothing is mounted."""
    if os.geteuid() == 0:
        try:
            _native.unmount(directory, lazily=lazily)
            return
        except OSError as error:
            if error.errno != errno.EPERM:
                raise RuntimeTrouble(_reason(directory, error)) from None
    import subprocess

    command = [_helper(), "-u", *(["-z"] if lazily else []), "--", directory]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise RuntimeTrouble(os.fsdecode(done.stderr).strip())


def _reason(directory: str, error: OSError) -> str:
    reasons = {errno.EINVAL: "nothing is mounted there", errno.EBUSY: "it is in use"}
    return f"Cannot unmount {directory}: {reasons.get(error.errno or 0, error.strerror)}"


def _helper() -> str:
    """The program that mounts for those who are not root. RuntimeTrouble if there is none."""
    from shutil import which

    found = next((path for name in _HELPERS if (path := which(name))), None)
    if found is None:
        raise RuntimeTrouble(f"Mounting as an ordinary user takes the program {_HELPERS[0]}: {_PACKAGE}.")
    return found
