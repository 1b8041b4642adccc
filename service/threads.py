"""Threads that tell how long they have been at their work.

A thread that hangs in the model, or in a decoder, cannot be stopped from within: Python has no
means, and what it waits for does not know us. So it is told to whoever can replace the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WatchedThreads(ThreadPoolExecutor):
    """A pool of threads, and since when each of them has been at one call."""

    def __init__(
        self,
        threads: int,
        name: str,
        initializer: Callable[[], object] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(threads, name, initializer)
        self._clock = clock
        self._began: dict[int, float] = {}  # by thread

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a call in one of the threads."""
        return super().submit(self._timed, fn, *args, **kwargs)

    def stuck(self, seconds: float) -> int:
        """Return how many threads have been at one call for so long."""
        now = self._clock()
        # Of a copy, which is made in one step: the threads go on meanwhile.
        return sum(now - began >= seconds for began in self._began.copy().values())

    def _timed(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        thread = threading.get_ident()
        self._began[thread] = self._clock()
        try:
            return fn(*args, **kwargs)
        finally:
            del self._began[thread]
