"""A program whose stderr, and whose user, are at a terminal of their own: what is shown there is more than what files get."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

from support.programs import Program

ROWS, COLUMNS = 24, 120
LONGEST_RUN_S = 120


def at_terminal(
    program: Program, *args: str | bytes | Path, typed: tuple[str, ...] = (), code: int | None = 0, **environment: str
) -> str:
    """What the terminal shows in the end; `typed` are answers to its questions (which end with ": "). Stdout goes elsewhere."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
    command = ["setsid", "--ctty", "--wait", *program.call, *map(os.fsdecode, args)]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=program.cwd,
        env={**program.environment, **environment},
    )
    os.close(theirs)
    shown, answers = b"", list(typed)
    deadline = time.monotonic() + LONGEST_RUN_S
    try:
        while news := _read(ours, deadline):
            shown += news
            if answers and shown.endswith(b": "):
                os.write(ours, f"{answers.pop(0)}\n".encode())
    finally:
        os.close(ours)
        process.kill() if time.monotonic() > deadline else process.wait()
    text = shown.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    assert code is None or process.returncode == code, f"{command} ended with {process.returncode}:\n{text}"
    assert not answers, f"nobody asked for {answers}:\n{text}"
    return "\n".join(_last_written(line) for line in text.splitlines())


def _read(terminal: int, deadline: float) -> bytes:
    """Nothing when all who could write have gone."""
    readable = select.poll()  # unlike select, it takes descriptors beyond 1023
    readable.register(terminal, select.POLLIN)
    while not readable.poll(1000):
        assert time.monotonic() < deadline, "it does not end"
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def _last_written(line: str) -> str:
    """What stays of a line that was written over."""
    place: list[str] = []
    for piece in line.split("\r"):
        place[: len(piece)] = piece
    return "".join(place).rstrip()
