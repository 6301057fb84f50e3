"""The budget of an upload that may only be so fast."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.clock import Clock
from vinculum.remote.rate_limit import MAX_PERIODS, PERIOD_S, RateLimit


def test_without_a_limit_there_is_always_room() -> None:
    limit = RateLimit(0, Clock())
    assert limit.allowance() is None
    limit.spend(1 << 30)
    assert limit.allowance() is None
    assert limit.delay_s() == 0


@given(
    st.integers(1, 10_000_000),
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 100_000)), max_size=50),
)
def test_never_more_than_the_limit_and_two_periods(bytes_per_s: int, steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    limit = RateLimit(bytes_per_s, clock)
    sent = 0
    for pause_s, wanted in steps:
        clock.now += pause_s
        allowance = limit.allowance()
        assert allowance is not None
        now = min(wanted, allowance)
        limit.spend(now)
        sent += now
        per_period = max(int(bytes_per_s * PERIOD_S), 1)
        assert sent <= ((clock.now - 100.0) / PERIOD_S + MAX_PERIODS) * per_period + 1


def test_an_empty_budget_says_when_to_come_back() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    limit.spend(100)
    assert limit.allowance() == 0
    clock.now += limit.delay_s() + 0.001
    assert limit.allowance() == 100
