"""For BORG_RSH: runs the server's command right here, and hangs up after so many messages of the client.

    breaking_shell.py MESSAGES HOST COMMAND...

Writes to the file named by VINCULUM_TEST_BROKEN once it did so: an injected fault must be seen to have happened.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from vinculum.remote.framing import MessageSplitter


def main() -> int:
    """Returns when the server is gone."""
    left = int(sys.argv[1])
    server = subprocess.Popen(["sh", "-c", " ".join(sys.argv[3:])], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    answers = threading.Thread(target=pass_on_answers, args=(server.stdout.fileno(),), daemon=True)
    answers.start()
    splitter = MessageSplitter(max_array=100)
    # Byte by byte, so that nothing of the next message gets through.
    while left and (byte := os.read(0, 1)):
        os.write(server.stdin.fileno(), byte)
        left -= len(list(splitter.feed(byte)))
    if not left:
        Path(os.environ["VINCULUM_TEST_BROKEN"]).touch()
        os.close(1)
    server.stdin.close()
    server.wait()
    return 255


def pass_on_answers(fd: int) -> None:
    """Until either side has gone."""
    while data := os.read(fd, 1 << 16):
        try:
            os.write(1, data)
        except OSError:
            pass


if __name__ == "__main__":
    sys.exit(main())
