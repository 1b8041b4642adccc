"""Threads that tell how long they have been at their work.

A thread that hangs in the model, or in a decoder, cannot be stopped from within: Python has no
means, and what it waits for does not know us. So it is told to whoever can replace the process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from service.containment import contained

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

    def call(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Run a call in one of the threads; once cancelled, it never begins.

        What ``loop.run_in_executor`` does, for an event loop that does it for every image: the
        thread itself tells the loop, without a second future to be followed.

        Raises:
            RuntimeError: the threads are shut down, or the system gives none.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self.submit(_answer, loop, future, partial(work, *args, **kwargs))
        return future

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


def _answer(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]
) -> None:
    """Do the work of a future in a thread, and have its loop end it."""
    if future.cancelled():
        return
    try:
        result = contained(work)
    except Exception as error:  # noqa: BLE001  # whoever awaits the future raises it
        tell = partial(_end, future, partial(future.set_exception, error))
    else:
        tell = partial(_end, future, partial(future.set_result, result))
    with suppress(RuntimeError):  # the loop is closed, and nobody awaits it
        loop.call_soon_threadsafe(tell)


def _end(future: asyncio.Future[T], end: Callable[[], object]) -> None:
    if not future.done():
        end()
