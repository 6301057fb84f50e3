"""Children through which servers are reached: started by any thread, and not left behind where that fails."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from support.few_descriptors import few_descriptors
from vinculum.errors import Error
from vinculum.remote.transport import Transport

ENVIRONMENT = {"PATH": os.environ["PATH"]}
MANY = 200
"""More than a child takes, while it is started."""


def said_by(*command: str) -> bytes:
    """What a child writes to stdout until it ends."""
    transport = Transport(command, ENVIRONMENT)
    said = b""
    try:
        while True:
            if transport.wait(to_write=False, timeout_s=60).stdout and (data := transport.read()) is not None:
                if not len(data):
                    return said
                said += bytes(data)
    finally:
        transport.close()


@pytest.mark.parametrize("where", ["in the main thread", "in another one"])
def test_children_get_no_interrupts(where: str) -> None:
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    said: list[bytes] = []

    def work() -> None:
        said.append(said_by("sh", "-c", "kill -INT $$; echo alive"))
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    if where == "in the main thread":
        work()
    else:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert said == [b"alive\n"]
    assert before == (signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ()))


@pytest.mark.parametrize("count", [*range(16), MANY])
def test_no_child_is_left_where_there_are_no_descriptors_for_it(count: int, tmp_path: Path) -> None:
    spoken = tmp_path / "pid"
    try:
        with few_descriptors(count):
            transport = Transport(["sh", "-c", f"echo $$ > {spoken}; exec cat"], ENVIRONMENT)
    except Error as error:
        assert count < MANY
        assert "Too many open files" in str(error)  # noqa: PT017 (for some counts only)
    else:
        transport.close()
    if spoken.exists() and (pid := spoken.read_text()):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
