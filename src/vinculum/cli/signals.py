"""Signals that end a command become an exception, so that everything that was opened gets closed on the way out.

There is one such exception in the life of a command: whatever signals follow, nothing interrupts the closing. Where that one is
lost, which is what Python does to all that leaves a destructor, it is raised once more.

SIGUSR1 (and SIGINFO, where there is one) only asks how far the work is.
"""

from __future__ import annotations

import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Unraisable = sys.UnraisableHookArgs

_TEXTS = {signal.SIGTERM: "Received SIGTERM", signal.SIGHUP: "Received SIGHUP."}
_ENDING = (signal.SIGINT, *_TEXTS)
_AGAIN = signal.SIGALRM
_AGAIN_AFTER_S = 0.01


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


def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """A handler: raises what ends the command."""
    ignore()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(number)


def ignore() -> None:
    """From now on no signal ends the command (but SIGKILL and SIGQUIT do, of course)."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (*_ENDING, _AGAIN):
        # SIG_IGN would make Python complain of a signal that has come already, and whose handler is gone.
        signal.signal(number, _take_no_notice)


def ignore_for_good() -> None:
    """The same when all handlers have run and the exit code is known: it stays so while Python cleans up without handlers."""
    for number in (*_ENDING, _AGAIN):
        signal.signal(number, signal.SIG_IGN)


def are_ignored() -> bool:
    """Whether the command is being ended."""
    return signal.getsignal(signal.SIGINT) is _take_no_notice


def _take_no_notice(number: int, frame: FrameType | None) -> None:
    pass


def _strike_again(lost: Unraisable) -> None:
    """Python's hook for exceptions that nobody gets: ours is raised once more, a moment later. It may be lost again then.

    Not here and now: where this hook is called from, nothing can be raised.
    """
    error = lost.exc_value
    if not isinstance(error, KeyboardInterrupt | Terminated):
        sys.__unraisablehook__(lost)
        return
    signal.signal(_AGAIN, lambda _, frame: end(getattr(error, "number", signal.SIGINT), frame))
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER_S)


def install(tell_progress: Callable[[], None]) -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise an exception in the main thread; what was ignored (nohup) stays ignored.

    SIGUSR1 and SIGINFO call `tell_progress`, between two statements of the program.
    """
    for number in _ENDING:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    sys.unraisablehook = _strike_again
    for name in ("SIGUSR1", "SIGINFO"):
        asking = getattr(signal, name, None)
        if asking is not None:
            signal.signal(asking, lambda _number, _frame: tell_progress())
