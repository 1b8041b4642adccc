"""A batcher under the control of a test: time and threads move only when the test says so.

The event loop, the batcher and its task are the real ones. The edges are not: the clock stands
until ``advance``, and a batch that the batcher hands to a thread stays there until ``finish``. So
every schedule of arrivals, cancels, failures and deadlines can be played, and played again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.batcher import Batcher
from service.contract import Manifest, Pixels
from service.jobs import Job, Outcome
from tests.bundles import labels_of, manifest_of

T = TypeVar("T")

GOOD = 0
POISONED = 1
QUARRELSOME = 2
STUNTED = 3
UNMAKEABLE = 4
"""What an image does to its batch: nothing, fail it, fail it unless alone, or cost it a row; or it
cannot be made at all."""

# The longest way from a thread's result to the caller's and the next batch is six turns.
_TURNS = 10


def picture(number: int, kind: int = GOOD) -> Pixels:
    """Return an image that the toy classifier knows by its number and its kind."""
    return np.array([[[number // 256, number % 256, kind]]], dtype=np.uint8)


def number_of(pixels: Pixels) -> int:
    """Return the number that ``picture`` put in."""
    return int(pixels[0, 0, 0]) * 256 + int(pixels[0, 0, 1])


class Unmakeable(Exception):
    """An image cannot be made."""


class ToyClassifier:
    """Gives each image its own number as logits, and fails as the image's kind says."""

    provider = "toy"
    images_per_run = 1024

    def __init__(self) -> None:
        self.manifest: Manifest = manifest_of(b"toy", labels=labels_of(2), height=1, width=1)

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        kinds = batch[:, 0, 0, 2]
        if (kinds == POISONED).any() or (len(batch) > 1 and (kinds == QUARRELSOME).any()):
            raise RuntimeError("this batch cannot be run")
        numbers = np.array([number_of(pixels) for pixels in batch], dtype=np.float32)
        logits = np.stack([numbers, -numbers], axis=1)
        return logits[1:] if (kinds == STUNTED).any() else logits


@dataclass(slots=True, eq=False)
class Handed:
    """One batch that the batcher gave to a thread, which has not finished."""

    future: Future[Any]
    work: Callable[[], Any]
    numbers: list[int]


class SteppedExecutor(Executor):
    """An executor whose threads finish one batch when they are told to."""

    def __init__(self) -> None:
        self.pending: list[Handed] = []
        self.sizes: list[int] = []
        self.on_start: Callable[[int], None] = lambda _number: None
        self.is_shut_down = False
        self.refuses = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Take the batcher's work, which begins now and is done at its end."""
        if self.refuses:
            raise RuntimeError("can't start new thread")
        classifier, images, clock = args
        begun = deque([clock()])
        work = partial(fn, classifier, images, lambda: begun.popleft() if begun else clock())
        numbers = [number_of(pixels) for pixels in images]
        for number in numbers:
            self.on_start(number)
        self.sizes.append(len(numbers))
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self.pending.append(Handed(future, work, numbers))
        return future

    def finish(self, index: int = 0) -> None:
        handed = self.pending.pop(index)
        try:
            result = handed.work()
        except BaseException as error:  # noqa: BLE001 - what an executor's thread does
            handed.future.set_exception(error)
        else:
            handed.future.set_result(result)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        self.is_shut_down = True


class SteppedMakers(Executor):
    """An executor whose threads make one image when they are told to."""

    def __init__(self) -> None:
        self.pending: list[tuple[int, Job, Callable[[], object]]] = []
        self.refuses = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **_: Any) -> Future[T]:
        """Take the batcher's work, which is begun and done when it is told to be."""
        if self.refuses:
            raise RuntimeError("can't start new thread")
        job, make, _loop = args
        self.pending.append((make.args[0], job, partial(fn, *args)))
        return Future()

    def make(self, index: int = 0) -> None:
        _, _, work = self.pending.pop(index)
        work()


def draw(number: int, kind: int) -> Pixels:
    """Return ``picture``, or fail as the kind says."""
    if kind == UNMAKEABLE:
        raise Unmakeable
    return picture(number, kind)


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still until ``advance``."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now


@dataclass(slots=True)
class Ledger:
    """An observer that keeps what it was told."""

    ran: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def batch_ran(self, size: int, seconds: float) -> None:
        self.ran.append(size)
        self.seconds.append(seconds)

    def batch_failed(self, size: int) -> None:
        self.failed.append(size)


class Stage:
    """A batcher with its loop, its stepped threads and the callers that a test sends."""

    def __init__(self, *, max_queue: int = 8, max_batch: int = 4, workers: int = 1) -> None:
        self.loop = SteppedLoop()
        self.executor = SteppedExecutor()
        self.makers = SteppedMakers()
        self.ledger = Ledger()
        self.batcher = Batcher(
            ToyClassifier(),
            max_queue=max_queue,
            max_batch=max_batch,
            workers=workers,
            observer=self.ledger,
            executor=self.executor,
        )
        self.batcher.clock = self.loop.time
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _loop, context: self.complaints.append(context))

    def call(self, awaitable: Awaitable[T]) -> T:
        return self.loop.run_until_complete(awaitable)

    def start(self) -> Stage:
        self.call(self.batcher.start())
        return self

    def submit(
        self, number: int, *, kind: int = GOOD, deadline: float | None = None
    ) -> asyncio.Task[Outcome]:
        """Send a caller on his way; he arrives with the next ``settle``."""
        return self.loop.create_task(
            self.batcher.submit(picture(number, kind), deadline=deadline), name=str(number)
        )

    def submit_made(
        self, number: int, *, kind: int = GOOD, deadline: float | None = None
    ) -> asyncio.Task[Outcome]:
        """Send one whose image is to be made first."""
        made = self.batcher.submit_made(partial(draw, number, kind), self.makers, deadline=deadline)
        return self.loop.create_task(made, name=str(number))

    def arrive(self, *numbers: int) -> list[asyncio.Task[Outcome]]:
        """Let callers with good images arrive together."""
        tasks = [self.submit(number) for number in numbers]
        self.settle()
        return tasks

    def settle(self) -> None:
        """Let everything happen that can happen now."""

        async def turn() -> None:
            for _ in range(_TURNS):
                await asyncio.sleep(0)

        self.call(turn())

    def finish(self, index: int = 0, *, seconds: float = 0.0) -> None:
        """Let a batch take so long, give its answer, and what follows happen."""
        self.advance(seconds)
        self.executor.finish(index)
        self.settle()

    def advance(self, seconds: float) -> None:
        self.loop.now += seconds
        self.settle()

    def finish_all(self) -> None:
        while self.executor.pending:
            self.finish()

    def close(self) -> None:
        """Drain, and close the loop."""
        draining = self.loop.create_task(self.batcher.drain())
        self.settle()
        while self.makers.pending:
            self.makers.make()
        self.settle()
        self.finish_all()
        self.call(draining)
        self.loop.close()

    def waiting_numbers(self) -> Counter[int]:
        """Return the numbers of all jobs that the batcher still holds and that have not ended."""
        batcher = self.batcher
        held = chain(batcher._queue, batcher._alone, *batcher._handed)
        made = [number_of(job.pixels) for job in held if not job.future.done()]
        coming = [number for number, job, _ in self.makers.pending if job in batcher._coming]
        return Counter([*made, *coming])
