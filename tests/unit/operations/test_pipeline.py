"""The threads of a backup: what goes through a channel, and that nothing leaves a thread behind that waits."""

from __future__ import annotations

import faulthandler
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import pytest

from vinculum.operations.create import pipeline
from vinculum.operations.create.channel import Cancelled, Channel
from vinculum.operations.create.pipeline import run_pipeline
from vinculum.operations.create.reading import Ended, Message, Waiting

if TYPE_CHECKING:
    from vinculum.operations.create.gathering import Gatherer
    from vinculum.operations.create.intake import Intake
    from vinculum.operations.create.reading import Reader

LONGEST_S = 30
SHORT_S = 0.05


class Trouble(Exception):
    pass


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """Whoever hangs dies, and all threads tell where they are."""
    faulthandler.dump_traceback_later(LONGEST_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def aside(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """Does it in another thread, and notes what ended it."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


# -- channels ----------------------------------------------------------------------------------------------------------


def test_things_arrive_in_order() -> None:
    channel: Channel[int] = Channel(3)

    def send() -> None:
        for number in range(1000):
            channel.put(number)
        channel.close()

    thread, _ = aside(send)
    assert list(channel) == list(range(1000))
    thread.join()


@pytest.mark.parametrize("capacity", [1, 3])
def test_the_sender_is_never_further_ahead_than_allowed(capacity: int) -> None:
    channel: Channel[int] = Channel(capacity)
    sent: list[int] = []

    def send() -> None:
        for number in range(10):
            channel.put(number)
            sent.append(number)
        channel.close()

    thread, _ = aside(send)
    for received in channel:
        time.sleep(SHORT_S / 10)
        assert len(sent) <= received + capacity
    thread.join()


def test_an_error_comes_after_all_that_was_put_before_it() -> None:
    channel: Channel[int] = Channel(3)
    channel.put(1)
    channel.put(2)
    channel.close(Trouble())
    received = iter(channel)
    assert [next(received), next(received)] == [1, 2]
    with pytest.raises(Trouble):
        next(received)


@pytest.mark.parametrize("wait", [lambda channel: channel.put(4), lambda channel: channel.wait_until_done()])
def test_cancelling_wakes_the_sender(wait: Callable[[Channel[int]], None]) -> None:
    channel: Channel[int] = Channel(3)
    for number in range(3):
        channel.put(number)
    thread, errors = aside(lambda: wait(channel))
    time.sleep(SHORT_S)
    assert thread.is_alive()
    channel.cancel()
    thread.join()
    assert isinstance(errors[0], Cancelled)
    with pytest.raises(Cancelled):
        channel.put(5)
    with pytest.raises(Cancelled):
        channel.wait_until_done()


def test_cancelling_wakes_the_receiver() -> None:
    channel: Channel[int] = Channel(3)
    thread, errors = aside(lambda: list(channel))
    time.sleep(SHORT_S)
    channel.cancel()
    thread.join()
    assert isinstance(errors[0], Cancelled)


def test_done_means_that_the_last_thing_has_been_dealt_with() -> None:
    channel: Channel[int] = Channel(3)
    dealt_with: list[int] = []
    counts: list[int] = []

    def send() -> None:
        for number in range(20):
            channel.put(number)
            if number % 5 == 4:
                channel.wait_until_done()
                counts.append(len(dealt_with))
        channel.close()

    thread, errors = aside(send)
    for number in channel:
        time.sleep(SHORT_S / 50)
        dealt_with.append(number)
    thread.join()
    assert not errors
    assert counts == [5, 10, 15, 20]


# -- the whole pipeline ------------------------------------------------------------------------------------------------


class SomeBundle:
    def __init__(self, number: int, *, is_apart: bool = False) -> None:
        self.number = number
        self.is_apart = is_apart


class SomeGatherer:
    """Hands over as many bundles as wanted."""

    def __init__(self) -> None:
        self.hand_over: Callable[[SomeBundle], None] = lambda _: None
        self.check: Callable[[], None] = lambda: None
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1


class SomeReader:
    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at = fails_at
        self.closed = 0

    def read(self, bundle: SomeBundle) -> Iterator[Message]:
        if bundle.number == self.fails_at:
            raise Trouble
        try:
            yield cast("Message", bundle.number)
            yield Ended()
        finally:
            self.closed += 1


class SomeIntake:
    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at = fails_at
        self.stored: list[object] = []

    def store(self, messages: Iterator[Message]) -> None:
        for message in messages:
            if message == self.fails_at:
                raise Trouble
            self.stored.append(message)


def flow(
    walk: Callable[[SomeGatherer], None], reader: SomeReader | None = None, intake: SomeIntake | None = None
) -> list[object]:
    """What arrives of all that the walk hands over."""
    gatherer, intake = SomeGatherer(), intake or SomeIntake()
    hand_over = gatherer.hand_over
    try:
        run_pipeline(
            lambda: walk(gatherer),
            cast("Gatherer", gatherer),
            cast("Reader", reader or SomeReader()),
            cast("Intake", intake),
        )
    finally:
        assert gatherer.hand_over is hand_over
        assert threads() == ["MainThread"], "a thread is left"
    assert gatherer.flushed == 2
    return intake.stored


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if not thread.name.startswith("Dummy")]


def endless(gatherer: SomeGatherer) -> None:
    number = 0
    while True:
        gatherer.hand_over(SomeBundle(number))
        number += 1


def some(gatherer: SomeGatherer) -> None:
    for number in range(50):
        gatherer.hand_over(SomeBundle(number, is_apart=number % 7 == 3))


def test_everything_arrives_in_order() -> None:
    assert [message for message in flow(some) if not isinstance(message, Ended)] == list(range(50))


def test_a_failing_walk_ends_it_after_what_came_before() -> None:
    intake = SomeIntake()

    def walk(gatherer: SomeGatherer) -> None:
        some(gatherer)
        raise Trouble

    with pytest.raises(Trouble):
        flow(walk, intake=intake)
    assert [message for message in intake.stored if not isinstance(message, Ended)] == list(range(50))


@pytest.mark.parametrize("fails_at", [0, 1, 20])
def test_a_failing_reader_ends_a_walk_that_would_never_end(fails_at: int) -> None:
    reader = SomeReader(fails_at)
    with pytest.raises(Trouble):
        flow(endless, reader)
    assert reader.closed == fails_at


def test_a_walk_that_has_nothing_to_hand_over_ends_when_it_looks_whether_it_should() -> None:
    def barren(gatherer: SomeGatherer) -> None:
        gatherer.hand_over(SomeBundle(0))
        while True:
            gatherer.check()
            time.sleep(0.001)

    with pytest.raises(Trouble):
        flow(barren, SomeReader(fails_at=0))


@pytest.mark.parametrize("fails_at", [0, 1, 20])
def test_a_failing_intake_ends_the_others(fails_at: int) -> None:
    reader = SomeReader()
    with pytest.raises(Trouble):
        flow(endless, reader, SomeIntake(fails_at))
    assert reader.closed > fails_at


def test_threads_that_cannot_be_started_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:  # noqa: ARG001
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="new thread"):
        flow(some)


def test_nothing_is_read_while_the_receiver_reads_itself() -> None:
    reading: list[int] = []

    class Reader(SomeReader):
        def read(self, bundle: SomeBundle) -> Iterator[Message]:
            reading.append(bundle.number)
            yield Waiting(bundle.number)
            yield Ended()

    class Intake(SomeIntake):
        def store(self, messages: Iterator[Message]) -> None:
            for message in messages:
                if isinstance(message, Waiting):
                    time.sleep(SHORT_S / 10)
                    assert reading[-1] == message.entry
                self.stored.append(message)

    flow(some, Reader(), Intake())
    assert len(reading) == 50


class Struck(BaseException):
    """What a signal handler raises."""


def strike(number: int, frame: object) -> None:  # noqa: ARG001
    raise Struck


@pytest.fixture
def striking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SIGALRM strikes; again, should it have struck in a destructor, where Python drops what is raised."""

    def strike_again(dropped: sys.UnraisableHookArgs) -> None:
        assert isinstance(dropped.exc_value, Struck)
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    monkeypatch.setattr(sys, "unraisablehook", strike_again)
    before = signal.signal(signal.SIGALRM, strike)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("striking")
@pytest.mark.parametrize("seed", range(3))
def test_a_signal_may_strike_at_any_moment(seed: int) -> None:
    """Whatever the main thread is doing then, even starting: the other threads end."""
    chance = random.Random(seed)
    struck = 0
    for _ in range(300):
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.000_01, 0.001))
            flow(endless)
        except Struck:
            struck += 1
    assert struck == 300
    assert pipeline.MESSAGES_AHEAD > 1  # so that it was a question of who waits for whom
