"""Obtains the programs to compare with, from the package registries, once, into build/rivals: compiled gently, one at a time.

A program that cannot be had leaves its reason in a file there, which the report shows; whoever deletes the file has it tried
again. The two Borgs 1.x are not our business: `make build` and `make oracles` provide them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from paired import PROGRAMS, PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

RIVALS = PROJECT / "build/rivals"
# Newest first; which of them compiles depends on the OpenSSL that the system has.
BORG2_VERSIONS = ("2.0.0b25", "2.0.0b24", "2.0.0b23")
# Without what plays no part in a backup to a local directory and doubles the time to compile.
RUSTIC_OPTIONS = ("--no-default-features", "--locked")


class Unavailable(Exception):
    """Why a program cannot be had."""


class Source(NamedTuple):
    """One way to get a program: `install` leaves it in the directory that it is given, or raises Unavailable."""

    name: str
    executable: str
    install: Callable[[Path], None]


def obtain(program: str) -> Path:
    """The executable, installed if it is not there yet; Unavailable with the reason if it cannot be had."""
    if program in PROGRAMS:
        return PROGRAMS[program]
    refusal = RIVALS / f"{program}.unavailable"
    sources = SOURCES[program]
    for source in sources:
        executable = RIVALS / source.name / source.executable
        if executable.exists():
            return executable
    if refusal.exists():
        raise Unavailable(refusal.read_text())
    reasons = []
    for source in sources:
        try:
            _install(source)
        except Unavailable as reason:
            reasons.append(str(reason))
        else:
            (RIVALS / f"{program}.note").write_text("; ".join(reasons))
            return RIVALS / source.name / source.executable
    refusal.write_text("; ".join(reasons))
    raise Unavailable("; ".join(reasons))


def shortcomings(program: str) -> str:
    """Why it is not the version that we wanted; empty if it is."""
    note = RIVALS / f"{program}.note"
    return note.read_text() if note.exists() else ""


def version(program: str, executable: Path) -> str:
    command = [executable, "version" if program == "restic" else "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return shown.strip().splitlines()[0]


def _install(source: Source) -> None:
    """Installed is what is complete: what an interrupted run left is removed first."""
    home = RIVALS / source.name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    print(f"Installing {source.name}; this happens once and may take long", file=sys.stderr, flush=True)
    try:
        source.install(home)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise


def _do(what: str, *command: str | Path, cwd: Path | None = None, **settings: str) -> None:
    """Runs one step at the lowest priority; what it says last is the reason if it fails."""
    if shutil.which(str(command[0])) is None:
        raise Unavailable(f"{what}: {command[0]} is not installed")
    done = subprocess.run(
        ["nice", "-n", "19", *command],
        check=False,
        cwd=cwd,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise Unavailable(f"{what}: {reason_in(done.stdout)}")


def reason_in(output: str) -> str:
    """The line of a failed installation's output that says most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for sign in ("Exception:", "403 Forbidden", "404 Not Found", "error:", "ERROR:"):
        for line in lines:
            if sign in line:
                return re.sub(r"reading https?://\S+ ", "", line.removeprefix("go: "))
    return lines[-1] if lines else "it failed without a word"


def _from_pypi(version_wanted: str) -> Callable[[Path], None]:
    def install(home: Path) -> None:
        _do(version_wanted, sys.executable, "-m", "venv", home)
        _do(version_wanted, home / "bin/pip", "install", f"borgbackup=={version_wanted}")

    return install


def _from_go(module: str) -> Callable[[Path], None]:
    def install(home: Path) -> None:
        _do("Go module proxy", "go", "install", f"{module}@latest", GOBIN=str(home), GOFLAGS="-p=1")

    return install


def _from_crates(crate: str, *options: str) -> Callable[[Path], None]:
    def install(home: Path) -> None:
        with tempfile.TemporaryDirectory(dir=RIVALS) as target:
            _do("crates.io", "cargo", "install", crate, *options, "-j1", "--root", home, "--target-dir", target)

    return install


def _from_debian(package: str) -> Callable[[Path], None]:
    """The distribution's package, unpacked instead of installed."""

    def install(home: Path) -> None:
        _do("Debian", "apt-get", "download", package, cwd=home)
        (archive,) = home.glob("*.deb")
        _do("Debian", "dpkg-deb", "--extract", archive, home)
        archive.unlink()

    return install


SOURCES = {
    "borg2": [Source(f"borg-{wanted}", "bin/borg", _from_pypi(wanted)) for wanted in BORG2_VERSIONS],
    "restic": [
        Source("restic", "restic", _from_go("github.com/restic/restic/cmd/restic")),
        Source("restic-debian", "usr/bin/restic", _from_debian("restic")),
    ],
    "rustic": [Source("rustic", "bin/rustic", _from_crates("rustic-rs", *RUSTIC_OPTIONS))],
    "kopia": [Source("kopia", "kopia", _from_go("github.com/kopia/kopia"))],
}
