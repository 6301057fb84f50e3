"""The standalone executable on a machine that has no Python: copied to /usr/local/bin, as the tutorial has it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator

import pytest

from support.clean_root import ENVIRONMENT, CleanRoot
from support.products import BACKUP_AND_RESTORE, VERSION_LINE, product

# As old as the C library may be: that of RHEL 9 and Ubuntu 22.04.
OLDEST_C_LIBRARY = (2, 34)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    with CleanRoot(tmp_path_factory.mktemp("machine")) as root:
        copied = root.copy_in(product("vinculum-*-linux-*"), "/root")
        root.shell(
            f"cd; mv {copied} borg-linux64; chmod 644 borg-linux64\n"
            "cp borg-linux64 /usr/local/bin/borg; chown root:root /usr/local/bin/borg; chmod 755 /usr/local/bin/borg"
        )
        yield root


def test_version(machine: CleanRoot) -> None:
    assert machine.run("sh", "-c", "command -v python3", code=127) == ""
    assert machine.run("borg", "--version") == VERSION_LINE
    assert machine.run("borg", "--version", PYTHONHOME="/nowhere", PYTHONPATH="/nowhere", LANG="C") == VERSION_LINE


def test_backup_and_restore(machine: CleanRoot) -> None:
    assert machine.shell(BACKUP_AND_RESTORE, BORG="borg", PLACE="/place").endswith("restored\n")


def test_serves_and_goes_through_a_shell_as_through_ssh(machine: CleanRoot) -> None:
    machine.shell("printf '#!/bin/sh\\nshift\\nexec \"$@\"\\n' > /usr/local/bin/near; chmod 755 /usr/local/bin/near")
    script = BACKUP_AND_RESTORE.replace("repository", "ssh://host$PLACE/repository").replace("../ssh", "ssh")
    assert machine.shell(script, BORG="borg --rsh near", PLACE="/far").endswith("restored\n")


def test_borgfs_is_the_same_file(machine: CleanRoot) -> None:
    machine.run("ln", "-sf", "borg", "/usr/local/bin/borgfs")
    machine.run("ln", "-sf", "borg", "/usr/local/bin/vinculum")
    assert "MOUNTPOINT" in machine.run("borgfs", "--help")
    assert machine.run("vinculum", "--version").startswith("vinculum ")


def test_help_is_inside(machine: CleanRoot) -> None:
    assert "--exclude" in machine.run("borg", "help", "patterns")
    assert "complete " in machine.run("borg", "--completion", "bash")


@pytest.mark.parametrize("name", ["mount", "key export --qr-html", "export-tar", "import-tar", "debug info", "benchmark crud"])
def test_all_kinds_of_commands_find_their_modules(name: str, machine: CleanRoot) -> None:
    assert "usage" in machine.run("borg", *name.split(), "--help").lower()


def test_more_than_the_quick_path_works(machine: CleanRoot) -> None:
    machine.shell(
        """
        rm -rf /more; mkdir /more; cd /more
        borg init -e keyfile-blake2 r 2>/dev/null
        borg --debug-profile profile create --compression zstd --json r::a /etc/passwd | grep -q '"archive"'
        borg export-tar r::a - | tar -t | grep -q etc/passwd
        borg list --json-lines r::a | grep -q '"path": "etc/passwd"'
        borg key export --qr-html r page.html; grep -q '<svg' page.html
        borg key export --paper r paper; grep -q BORG paper
        borg prune --keep-last 1 --list r; borg compact r; borg info --json r >/dev/null
        borg debug info >/dev/null; borg recreate --recompress -C lzma r; borg delete r::a
        test -s profile
        """
    )


def test_a_passphrase_is_typed_unseen(machine: CleanRoot) -> None:
    machine.shell("rm -rf /typed; borg init -e repokey /typed 2>/dev/null")
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "BORG_PASSPHRASE"}
    child, terminal = pty.fork()
    if child == 0:
        os.chroot(machine.path)
        os.chdir("/")
        os.execve("/usr/local/bin/borg", ["borg", "list", "/typed"], environment)
    seen = b""
    while not seen.endswith(b": "):
        seen += os.read(terminal, 1024)
    os.write(terminal, b"test\n")
    try:
        while more := os.read(terminal, 1024):
            seen += more
    except OSError:  # the other end is gone
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, seen
    assert b"test" not in seen
    assert b"Warning" not in seen


def test_it_needs_the_c_library_and_no_newer_one_than_said() -> None:
    executable = product("vinculum-*-linux-*")
    dynamic = subprocess.run(["readelf", "-d", executable], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
    assert needed <= {"libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}, needed
    symbols = subprocess.run(["objdump", "-T", executable], capture_output=True, text=True, check=True).stdout
    versions = {(int(major), int(minor)) for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", symbols)}
    assert max(versions) <= OLDEST_C_LIBRARY


def test_nothing_is_unpacked(machine: CleanRoot) -> None:
    """It starts from a read-only system without a /tmp as well."""
    machine.run("chmod", "000", "/tmp")
    try:
        assert (
            machine.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "borg", "--version", HOME="/nonexistent")
            == VERSION_LINE
        )
    finally:
        machine.run("chmod", "1777", "/tmp")
