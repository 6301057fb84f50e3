"""The child process through which a server is reached, and its three pipes, none of which ever blocks.

Only moves bytes, of which a pump has some under way in either direction whatever happens here meanwhile. The
child gets no interrupts from the terminal: after Ctrl-C it is still needed to end things properly.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time

from vinculum._native import Pump
from vinculum.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vinculum._native import Blob, Bytes

# How much may be under way to and from the pump: what a fast link takes while a batch of content is made or used up.
SEND_BYTES = 16 << 20
RECEIVE_BYTES = 32 << 20
_MESSAGES_BYTES = 1 << 16
_PIPE_BYTES = 1 << 20
_SHORT_S = 0.01
# What the system tells of a pipe that can be read, be it to its end.
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class Ready:
    """What can be done now without waiting."""

    __slots__ = ("stderr", "stdin", "stdout")

    def __init__(self, *, stdin: bool, stdout: bool, stderr: bool) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr


class Transport:
    """A started child. Confined to one thread."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        send_bytes: int = SEND_BYTES,
        receive_bytes: int = RECEIVE_BYTES,
    ) -> None:
        """Starts it. Error if it cannot be started. So many bytes may be under way to it and from it here."""
        try:
            self._process = _start(command, environment)
        except OSError as error:
            raise _unreachable(command, error) from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stderr: int | None = self._process.stderr.fileno()
        try:
            with self._process.stdin as to_child, self._process.stdout as from_child:
                for pipe in (to_child, from_child, self._process.stderr):
                    os.set_blocking(pipe.fileno(), False)
                for pipe in (to_child, from_child):
                    _widen(pipe.fileno())
                self._pump = Pump(to_child.fileno(), from_child.fileno(), send_bytes, receive_bytes)
        except OSError as error:  # no more descriptors, or no more threads
            self._process.stderr.close()
            self._end_process()
            raise _unreachable(command, error) from None
        self._has_ended = False

    def wait(self, *, to_write: bool, timeout_s: float | None) -> Ready:
        """Waits until something was received (or, if wanted, something can be sent), or the time is over."""
        ready = self._look(to_write=to_write)
        poll = select.poll()
        poll.register(self._pump, select.POLLIN)
        if self._stderr is not None:
            poll.register(self._stderr, select.POLLIN)
        if ready.stdin or ready.stdout:
            timeout_s = 0
        events = dict(poll.poll(None if timeout_s is None else int(timeout_s * 1000) + bool(timeout_s)))
        if events.get(self._pump.fileno()):
            ready = self._look(to_write=to_write)
        ready.stderr = self._stderr is not None and bool(events.get(self._stderr, 0) & _READABLE)
        return ready

    @property
    def descriptors(self) -> list[int]:
        """What can be read once `wait` would find something."""
        return [self._pump.fileno()] if self._stderr is None else [self._pump.fileno(), self._stderr]

    def _look(self, *, to_write: bool) -> Ready:
        can_send, can_receive = self._pump.ready()
        return Ready(stdin=to_write and can_send, stdout=can_receive and not self._has_ended, stderr=False)

    def write(self, buffers: list[Blob]) -> int:
        """Sends as much of the buffers as goes without waiting; returns how many bytes that were. BrokenPipeError."""
        return self._pump.send(buffers)

    @property
    def unsent_bytes(self) -> int:
        """How much of what was written is still here."""
        return self._pump.unsent_bytes()

    def read(self) -> Bytes | None:
        """What came on stdout; empty at its end, None if nothing is there yet."""
        data = self._pump.receive()
        self._has_ended = data is not None and not len(data)
        return data

    def read_messages(self) -> bytes | None:
        """The same of stderr."""
        if self._stderr is None:
            return b""
        try:
            data = os.read(self._stderr, _MESSAGES_BYTES)
        except BlockingIOError:
            return None
        if not data:
            self._stderr = None
        return data

    def stop_writing(self) -> None:
        """Tells the child that nothing more will come; what it was not told yet is forgotten."""
        self._pump.stop_sending()

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
        self._end_process()
        self._pump.stop()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._stderr = None

    def _end_process(self) -> None:
        if self.exit_code is None:
            self._process.terminate()
            if self.await_exit(1) is None:
                self._process.kill()
        self._process.wait()


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The child, which inherits that there are no interrupts. (With threads, no function run in it before exec would be safe.)

    Only the main thread may have them ignored. In others they are blocked, and stay so for the child. That makes a difference
    only while ssh asks for a password at the terminal: there, Ctrl-C does not end the question.
    """
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return _popen(command, environment)
        finally:
            signal.signal(signal.SIGINT, before)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        return _popen(command, environment)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _popen(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
    )


def _unreachable(command: Sequence[str], error: OSError) -> Error:
    return Error(f"cannot start {command[0]!r} to reach the server: {error.strerror}")


def _widen(fd: int) -> None:
    """Gives a pipe a buffer large enough for one side to work while the other does something else."""
    import fcntl

    try:
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (AttributeError, OSError):
        pass  # not here, or no more of that for this user
