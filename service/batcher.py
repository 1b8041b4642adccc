"""Gather jobs that wait into batches, run them in threads, and end every job exactly once.

::

    submit  -> Job in a bounded queue      503 when it is full; its caller may leave at any time
    make    -> pixels, in another's thread where there are none yet; the place is kept
    collect -> the next batch, in order    as soon as a thread is free, whatever waits: no timer
    run     -> logits, in a worker thread
    deliver -> each job its row            a batch that failed is run again, one job at a time

A thread that has run a batch takes the next one itself: the event loop, which may have sixteen
answers to write, would let it wait for milliseconds. For the same reason a thread that has decoded
an image hands it on itself. So the queue and what the threads have are kept under a lock; all else,
and every end of a job, belongs to the event loop's thread. A thread only looks at a future of
asyncio, whether it has ended. One task gives images that came as pixels to threads that had
nothing. It sleeps on an event while there is nothing to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Final

from service.classifier import Classifier
from service.containment import contained
from service.contract import Pixels
from service.errors import DeadlineExceeded, InferenceFailed, NotReady, Overloaded
from service.jobs import UNMADE, Job, Outcome, Ran, deliver, next_batch, run
from service.observing import BatchObserver, Unobserved
from service.wording import Wording

_STARTING: Final = Wording("el modelo se está cargando", "the model is loading")
_STOPPING: Final = Wording("el servicio se está deteniendo", "the service is stopping")
# A new measurement moves the known seconds per image by this share of the difference.
_SMOOTHING: Final = 0.2
_RETRY_UNMEASURED: Final = 1.0


class Batcher:
    """The way to a classifier for many callers at once; lives on one event loop."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        max_queue: int,
        max_batch: int,
        workers: int,
        observer: BatchObserver | None = None,
        executor: Executor | None = None,
        retry_after: Callable[[], float] | None = None,
    ) -> None:
        """Set the bounds: images that wait, images in one batch, and batches at one time.

        The executor, by default ``workers`` threads, runs batches and is shut down by ``drain``.
        ``retry_after`` says how many seconds whoever finds the queue full should wait, by default
        until what is here is done.
        """
        if min(max_queue, max_batch, workers) < 1:
            message = "max_queue, max_batch and workers must each be at least 1"
            raise ValueError(message)
        self._classifier = classifier
        self._max_queue = max_queue
        self._max_batch = max_batch
        self.workers = workers
        self._observer = observer or Unobserved()
        self._executor = executor or ThreadPoolExecutor(workers, "inference")
        self._retry_after = retry_after or self.retry_after
        # Of the work; deadlines are by the clock of uvloop, which counts milliseconds.
        self.clock: Callable[[], float] = time.monotonic
        self._queue: deque[Job] = deque()
        self._alone: deque[Job] = deque()  # from batches that failed; each is run by itself
        self._coming: set[Job] = set()  # whose images are being made
        self._handed: list[list[Job]] = []  # to threads, whose answers the loop has yet to get
        self._busy = 0  # threads with a batch that is not run
        self._lock = threading.Lock()  # of the five above
        self._wake = asyncio.Event()
        self._refusal: Wording | None = _STARTING
        self._owner: asyncio.Task[None] | None = None
        self._seconds_per_image: float | None = None

    @property
    def depth(self) -> int:
        """Return how many images wait; those that a thread has taken do not."""
        return len(self._queue)

    @property
    def coming(self) -> int:
        """Return how many images are being made; each has its place among those that wait."""
        return len(self._coming)

    @property
    def accepting(self) -> bool:
        """Return whether ``submit`` takes jobs: started, and not draining."""
        return self._refusal is None

    def retry_after(self) -> float:
        """Return how many seconds what is here will take, at the measured service rate."""
        return _RETRY_UNMEASURED if self._seconds_per_image is None else self.backlog_seconds()

    def backlog_seconds(self) -> float:
        """Return the same, and 0 as long as nothing is measured."""
        return (len(self._queue) + len(self._alone)) * self.each() + self.handed_seconds()

    def handed_seconds(self) -> float:
        """Return how many of them are for images that the threads were given already."""
        with self._lock:
            images = sum(map(len, self._handed))
        return images * self.each()

    def batches_waiting(self) -> int:
        """Return how often each thread has yet to be given a batch for all who wait."""
        return -(-(len(self._queue) + len(self._alone)) // (self.workers * self._max_batch))

    def each(self) -> float:
        """Return how long one image more takes all threads; 0 as long as nothing is measured."""
        return (self._seconds_per_image or 0.0) / self.workers

    def longest_run(self) -> float:
        """Return how long a thread takes for the largest batch; 0 before the first is measured."""
        return (self._seconds_per_image or 0.0) * self._max_batch

    async def start(self) -> None:
        """Begin to take jobs; once in a batcher's life."""
        if self._owner is not None or self._refusal is not _STARTING:
            message = "a batcher starts once"
            raise RuntimeError(message)
        self._refusal = None
        self._owner = asyncio.create_task(self._own_queue(), name="batcher")

    async def submit(self, pixels: Pixels, *, deadline: float | None = None) -> Outcome:
        """Return the outcome for one image ``[H, W, C]``; a deadline is a ``loop.time()``.

        A caller who is cancelled leaves at once: the job gives its place to another and, unless a
        thread has taken it, never runs.

        Raises:
            NotReady: the batcher has not started, or is stopping.
            Overloaded: as many images wait as may.
            DeadlineExceeded: the deadline came before the logits.
            InferenceFailed: the classifier failed on this image alone.
        """
        job = self._take(pixels, deadline)
        with self._lock:
            self._queue.append(job)
        self._wake.set()
        return await self._outcome(job)

    async def submit_made(
        self, make: Callable[[], Pixels], makers: Executor, *, deadline: float | None = None
    ) -> Outcome:
        """Return the outcome for an image that one of ``makers``' threads makes first.

        That thread hands it on itself: the event loop has nothing to do for it in between. Once
        the caller has left, or the deadline has come, an image is not begun to be made.

        Raises:
            Exception: as ``submit``, and what ``make`` raises.
        """
        job = self._take(UNMADE, deadline)
        with self._lock:
            self._coming.add(job)
        try:
            makers.submit(self._make, job, make, asyncio.get_running_loop())
        except RuntimeError as error:  # the system gives no thread
            self._unmade(job, error)
        return await self._outcome(job)

    def _take(self, pixels: Pixels, deadline: float | None) -> Job:
        loop = asyncio.get_running_loop()
        if self._refusal is not None:
            raise NotReady(self._refusal)
        if deadline is not None and deadline <= loop.time():
            raise DeadlineExceeded
        if len(self._queue) + len(self._coming) >= self._max_queue:
            raise Overloaded(self._retry_after())
        job = Job(pixels, loop.create_future(), deadline)
        if deadline is not None:
            job.timer = loop.call_at(deadline, self._expire, job)
        return job

    async def _outcome(self, job: Job) -> Outcome:
        try:
            return await job.future
        except asyncio.CancelledError:
            self._leave(job)
            raise
        finally:
            if job.timer is not None:
                job.timer.cancel()

    def _make(self, job: Job, make: Callable[[], Pixels], loop: asyncio.AbstractEventLoop) -> None:
        """Make an image, put it in the queue, and give it to a thread that infers, if one is free.

        In a thread of those who make images. Of an error the event loop tells the caller.
        """
        if job.future.done():
            return
        try:
            job.pixels = contained(make)
        except Exception as error:  # noqa: BLE001  # whoever awaits the outcome raises it
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody awaits it
                loop.call_soon_threadsafe(self._unmade, job, error)
            return
        with self._lock:
            if job not in self._coming:  # its caller has left
                return
            self._coming.remove(job)
            self._queue.append(job)
        with contextlib.suppress(RuntimeError):
            self._hand_batch(loop)

    def _unmade(self, job: Job, error: Exception) -> None:
        self._leave(job)
        job.fail(error)

    async def drain(self, *, limit: float = 30.0) -> None:
        """Take no more jobs, finish those that were taken, and end the threads.

        After ``limit`` seconds whatever is left ends with NotReady; a thread that is stuck in the
        model is then left behind, for Python cannot stop it. Safe to call again.
        """
        self._refusal = _STOPPING
        self._wake.set()
        if self._owner is not None:
            await asyncio.wait({self._owner}, timeout=limit)
            self._owner.cancel()
            await asyncio.wait({self._owner})
        self._executor.shutdown(wait=not self._handed)

    async def _own_queue(self) -> None:
        try:
            while self.accepting or self._coming or self._queue or self._alone or self._handed:
                await self._wake.wait()
                self._wake.clear()
                self._dispatch()
        finally:
            self._abandon()

    def _dispatch(self) -> None:
        """Give every free thread its share of what waits."""
        loop = asyncio.get_running_loop()
        while self._hand_batch(loop):
            pass

    def _hand_batch(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Give a thread the next batch, if one is free; return whether there was any."""
        with self._lock:
            if self._busy >= self.workers:
                return False
            jobs = next_batch(self._alone, self._queue, self.workers, self._max_batch, loop.time())
            if not jobs:
                return False
            self._handed.append(jobs)
            self._busy += 1
        pixels = [job.pixels for job in jobs]
        try:
            ending = self._executor.submit(run, self._classifier, pixels, self.clock)
        except RuntimeError:  # the system gives no thread
            none: Future[Ran] = Future()
            none.set_exception(InferenceFailed())
            with self._lock:
                self._busy -= 1
            loop.call_soon_threadsafe(self._finish, jobs, none)
        else:
            ending.add_done_callback(partial(self._ended, jobs, loop))
        return True

    def _ended(self, jobs: list[Job], loop: asyncio.AbstractEventLoop, ending: Future[Ran]) -> None:
        """Take the next batch, and tell the event loop of this one; in the thread that ran it.

        The thread is then out of the model, for whoever watches how long it is there.
        """
        with self._lock:
            self._busy -= 1
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody awaits anything
            self._hand_batch(loop)
            loop.call_soon_threadsafe(self._finish, jobs, ending)

    def _finish(self, jobs: list[Job], ending: Future[Ran]) -> None:
        """Take back what a thread was given; called on the loop when the thread is done."""
        with self._lock:
            self._handed.remove(jobs)
        self._wake.set()
        if (error := ending.exception()) is not None:
            self._observer.batch_failed(len(jobs))
            self._fail(jobs, error)
            return
        ran = ending.result()
        self._measure(ran.ended - ran.started, len(jobs))
        deliver(jobs, ran)

    def _fail(self, jobs: list[Job], error: BaseException) -> None:
        """End the one job that failed; of several, let each try by itself."""
        if len(jobs) == 1:
            jobs[0].fail(error)
        else:
            with self._lock:
                self._alone.extend(job for job in jobs if not job.future.done())

    def _measure(self, seconds: float, images: int) -> None:
        self._observer.batch_ran(images, seconds)
        sample = seconds / images
        known = sample if self._seconds_per_image is None else self._seconds_per_image
        self._seconds_per_image = known + _SMOOTHING * (sample - known)

    def _leave(self, job: Job) -> None:
        """Give a waiting job's place free; one that a thread has taken has none."""
        with self._lock:
            self._coming.discard(job)
            if job in self._queue:
                self._queue.remove(job)
        self._wake.set()  # it may have been the last that a drain waited for

    def _expire(self, job: Job) -> None:
        job.fail(DeadlineExceeded())
        self._leave(job)

    def _abandon(self) -> None:
        """End every job that is left; the last act of the task, in whatever way it ends."""
        self._refusal = _STOPPING
        with self._lock:
            left = (
                *self._coming, *self._queue, *self._alone, *chain.from_iterable(self._handed)
            )  # fmt: skip
            self._coming.clear()
            self._queue.clear()
            self._alone.clear()
        for job in left:
            job.fail(NotReady(_STOPPING))
