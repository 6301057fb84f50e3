"""The file system as whoever feeds it sees it."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from vinculum._native import Appearance, FileSystem


class Signalled(Exception):
    """What the handler raises."""


def test_a_signal_that_interrupts_no_call_ends_the_waiting() -> None:
    """Such as one that comes just before the call; here another thread gets it, which is the same to the one that waits."""

    def raise_signalled(*_: object) -> None:
        raise Signalled

    def strike() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    files = FileSystem.of_archives(Appearance(default_owner=(0, 0)), 0, [(b"archive", 0)], 1 << 20, False)
    before = signal.signal(signal.SIGUSR1, raise_signalled)
    striker = threading.Thread(target=strike)
    try:
        striker.start()
        with pytest.raises(Signalled):
            files.wait()
    finally:
        striker.join()
        signal.signal(signal.SIGUSR1, before)
