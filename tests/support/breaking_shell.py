"""For BORG_RSH: reaches the server through another shell, and hangs up after so many messages of one side.

    breaking_shell.py SIDE MESSAGES SHELL... HOST COMMAND...

SIDE is `client` or `server`. Says in the file named by VINCULUM_TEST_BROKEN how many messages of that side it passed on, and
whether it hung up: an injected fault must be seen to have happened.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from vinculum.remote.framing import MAX_REPLY_ARRAY, MessageSplitter


class Counted:
    """Passes bytes on until that many messages have gone by; says so before the last of them is whole at the other side."""

    def __init__(self, source: int, target: int, most: int, end: Callable[[], object] = lambda: None) -> None:
        self._source = source
        self._target = target
        self._most = most
        self._end = end
        self._splitter = MessageSplitter(max_array=MAX_REPLY_ARRAY)
        self.passed = 0

    def run(self) -> None:
        """Byte by byte, so that nothing of the next message gets through."""
        while self.passed < self._most and (byte := os.read(self._source, 1)):
            self.passed += len(list(self._splitter.feed(byte)))
            if self.passed == self._most:
                self._end()
            os.write(self._target, byte)


def pass_on(source: int, target: BinaryIO) -> None:
    """Until either side has gone; tells the other one."""
    while data := os.read(source, 1 << 16):
        try:
            os.write(target.fileno(), data)
        except (OSError, ValueError):
            break
    target.close()


def main() -> int:
    """Returns when the server is gone."""
    side, most = sys.argv[1], int(sys.argv[2])
    server = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    client = os.fdopen(1, "wb", buffering=0)
    if side == "client":
        nowhere = os.open(os.devnull, os.O_WRONLY)
        # However fast the server is, it must not be able to answer the last message.
        counted = Counted(0, server.stdin.fileno(), most, lambda: os.dup2(nowhere, client.fileno()))
        other = threading.Thread(target=pass_on, args=(server.stdout.fileno(), client), daemon=True)
    else:
        counted = Counted(server.stdout.fileno(), 1, most)
        other = threading.Thread(target=pass_on, args=(0, server.stdin), daemon=True)
    other.start()
    try:
        counted.run()
    except BrokenPipeError:
        pass  # one of them has gone
    hangs_up = counted.passed == most
    if side == "server":
        client.close()
    server.stdin.close()
    server.wait()
    if not hangs_up:
        other.join()
    told = Path(os.environ["VINCULUM_TEST_BROKEN"])
    written = told.with_suffix(".new")
    written.write_text(f"{counted.passed} {int(hangs_up)}")
    written.rename(told)
    return 255 if hangs_up else server.returncode


if __name__ == "__main__":
    sys.exit(main())
