"""A shell at a terminal, with somebody who types: for what only happens there, such as completing words."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

LONGEST_WAIT_S = 60


class Shell:
    """Interactive, without anybody's settings, until `close`. Its home is where it begins."""

    def __init__(self, command: list[str], place: Path) -> None:
        self._terminal, theirs = pty.openpty()
        environment = {"HOME": str(place), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm"}
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=place, env=environment
        )
        os.close(theirs)
        self._shown = b""

    def type(self, keys: str) -> None:
        """These keys, one after the other; a line ends with a newline."""
        os.write(self._terminal, keys.encode())

    def wait_for(self, text: str) -> None:
        """Until the terminal has shown that, since this was asked for last. AssertionError if it takes too long."""
        deadline = time.monotonic() + LONGEST_WAIT_S
        readable = select.poll()
        readable.register(self._terminal, select.POLLIN)
        while text.encode() not in self._shown:
            assert time.monotonic() < deadline, f"waited in vain for {text!r}:\n{self._shown.decode(errors='replace')}"
            if readable.poll(1000):
                self._shown += os.read(self._terminal, 65536)
        self._shown = self._shown.partition(text.encode())[2]

    def close(self) -> None:
        self.type("\x04")
        os.close(self._terminal)
        self._process.kill()
        self._process.wait()
