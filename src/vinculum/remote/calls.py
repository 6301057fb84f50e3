"""Calls that were sent, in the order in which a server answers them, and what came of each. No input or output."""

from __future__ import annotations

from collections import deque
from itertools import islice

from vinculum.remote.messages import Failure, MalformedMessage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Calls:
    """Calls with consecutive numbers that were sent, and what came of those that are answered: values and `Failure`s."""

    __slots__ = ("has_failures", "next", "results", "stop")

    def __init__(self, first: int, count: int, *, are_wanted: bool) -> None:
        self.next = first
        self.stop = first + count
        self.results: list[object] | None = [] if are_wanted else None
        self.has_failures = False

    @property
    def is_answered(self) -> bool:
        return self.next == self.stop


class Ledger:
    """Who waits for which answer. Calls that nobody waits for only leave the first failure among them."""

    __slots__ = ("_failed", "_next_number", "_unanswered")

    def __init__(self) -> None:
        self._next_number = 1
        self._unanswered: deque[Calls] = deque()  # in the order in which they are answered
        self._failed: Failure | None = None  # of calls that nobody waits for

    def begin(self, count: int, *, are_wanted: bool) -> Calls:
        """The next `count` numbers, for messages that are sent next."""
        calls = Calls(self._next_number, count, are_wanted=are_wanted)
        self._next_number += count
        if count:
            self._unanswered.append(calls)
        return calls

    def take(self, first: int, values: Iterable[object], count: int) -> None:
        """Hands the replies from number `first` on to those who wait for them.

        MalformedMessage if they are not the answers that have to come next: a server answers everything in order.
        """
        left = iter(values)
        while count:
            if not self._unanswered or self._unanswered[0].next != first:
                raise MalformedMessage("an answer to something that was not asked")
            calls = self._unanswered[0]
            here = min(count, calls.stop - first)
            results = list(islice(left, here))
            if isinstance(results[0], Failure):  # comes alone
                calls.has_failures = True
                if calls.results is None and self._failed is None:
                    self._failed = results[0]
            if calls.results is not None:
                calls.results += results
            first += here
            count -= here
            calls.next = first
            if first == calls.stop:
                self._unanswered.popleft()

    def take_failure(self) -> Failure | None:
        """The first failure that nobody was told of yet; it is forgotten then."""
        failed, self._failed = self._failed, None
        return failed

    @property
    def unanswered(self) -> int:
        """How many calls were not answered yet."""
        return self._next_number - self._unanswered[0].next if self._unanswered else 0
