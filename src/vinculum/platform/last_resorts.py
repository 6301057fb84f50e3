"""What is done when a command ends, should it not have been done before.

A signal may raise its exception between any two instructions, also in those that take something or give it back: no `finally`
covers its own first instruction. Nothing raises once that exception has been dealt with, so then is the time to look again.
"""

from __future__ import annotations

import gc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_pending: dict[object, Callable[[], None]] = {}


def arrange(owner: object, action: Callable[[], None]) -> None:
    """Has this done at the end. To be called before what it undoes is begun."""
    _pending[owner] = action


def cancel(owner: object) -> None:
    """It need not be done any more. To be called when all is undone."""
    _pending.pop(owner, None)


def run() -> None:
    """Does what is left to do, the latest first."""
    if _pending:
        gc.collect()  # what was left behind half closed may close itself
    while _pending:
        _, action = _pending.popitem()
        action()
