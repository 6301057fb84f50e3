"""Limits how fast we send: so many bytes per tenth of a second, of which at most two tenths can be saved up."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_S = 0.1
MAX_PERIODS = 2


class RateLimit:
    """A budget of bytes that fills up with time; without a limit it is never empty."""

    __slots__ = ("_clock", "_filled", "_left", "_per_period")

    def __init__(self, bytes_per_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_period = max(int(bytes_per_s * PERIOD_S), 1) if bytes_per_s else 0
        self._clock = clock
        self._left = self._per_period
        self._filled = clock()

    def allowance(self) -> int | None:
        """How many bytes may be sent now; None: any number."""
        if not self._per_period:
            return None
        periods = int((self._clock() - self._filled) / PERIOD_S)
        if periods > 0:
            self._filled += periods * PERIOD_S
            self._left = min(self._left + periods * self._per_period, MAX_PERIODS * self._per_period)
        return self._left

    def spend(self, size: int) -> None:
        """Notes that so many bytes were sent."""
        if self._per_period:
            self._left -= size

    def delay_s(self) -> float:
        """How long it takes until there is an allowance again."""
        return max(self._filled + PERIOD_S - self._clock(), 0.0) if self._per_period and self._left <= 0 else 0.0
