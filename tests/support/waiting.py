"""Waiting for what other processes do: looking again and again, for so long and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_EVERY_S = 0.02


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    """Waits until something is so; `what` says what, for whoever reads that it was waited for in vain."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(LOOK_EVERY_S)
