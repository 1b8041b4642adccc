from __future__ import annotations

import asyncio
import time

import pytest

from service.loop_lag import INTERVAL_SECONDS, MOST_MISSED, LoopWatch, lags
from tests.serving import RESCUE_SECONDS


def test_a_punctual_timer_is_one_lag() -> None:
    assert list(lags(0.001)) == [0.001]
    assert list(lags(-1e-9)) == [0.0]


def test_timers_missed_in_a_blockade_count_with_what_they_would_have_waited() -> None:
    assert list(lags(3.5 * INTERVAL_SECONDS)) == pytest.approx(
        [lag * INTERVAL_SECONDS for lag in (3.5, 2.5, 1.5, 0.5)]
    )


def test_a_suspended_machine_costs_a_minute_of_timers_at_most() -> None:
    assert len(list(lags(1e6))) == MOST_MISSED


async def test_a_blocked_loop_is_seen_and_a_stopped_watch_sees_nothing() -> None:
    seen: list[float] = []
    told = asyncio.Event()

    def observe(lag: float) -> None:
        seen.append(lag)
        told.set()

    watch = LoopWatch(observe)
    watch.start()
    blocked_until = time.monotonic() + 2 * INTERVAL_SECONDS
    while time.monotonic() < blocked_until:
        pass
    await asyncio.wait_for(told.wait(), RESCUE_SECONDS)
    watch.stop()
    assert max(seen) >= INTERVAL_SECONDS * 0.9
    assert watch._timer is not None
    assert watch._timer.cancelled()
