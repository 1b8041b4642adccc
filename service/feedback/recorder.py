"""Corrections on the event loop: handed to a few threads, never waited for without end.

A database that hangs holds at most ``THREADS`` threads, and ``MAX_PENDING`` corrections wait for
them; whoever waits longer than ``feedback_timeout_seconds`` is told so, and the place is given
back when the thread comes home, which the database's own time limits see to. Nothing here touches
a thread or a lock of labelling.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog
from alembic.util import CommandError
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from service.containment import contained
from service.errors import Overloaded
from service.feedback.corrections import Correction, Recorded
from service.feedback.errors import FeedbackUnavailable
from service.feedback.metrics import FeedbackMetrics
from service.feedback.pictures import without_metadata
from service.feedback.store import THREADS, CorrectionStore
from service.settings import Settings

MAX_PENDING: Final = 32
PURGE_EVERY_SECONDS: Final = 6 * 3600.0
_FAILURES: Final = (SQLAlchemyError, CommandError, OSError)

_T = TypeVar("_T")
_log = structlog.get_logger()


class FeedbackRecorder:
    """Keeps corrections for one application; lives on its event loop."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self.store = CorrectionStore.of(settings)
        self._max_pixels = settings.max_pixels
        self._days = settings.feedback_days
        self._timeout = settings.feedback_timeout_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="feedback")
        self._pending = 0
        self._purging: asyncio.Task[None] | None = None
        self.purged = asyncio.Event()
        """Set once the first purge has ended, well or not."""
        self._metrics = FeedbackMetrics(registry, pending=lambda: self._pending, bound=MAX_PENDING)

    def start(self) -> None:
        """Begin to delete what is too old, now and every few hours."""
        self._purging = asyncio.create_task(self._purge_for_ever(), name="feedback-purge")

    async def drain(self) -> None:
        """Let what was begun end within its time, and close the database."""
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.wait({self._purging})
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(None, self._close)
        await asyncio.wait({closing}, timeout=2 * self._timeout)

    async def record(self, correction: Correction, image: bytes | None) -> Recorded:
        """Keep a correction, and the image that its sender gave with it.

        Raises:
            Overloaded: as many corrections are on their way as may.
            FeedbackUnavailable: the database fails, or does not answer in time.
            ResultConflict, FeedbackFull: as the store.
            UnsupportedImage, ImageTooLarge, UndecodableImage: the image.
        """
        started = time.monotonic()
        try:
            recorded = await self._in_thread(self._record, correction, image)
        except (*_FAILURES, TimeoutError) as error:
            self._metrics.count_failure("record")
            _log.warning("feedback not kept", error=type(error).__name__)
            raise FeedbackUnavailable from error
        self._metrics.seconds.observe(time.monotonic() - started)
        self._metrics.count(correction, recorded)
        return recorded

    def _record(self, correction: Correction, image: bytes | None) -> Recorded:
        picture = image and without_metadata(image, max_pixels=self._max_pixels)
        return self.store.record(correction, picture or None)

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        if self._pending >= MAX_PENDING:
            raise Overloaded(self._timeout)
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, contained, work, *arguments)
        self._pending += 1
        running.add_done_callback(self._finish)
        async with asyncio.timeout(self._timeout):
            return await asyncio.shield(running)

    def _finish(self, running: asyncio.Future[Any]) -> None:
        self._pending -= 1
        if not running.cancelled():
            running.exception()  # seen, even where nobody waits for it any more

    async def _purge_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                rows = await loop.run_in_executor(self._threads, contained, self._purge)
                self._metrics.count_purged(rows)
            except _FAILURES as error:
                self._metrics.count_failure("purge")
                _log.warning("feedback not purged", error=type(error).__name__)
            self.purged.set()
            await asyncio.sleep(PURGE_EVERY_SECONDS)

    def _purge(self) -> int:
        return self.store.purge(days=self._days)

    def _close(self) -> None:
        with suppress(*_FAILURES):
            self._threads.shutdown(wait=True, cancel_futures=True)
            self.store.close()
