"""How late the event loop is: the time that any request waits before its turn is even looked at.

A timer is set again and again; what it comes late is the lag. A loop that is blocked for ten
seconds misses many timers and runs one, so the ones that it missed are counted too, each with what
it would have waited (Tene, "How NOT to measure latency": coordinated omission). The distribution is
then that of a request which arrives at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

INTERVAL_SECONDS: Final = 0.25
MOST_MISSED: Final = 240
"""Timers counted for one blockade at most: a minute's, so that a suspended machine costs little."""


class LoopWatch:
    """Measures one event loop from ``start`` to ``stop``; costs one callback each interval."""

    def __init__(self, observe: Callable[[float], None]) -> None:
        """Take whom to tell each lag, in seconds."""
        self._observe = observe
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._set(asyncio.get_running_loop())

    def stop(self) -> None:
        """Set no more timers."""
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + INTERVAL_SECONDS
        self._timer = loop.call_at(due, self._ring, loop, due)

    def _ring(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        for lag in lags(loop.time() - due):
            self._observe(lag)
        self._set(loop)


def lags(late: float) -> Iterator[float]:
    """Yield the lag of a timer that came so late, and of each one that was missed because of it."""
    for missed in range(MOST_MISSED):
        lag = late - missed * INTERVAL_SECONDS
        if missed and lag <= 0:
            return
        yield max(lag, 0.0)
