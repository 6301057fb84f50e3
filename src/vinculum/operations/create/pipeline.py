"""The threads of a backup: one gathers, one reads, the main thread stores. Each may run a few steps ahead of the next, no more.

Only the main thread touches the repository, the archive, the cache and the user interface, and only it gets signals. The first
error of any thread ends all three; none outlives `run_pipeline`.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from vinculum.operations.create.reading import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vinculum.operations.create.gathering import Bundle, Gatherer
    from vinculum.operations.create.intake import Intake
    from vinculum.operations.create.reading import Message, Reader

# How far each thread may be ahead. A bundle that was not read is small; messages hold the content of up to about 16 MiB each.
BUNDLES_AHEAD = 2
MESSAGES_AHEAD = 2

T = TypeVar("T")


class Cancelled(BaseException):
    """Somebody else failed, or the user has had enough: this thread is to end."""


class Channel(Generic[T]):
    """What one thread hands to one other, in order, at most `capacity` things at a time."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._things: deque[T] = deque()
        self._changed = threading.Condition()
        self._is_starving = False  # the receiver is done with everything and waits for more
        self._is_closed = False
        self._is_cancelled = False
        self._error: BaseException | None = None

    def put(self, thing: T) -> None:
        """Waits for room. Raises Cancelled once nothing will be taken any more."""
        with self._changed:
            self._wait_for(lambda: len(self._things) < self._capacity)
            self._things.append(thing)
            self._is_starving = False
            self._changed.notify_all()

    def wait_until_done(self) -> None:
        """Waits until the receiver is done with all that was put."""
        with self._changed:
            self._wait_for(lambda: self._is_starving)

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._is_cancelled or condition())
        if self._is_cancelled:
            raise Cancelled

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come, because of `error` if there is one."""
        with self._changed:
            self._is_closed = True
            self._error = error
            self._changed.notify_all()

    def cancel(self) -> None:
        """Nothing more will be taken."""
        with self._changed:
            self._is_cancelled = True
            self._things.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Everything that is put until the channel is closed; then the error that it was closed with is raised."""
        while True:
            with self._changed:
                while not self._things:
                    if self._is_cancelled:
                        raise Cancelled
                    if self._is_closed:
                        if self._error is not None:
                            raise self._error
                        return
                    self._is_starving = True
                    self._changed.notify_all()
                    self._changed.wait()
                thing = self._things.popleft()
                self._changed.notify_all()
            yield thing


def run_pipeline(walk: Callable[[], None], gatherer: Gatherer, reader: Reader, intake: Intake) -> None:
    """Takes in all that `walk` tells the gatherer: gathering, reading and storing at the same time."""
    bundles: Channel[Bundle] = Channel(BUNDLES_AHEAD)
    messages: Channel[Message] = Channel(MESSAGES_AHEAD)

    def gather() -> None:
        gatherer.flush()
        walk()
        gatherer.flush()

    def read() -> None:
        for bundle in bundles:
            if bundle.is_apart:
                messages.wait_until_done()
            for message in reader.read(bundle):
                messages.put(message)
                if isinstance(message, Waiting):
                    messages.wait_until_done()

    threads = [
        threading.Thread(target=_run, args=(gather, bundles), name="gathering"),
        threading.Thread(target=_run, args=(read, messages), name="reading"),
    ]
    started: list[threading.Thread] = []
    hand_over, gatherer.hand_over = gatherer.hand_over, bundles.put
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
        intake.store(iter(messages))
    finally:
        bundles.cancel()
        messages.cancel()
        for thread in started:
            thread.join()
        gatherer.hand_over = hand_over


def _run(work: Callable[[], None], channel: Channel[T]) -> None:
    """A thread's life: whatever ends it is told to the receiver of its channel."""
    try:
        work()
    except Cancelled:
        channel.close()
    except BaseException as error:
        channel.close(error)
    else:
        channel.close()
