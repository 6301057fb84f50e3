"""Ctrl-C as a wish, not a blow: a backup that is asked to stop saves a checkpoint first."""

from __future__ import annotations

import signal
from contextlib import contextmanager

from vinculum.cli import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


@contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """Within the block the first SIGINT is only noted (the yielded function tells), a second one interrupts as usual."""
    requested = False

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal requested
        requested = True
        signal.signal(signal.SIGINT, signals.end)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: requested
    finally:
        if not signals.are_ignored():
            signal.signal(signal.SIGINT, before)
