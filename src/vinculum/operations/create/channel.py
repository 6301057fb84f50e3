"""Channels between the threads of a backup.

A signal may raise an exception in the main thread between any two statements, of the standard library too: it might end a
`Condition.wait` that has got its lock, which nobody would give back then. So all that is shared here are queues of C, which
such an exception leaves whole.
"""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Cancelled(BaseException):
    """Somebody else failed, or the user has had enough: this thread is to end."""


class _End:
    """The last thing in a channel."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Channel(Generic[T]):
    """What one thread hands to one other, in order. The receiver is done with a thing when it asks for the next one."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._things: SimpleQueue[T | _End] = SimpleQueue()
        self._permits: SimpleQueue[None] = SimpleQueue()  # one for each thing that there is room for
        self._give_permits(capacity)
        self._is_cancelled = False

    def put(self, thing: T) -> None:
        """Waits for room. Raises Cancelled once nothing will be taken any more."""
        self._take_permits(1)
        self._things.put(thing)

    def check(self) -> None:
        """Raises Cancelled once nothing will be taken any more."""
        if self._is_cancelled:
            raise Cancelled

    def wait_until_done(self) -> None:
        """Waits until the receiver is done with all that was put."""
        self._take_permits(self._capacity)
        self._give_permits(self._capacity)

    def _take_permits(self, count: int) -> None:
        for _ in range(count):
            if not self._is_cancelled:
                self._permits.get()
        self.check()

    def _give_permits(self, count: int) -> None:
        for _ in range(count):
            self._permits.put(None)

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come, because of `error` if there is one."""
        self._things.put(_End(error))

    def cancel(self) -> None:
        """Nothing more will be taken: whoever waits, or is about to, is told."""
        self._is_cancelled = True
        self._give_permits(self._capacity)
        self._things.put(_End(Cancelled()))

    def __iter__(self) -> Iterator[T]:
        """Everything that is put until the channel is closed; then the error that it was closed with is raised."""
        while True:
            thing = self._things.get()
            self.check()
            if isinstance(thing, _End):
                if thing.error is not None:
                    raise thing.error
                return
            yield thing
            del thing  # which may be large, and the next one may take its time
            self._permits.put(None)
