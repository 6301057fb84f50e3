"""Running programs the way a user does: ours and the real Borgs, in an environment that holds nothing but what a test chose.

A `Program` remembers how to call one of them; every call says which exit code it expects, so that no test can overlook a
failure. Output stays bytes, because file names are.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Self

PROJECT = Path(__file__).resolve().parents[2]
ORACLES = PROJECT / "build" / "oracles"
PASSPHRASE = "test"

WITHOUT_A_SCRIPT = "import sys; sys.argv[0] = 'borg'; from vinculum.cli.main import run; run()"


class Completed(NamedTuple):
    """One finished call."""

    command: list[str]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def err(self) -> str:
        return self.stderr.decode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        shown = [f"$ {shlex.join(self.command)}", f"exit code {self.code}"]
        for name, text in (("stdout", self.out), ("stderr", self.err)):
            if text:
                shown.append(f"--- {name}\n{text[-4000:]}")
        return "\n".join(shown).encode("utf-8", "backslashreplace").decode()


class Program:
    """A way to call one program; immutable, `with_environment` and `inside` make changed copies."""

    def __init__(self, name: str, call: list[str], environment: dict[str, str], cwd: Path) -> None:
        self.name = name
        self.call = call
        self.environment = environment
        self.cwd = cwd

    def __repr__(self) -> str:
        return self.name

    def with_environment(self, **changes: str | None) -> Self:
        """The same program with variables set, or removed where the value is None."""
        merged: dict[str, str | None] = {**self.environment, **changes}
        return type(self)(self.name, self.call, {key: value for key, value in merged.items() if value is not None}, self.cwd)

    def inside(self, cwd: Path) -> Self:
        """The same program, started in another directory."""
        return type(self)(self.name, self.call, self.environment, cwd)

    def behind(self, *prefix: str) -> Self:
        """The same program, started by another one (`setpriv ...`, `strace ...`)."""
        return type(self)(self.name, [*prefix, *self.call], self.environment, self.cwd)

    def run(
        self, *args: str | bytes | Path, code: int | None = 0, stdin: bytes = b"", timeout_s: float = 120, **environment: str
    ) -> Completed:
        """Runs to the end and returns what came out; AssertionError if the exit code is another than `code` (None: any)."""
        command = [*self.call, *(os.fsdecode(arg) for arg in args)]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            cwd=self.cwd,
            env={**self.environment, **environment},
            timeout=timeout_s,
            check=False,
        )
        completed = Completed(command, done.returncode, done.stdout, done.stderr)
        assert code is None or completed.code == code, f"expected exit code {code}\n{completed}"
        return completed

    def start(self, *args: str | bytes | Path, **environment: str) -> subprocess.Popen[bytes]:
        """Starts it in a process group of its own and returns at once; the caller waits for it or kills it."""
        return subprocess.Popen(
            [*self.call, *(os.fsdecode(arg) for arg in args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.cwd,
            env={**self.environment, **environment},
            start_new_session=True,
        )


def install(program: Program, path: Path) -> None:
    """Makes that program the one at a path, where others find it, whatever their environment is."""
    kept = {name: program.environment[name] for name in ("PYTHONPATH",) if name in program.environment}
    start = shlex.join(["exec", "env", *(f"{name}={value}" for name, value in kept.items()), *program.call])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n{start} "$@"\n')
    path.chmod(0o755)


def client_environment(home: Path) -> dict[str, str]:
    """The environment of a user whose state is all below `home`, with one passphrase, who allows unencrypted repositories."""
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "LD_LIBRARY_PATH", "TMPDIR"}}
    return {
        **kept,
        "HOME": str(home),
        "BORG_BASE_DIR": str(home),
        "BORG_PASSPHRASE": PASSPHRASE,
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        "BORG_DISPLAY_PASSPHRASE": "no",
        "BORG_SELFTEST": "disabled",
        "LANG": "C.UTF-8",
        "TZ": "Europe/Berlin",
    }


def vinculum_program(home: Path, cwd: Path) -> Program:
    """Our program from this source tree: the installed script where there is one, else its main module.

    VINCULUM_TEST_SUBJECT=1.4.5 puts real Borg in its place, which shows whether a test asks for what Borg really does.
    """
    subject = os.environ.get("VINCULUM_TEST_SUBJECT")
    if subject:
        return oracle_program(subject, home, cwd)
    script = Path(sys.executable).parent / "borg"
    call = [str(script)] if script.exists() else [sys.executable, "-c", WITHOUT_A_SCRIPT]
    return Program("vinculum", call, {**client_environment(home), "PYTHONPATH": str(PROJECT / "src")}, cwd)


def oracle_path(version: str, name: str = "borg") -> Path:
    """A file beside the real Borg of that version; AssertionError if the oracles were not made."""
    path = ORACLES / f"borg-{version}" / "bin" / name
    assert path.exists(), f"the real Borg {version} is missing at {path}: run `make oracles`"
    return path


def oracle_program(version: str, home: Path, cwd: Path) -> Program:
    """A real Borg."""
    return Program(f"borg-{version}", [str(oracle_path(version))], client_environment(home), cwd)
