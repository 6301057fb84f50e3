"""Signals that end a command become an exception, so that everything that was opened gets closed on the way out.

SIGUSR1 (and SIGINFO, where there is one) only asks how far the work is.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_TEXTS = {signal.SIGTERM: "Received SIGTERM", signal.SIGHUP: "Received SIGHUP."}


class Terminated(BaseException):
    """A signal asks us to end. Not an `Exception`, since nothing but the very top may deal with it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def text(self) -> str:
        return _TEXTS[signal.Signals(self.number)]

    @property
    def msgid(self) -> str:
        return f"Signal.{signal.Signals(self.number).name}"


def _raise(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    # A second one must not interrupt the cleaning up after the first.
    signal.signal(number, signal.SIG_IGN)
    raise Terminated(number)


def install(tell_progress: Callable[[], None]) -> None:
    """From now on SIGTERM and SIGHUP raise `Terminated` in the main thread; an ignored SIGHUP (nohup) stays ignored.

    SIGUSR1 and SIGINFO call `tell_progress`, between two statements of the program.
    """
    signal.signal(signal.SIGTERM, _raise)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _raise)
    for name in ("SIGUSR1", "SIGINFO"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda _number, _frame: tell_progress())
