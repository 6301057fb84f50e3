"""The Debian packages on a fresh Debian: alone, in place of borgbackup, and one of them beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clean_root import CleanRoot
from support.products import BACKUP_AND_RESTORE, VERSION_LINE, product
from vinculum import __version__


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[CleanRoot]:
    with CleanRoot(tmp_path) as root:
        # Such small systems leave out what is documentation.
        for path in (root.path / "etc/dpkg/dpkg.cfg.d").glob("*"):
            path.unlink()
        for pattern in ("vinculum_*.deb", "vinculum-borg_*.deb"):
            root.copy_in(product(pattern), "/packages")
        yield root


def test_they_make_vinculum_the_borg_of_a_machine(machine: CleanRoot) -> None:
    machine.shell(
        "apt-get update -qq; apt-get install -qq -y --no-install-recommends /packages/*.deb man-db bash-completion zsh fish"
    )
    assert machine.run("borg", "--version") == VERSION_LINE
    assert machine.run("vinculum", "--version").startswith(f"vinculum {__version__} ")
    assert "MOUNTPOINT" in machine.run("borgfs", "--help")
    assert machine.shell(BACKUP_AND_RESTORE, BORG="borg", PLACE="/place").endswith("restored\n")
    machine.shell("cd /place; borg key export --qr-html repository page; grep -q '<svg' page", BORG_BASE_DIR="/place/home")
    for page in ("borg", "borg-create", "borg-patterns", "borgfs", "vinculum", "vinculum-create"):
        assert page.split("-")[-1] in machine.run("man", "--pager=cat", page, MANWIDTH="100").lower(), page
    ask = "source /usr/share/bash-completion/bash_completion; _completion_loader borg; complete -p borg"
    assert "_vinculum_borg" in machine.run("bash", "-c", ask)
    assert "recreate" in machine.run("fish", "-c", "complete -C 'borg recre'")
    zsh = "autoload -Uz compinit; compinit -u; print ${_comps[borg]} ${_comps[vinculum]}"
    assert machine.run("zsh", "-c", zsh).split() == ["_borg", "_borg"]
    machine.run("apt-get", "purge", "-qq", "-y", "vinculum", "vinculum-borg")
    left = machine.run("sh", "-c", "find /usr /etc /var/lib/dpkg/info -name '*vinculum*' -o -path '*/bin/borg*'")
    assert left == ""


def test_the_program_stands_beside_a_real_borg(machine: CleanRoot) -> None:
    machine.shell("apt-get update -qq; apt-get install -qq -y --no-install-recommends borgbackup /packages/vinculum_*.deb")
    assert machine.run("borg", "--version") == "borg 1.2.4\n"
    assert machine.run("vinculum", "--version").startswith(f"vinculum {__version__} ")
    assert machine.shell(BACKUP_AND_RESTORE, BORG="vinculum", PLACE="/place").endswith("restored\n")
    turns = "cd /place; borg create repository::third files; vinculum list --short repository; borg check repository"
    assert machine.shell(turns, BORG_BASE_DIR="/place/home") == "first\nsecond\nthird\n"
    # The other package takes the place of the real one, which can have it back.
    machine.shell("apt-get install -qq -y --no-install-recommends /packages/vinculum-borg_*.deb")
    assert machine.run("borg", "--version") == VERSION_LINE
    machine.run("dpkg", "--status", "borgbackup", code=1)
    machine.run("apt-get", "install", "-qq", "-y", "--no-install-recommends", "borgbackup")
    assert machine.run("borg", "--version") == "borg 1.2.4\n"
    assert machine.run("vinculum", "--version").startswith(f"vinculum {__version__} ")
