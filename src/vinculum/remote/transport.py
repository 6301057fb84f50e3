"""The child process through which a server is reached, and its three pipes, none of which ever blocks.

Only moves bytes. The child gets no interrupts from the terminal: after Ctrl-C it is still needed to end things properly.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from vinculum.errors import Error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vinculum._native import Blob

READ_BYTES = 1 << 20
_PIPE_BYTES = 1 << 20
_SHORT_S = 0.01
# What the system tells of a pipe whose other end is gone, or that can be read to its end.
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE = select.POLLOUT | select.POLLHUP | select.POLLERR


class Ready:
    """What can be done now without waiting."""

    __slots__ = ("stderr", "stdin", "stdout")

    def __init__(self, *, stdin: bool, stdout: bool, stderr: bool) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr


class Transport:
    """A started child. Confined to one thread."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it. Error if there is no such program."""
        # The child inherits that interrupts are ignored. (A function run in it before exec would not be safe, with threads.)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
            )
        except OSError as error:
            raise Error(f"cannot start {command[0]!r} to reach the server: {error.strerror}") from None
        finally:
            signal.signal(signal.SIGINT, before)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        self._stderr = self._process.stderr.fileno()
        for fd in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(fd, False)
        for fd in (self._stdin, self._stdout):
            _widen(fd)
        self._open = {self._stdin, self._stdout, self._stderr}

    def wait(self, *, to_write: bool, timeout_s: float | None) -> Ready:
        """Waits until something was received (or, if wanted, something can be sent), or the time is over."""
        poll = select.poll()
        for fd in self._open - {self._stdin}:
            poll.register(fd, select.POLLIN)
        if to_write and self._stdin in self._open:
            poll.register(self._stdin, select.POLLOUT)
        events = dict(poll.poll(None if timeout_s is None else int(timeout_s * 1000) + 1))
        return Ready(
            stdin=bool(events.get(self._stdin, 0) & _WRITABLE),
            stdout=bool(events.get(self._stdout, 0) & _READABLE),
            stderr=bool(events.get(self._stderr, 0) & _READABLE),
        )

    def write(self, buffers: Sequence[Blob | memoryview]) -> int:
        """Sends as much of the buffers as goes without waiting; returns how many bytes that were. BrokenPipeError."""
        try:
            return os.writev(self._stdin, buffers)
        except BlockingIOError:
            return 0

    def read(self) -> bytes | None:
        """What came on stdout; empty at its end, None if nothing is there yet."""
        return self._read(self._stdout)

    def read_messages(self) -> bytes | None:
        """The same of stderr."""
        return self._read(self._stderr)

    def _read(self, fd: int) -> bytes | None:
        if fd not in self._open:
            return b""
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return None
        if not data:
            self._open.discard(fd)
        return data

    def stop_writing(self) -> None:
        """Tells the child that nothing more will come."""
        if self._stdin in self._open:
            self._open.discard(self._stdin)
            assert self._process.stdin is not None
            self._process.stdin.close()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def await_exit(self, timeout_s: float) -> int | None:
        """Its exit code, None if it is still running after that time."""
        deadline = time.monotonic() + timeout_s
        delay = 0.001
        while self.exit_code is None and time.monotonic() < deadline:
            time.sleep(delay)
            delay = min(2 * delay, _SHORT_S)
        return self.exit_code

    def close(self) -> None:
        """Ends the child, one way or the other, and closes the pipes."""
        self.stop_writing()
        if self.exit_code is None:
            self._process.terminate()
            if self.await_exit(1) is None:
                self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        self._open.clear()


def _widen(fd: int) -> None:
    """Gives a pipe a buffer large enough for one side to work while the other does something else."""
    import fcntl

    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (AttributeError, OSError):
        pass  # not here, or no more of that for this user
