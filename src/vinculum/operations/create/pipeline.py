"""The threads of a backup: one gathers, one reads, the main thread stores. Each may run a few steps ahead of the next, no more.

Only the main thread touches the repository, the archive, the cache and the user interface, and only it gets signals, which may
raise an exception between any two statements. The first error of any thread ends all three; none outlives `run_pipeline`.
"""

from __future__ import annotations

import _thread
import threading
from typing import TYPE_CHECKING, TypeVar

from vinculum.operations.create.channel import Cancelled, Channel
from vinculum.operations.create.reading import Apart, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from vinculum.operations.create.gathering import Bundle, Gatherer
    from vinculum.operations.create.intake import Intake
    from vinculum.operations.create.reading import Message, Reader

# How many there may be between two threads, with the one that is being worked on. A bundle that was not read is small; messages
# hold the content of up to about 16 MiB each.
BUNDLES_AHEAD = 3
MESSAGES_AHEAD = 2

T = TypeVar("T")


def run_pipeline(walk: Callable[[], None], gatherer: Gatherer, reader: Reader, intake: Intake) -> None:
    """Takes in all that `walk` tells the gatherer: gathering, reading and storing at the same time."""
    bundles: Channel[Bundle] = Channel(BUNDLES_AHEAD)
    messages: Channel[Message] = Channel(MESSAGES_AHEAD)

    def gather() -> None:
        hand_over, gatherer.hand_over = gatherer.hand_over, bundles.put
        check, gatherer.check = gatherer.check, bundles.check
        try:
            gatherer.flush()
            walk()
            gatherer.flush()
        finally:
            gatherer.hand_over, gatherer.check = hand_over, check

    def read() -> None:
        for bundle in bundles:
            for message in reader.read(bundle):
                messages.put(message)
                if isinstance(message, Apart | Waiting):
                    messages.wait_until_done()

    helpers = _Helpers(
        threading.Thread(target=_run, args=(gather, bundles), name="gathering"),
        threading.Thread(target=_run, args=(read, messages), name="reading"),
        channels=(bundles, messages),
    )
    try:
        with helpers.needed:
            helpers.start()
            intake.store(iter(messages))
    finally:
        helpers.wait()


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


class _Helpers:
    """The other threads. The main thread holds `needed` as long as it wants them, and then waits for their end.

    They are started and ended by one more thread: an exception that a signal raises in `Thread.start`, or in what ends the
    threads, would leave them waiting for ever. What the main thread does here is done by C, all or nothing.
    """

    def __init__(self, *threads: threading.Thread, channels: tuple[Channel[Bundle], Channel[Message]]) -> None:
        self._threads = threads
        self._channels = channels
        self.needed = threading.Lock()
        self._attended = threading.Lock()  # by whoever comes first: the attendant, or a main thread that has given up
        self._over = threading.Lock()
        self._over.acquire()

    def start(self) -> None:
        _thread.start_new_thread(self._attend, ())

    def wait(self) -> None:
        if not self._attended.acquire(blocking=False):
            self._over.acquire()

    def _attend(self) -> None:
        if not self._attended.acquire(blocking=False):
            return
        started = []
        try:
            for thread in self._threads:
                thread.start()
                started.append(thread)
        except RuntimeError as error:  # the system has no more
            self._channels[-1].close(error)
        with self.needed:
            for channel in self._channels:
                channel.cancel()
        for thread in started:
            thread.join()
        self._over.release()
