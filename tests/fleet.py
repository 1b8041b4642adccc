"""A fleet of obedient clients in virtual time, before the real labeller and its real bounds.

The event loop's clock jumps to whatever comes next, and the threads that run the model take the
time that they are told to; so minutes of overload take seconds, and go the same way each time.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import selectors
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from service.admission import Admission
from service.errors import Overloaded
from service.labeller import Labeller, LabelRequest
from service.metrics import Metrics
from service.settings import Settings
from service.sharing import Shared
from tests.stepped import ToyClassifier, picture

T = TypeVar("T")
WAY_SECONDS = 0.02
"""The longest way from a client to the service."""


class _Leaping(selectors.DefaultSelector):
    """Waits for nothing: where the loop would sleep, its clock leaps."""

    loop: LeapingLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen")
        self.loop.now += timeout
        return []


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock leaps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Leaping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class TimedExecutor(Executor):
    """So many threads in virtual time, each busy for so long with each image of a batch."""

    def __init__(
        self, loop: LeapingLoop, threads: int, seconds: Callable[[str, int], float]
    ) -> None:
        """Take how long (seconds) a model takes for so many images."""
        self._loop = loop
        self._free = [0.0] * threads
        self.seconds = seconds

    def submit(self, fn: Callable[..., T], /, *args: Any, **_: Any) -> Future[T]:
        """Take the batcher's work; its answer comes when a thread has done it."""
        classifier, images, _clock = args
        start = max(self._loop.now, heapq.heappop(self._free))
        end = start + self.seconds(classifier.manifest.name, len(images))
        heapq.heappush(self._free, end)
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        times = iter((start, end))
        self._loop.call_at(
            end, lambda: future.set_result(fn(classifier, images, lambda: next(times)))
        )
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Have nothing to end."""


class TimedShared(Shared):
    """What models share, with threads in virtual time."""

    def __init__(self, settings: Settings, metrics: Metrics, threads: TimedExecutor) -> None:
        super().__init__(settings, metrics)
        self._timed = threads

    def lend_inference(self) -> Executor:
        return self._timed


@dataclass
class Fleet:
    """Clients who come at their time and, when refused, come back once when they are told to."""

    settings: Settings
    image_seconds: Mapping[str, float]
    """How long a thread takes for one image of each model."""
    one_address: bool = False
    """Whether all of them look like one, as behind a proxy that nobody trusts."""
    comes_back: bool = True
    """Whether one who is refused comes back at all."""
    waits: list[float] = field(default_factory=list)
    served_at: list[float] = field(default_factory=list)
    promises: int = 0
    kept_promises: int = 0
    helped: int = 0
    refused_again: int = 0

    def __post_init__(self) -> None:
        self.loop = LeapingLoop()
        threads = TimedExecutor(self.loop, self.settings.inference_threads, self._take)
        self._chance = random.Random(11)
        shared = TimedShared(self.settings, Metrics(CollectorRegistry()), threads)
        self.turns = shared.turns
        self.turns._chance = random.Random(12)
        admission = Admission(
            max_images=self.settings.max_images_in_flight,
            max_bytes=self.settings.max_bytes_in_flight,
            retry_after=lambda: next(iter(self.labellers.values())).book_turn(),
        )
        self.labellers: dict[str, Labeller] = {}
        for name in self.image_seconds:
            classifier = ToyClassifier()
            classifier.manifest = classifier.manifest.model_copy(update={"name": name})
            self.labellers[name] = Labeller(classifier, self.settings, admission, shared)

    @property
    def first_retry_success(self) -> float:
        """The share of those who were refused whom their first retry helped."""
        return self.helped / (self.helped + self.refused_again)

    def served_in(self, start: float, end: float) -> int:
        """Return how many were served between two moments."""
        return sum(start <= at < end for at in self.served_at)

    def arrive(self, times: Iterable[float], model: str = "toy") -> None:
        """Send a client at each of these times, and wait until all are done; once."""
        self.arrive_at((at, model) for at in times)

    def arrive_at(self, arrivals: Iterable[tuple[float, str]]) -> None:
        """Do the same, each with the model that it asks."""

        async def everybody() -> None:
            for labeller in self.labellers.values():
                await labeller.start()
            coming = (
                self._client(at, model, "all" if self.one_address else str(number))
                for number, (at, model) in enumerate(arrivals)
            )
            await asyncio.gather(*coming)
            for labeller in self.labellers.values():
                await labeller.drain()

        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(everybody())
        self.loop.close()

    def _take(self, model: str, images: int) -> float:
        return self.image_seconds[model] * images

    async def _client(self, at: float, model: str, name: str) -> None:
        await asyncio.sleep(at)
        refusal = await self._ask(model, name)
        if refusal is None or not self.comes_back:
            return
        wait = int(refusal.headers["Retry-After"])
        self.waits.append(wait)
        promised = name in self.turns._due
        await asyncio.sleep(wait + self._chance.uniform(0, WAY_SECONDS))
        helped = await self._ask(model, name) is None
        self.helped += helped
        self.refused_again += not helped
        self.promises += promised
        self.kept_promises += promised and helped

    async def _ask(self, model: str, name: str) -> Overloaded | None:
        try:
            await self.labellers[model].label(
                picture(1), LabelRequest(top_k=1), caller=lambda: name
            )
        except Overloaded as refusal:
            return refusal
        self.served_at.append(self.loop.now)
        return None
