"""A Debian as it comes out of the box, to install things in: made once by debootstrap, entered by chroot.

What a test changes lies in a layer of its own and goes with it. Nothing of this machine but kernel and network is inside.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

from support.programs import PROJECT

SUITE = "bookworm"
ORIGINAL = PROJECT / "build" / "roots" / SUITE
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "BORG_PASSPHRASE": "test",
    "DEBIAN_FRONTEND": "noninteractive",
}


def original() -> Path:
    """The root that nothing was installed in, made if it is not there."""
    if not ORIGINAL.exists():
        unfinished = ORIGINAL.with_suffix(".unfinished")
        subprocess.run(["rm", "-rf", unfinished], check=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        command = ["debootstrap", "--variant=minbase", SUITE, unfinished]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        unfinished.rename(ORIGINAL)
    return ORIGINAL


class CleanRoot:
    """One such Debian, mounted as long as the `with` block lasts."""

    def __init__(self, place: Path) -> None:
        self.path = place / "root"
        self._upper = place / "changes"
        self._work = place / "work"

    def __enter__(self) -> Self:
        for directory in (self.path, self._upper, self._work):
            directory.mkdir(parents=True)
        layers = f"lowerdir={original()},upperdir={self._upper},workdir={self._work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.path], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", self.path / "proc"], check=True)
        # As in a container: the few devices that programs expect.
        for name, major, minor in (("null", 1, 3), ("zero", 1, 5), ("urandom", 1, 9), ("tty", 5, 0), ("fuse", 10, 229)):
            node = self.path / "dev" / name
            node.unlink(missing_ok=True)
            os.mknod(node, 0o666 | 0o020000, os.makedev(major, minor))
            node.chmod(0o666)
        return self

    def __exit__(self, *_: object) -> None:
        for place in (self.path / "proc", self.path):
            subprocess.run(["umount", "--lazy", place], check=True)

    def run(self, *command: str, code: int | None = 0, stdin: str = "", **environment: str) -> str:
        """What a command inside prints; AssertionError, with all that it said, if it ends otherwise than with `code`."""
        done = subprocess.run(
            ["chroot", self.path, *command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**ENVIRONMENT, **environment},
            check=False,
        )
        assert code is None or done.returncode == code, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def shell(self, script: str, **environment: str) -> str:
        """The same for lines of a shell, of which none may fail."""
        return self.run("sh", "-euc", script, **environment)

    def install(self, *packages: str) -> None:
        """Debian's packages, or files in /packages."""
        self.run("apt-get", "update", "-qq")
        self.run("apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages)

    def copy_in(self, file: Path, directory: str) -> str:
        """Where it is inside."""
        (self.path / directory.lstrip("/")).mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", file, self.path / directory.lstrip("/")], check=True)
        return f"{directory}/{file.name}"
