"""A command that goes on in the background once it has done what somebody waits for.

The process that the user started stays in the foreground and waits for the one that works, which reports and asks on the same
terminal, and holds its locks under its own name from the beginning. It forks before there are threads or anything is open.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CODE_BYTES = 1


class Background:
    """The working process's end of the bargain."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def leave_terminal(self, code: int) -> None:
        """Lets the foreground end with this exit code. What is said from now on, nobody hears."""
        sys.stdout.flush()
        sys.stderr.flush()
        os.setsid()
        os.chdir("/")  # so that no directory is in use because of us
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        os.close(nowhere)
        os.write(self._pipe, bytes((code,)))
        os.close(self._pipe)


def fork() -> tuple[Background | None, int]:
    """In the process that is to work its `Background`; in the one that the user started None, and in the end the exit code.

    If the working process ends without leaving the terminal, the other does so, too, on the spot and with the same code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    receiver, sender = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(receiver)
        return Background(sender), 0
    os.close(sender)
    return None, _wait(worker, receiver)


def _wait(worker: int, receiver: int) -> int:
    def pass_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        os.kill(worker, number)

    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    code = os.read(receiver, _CODE_BYTES)
    if code:
        return code[0]
    _, status = os.waitpid(worker, 0)
    ended = os.waitstatus_to_exitcode(status)
    # It has said everything, the exit code included if that was asked for.
    os._exit(ended if ended >= 0 else 128 - ended)
