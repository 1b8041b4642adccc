"""The real batcher over the real classifier, in real threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uvloop
from numpy.typing import NDArray

from service.batcher import Batcher
from service.classifier import OnnxClassifier
from service.contract import Manifest
from service.errors import InferenceFailed, NotReady
from service.threads import WatchedThreads
from tests.bundles import linear_model, write_bundle
from tests.stepped import ToyClassifier, picture


class GatedClassifier(ToyClassifier):
    """A classifier that stays in its thread until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.entered.set()
        self.gate.wait()
        return super().run(batch)


class BrokenClassifier:
    """A classifier that ends with an exception which no future can carry."""

    provider = "toy"
    images_per_run = 1024

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise StopIteration


async def test_many_callers_each_get_the_logits_of_their_own_image(tmp_path: Path) -> None:
    classifier = OnnxClassifier(write_bundle(tmp_path), provider="cpu")
    images = np.random.default_rng(1).integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    batcher = Batcher(classifier, max_queue=200, max_batch=16, workers=2)
    await batcher.start()
    began = time.monotonic()
    outcomes = await asyncio.gather(*(batcher.submit(image) for image in images))
    await batcher.drain()
    logits = np.stack([outcome.logits for outcome in outcomes])
    assert np.allclose(logits, linear_model().logits(images), atol=1e-4)
    assert all(began < outcome.begun < outcome.ended < time.monotonic() for outcome in outcomes)


def test_a_batch_is_timed_finer_than_the_milliseconds_of_uvloop(tmp_path: Path) -> None:
    classifier = OnnxClassifier(write_bundle(tmp_path), provider="cpu")
    image = np.zeros((32, 32, 3), np.uint8)

    async def time_batches() -> None:
        batcher = Batcher(classifier, max_queue=1, max_batch=1, workers=1)
        await batcher.start()
        for _ in range(20):
            before = time.monotonic()
            outcome = await batcher.submit(image)
            assert before < outcome.begun < outcome.ended < time.monotonic()
        await batcher.drain()

    uvloop.run(time_batches())


async def test_the_loop_turns_while_a_batch_runs_and_drain_waits_for_it() -> None:
    classifier = GatedClassifier()
    batcher = Batcher(classifier, max_queue=4, max_batch=4, workers=1)
    await batcher.start()
    running = asyncio.create_task(batcher.submit(picture(3)))
    await asyncio.to_thread(classifier.entered.wait)
    draining = asyncio.create_task(batcher.drain())
    classifier.gate.set()
    await draining
    assert running.done()
    assert (await running).logits[0] == 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inference")]


async def test_a_drain_leaves_a_stuck_thread_behind_at_its_limit() -> None:
    classifier = GatedClassifier()
    batcher = Batcher(classifier, max_queue=4, max_batch=4, workers=1)
    await batcher.start()
    stuck = asyncio.create_task(batcher.submit(picture(3)))
    await asyncio.to_thread(classifier.entered.wait)
    await batcher.drain(limit=0)
    (error,) = await asyncio.gather(stuck, return_exceptions=True)
    assert isinstance(error, NotReady)
    assert batcher._handed
    (thread,) = [thread for thread in threading.enumerate() if thread.name.startswith("inference")]
    classifier.gate.set()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)
    assert not batcher._handed


class EmptyClassifier(BrokenClassifier):
    """A classifier that gives nothing at all."""

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return None  # type: ignore[return-value]


async def test_logits_that_are_none_end_the_job_and_leave_the_thread_free() -> None:
    batcher = Batcher(
        EmptyClassifier(ToyClassifier().manifest), max_queue=1, max_batch=1, workers=1
    )
    await batcher.start()
    for _ in range(2):
        with pytest.raises(InferenceFailed):
            await batcher.submit(picture(1))
    await batcher.drain()


async def test_an_exception_that_no_future_can_carry_still_ends_the_job() -> None:
    batcher = Batcher(
        BrokenClassifier(ToyClassifier().manifest), max_queue=1, max_batch=1, workers=1
    )
    await batcher.start()
    (error,) = await asyncio.gather(batcher.submit(picture(1)), return_exceptions=True)
    assert isinstance(error, InferenceFailed)
    assert isinstance(error.__cause__, StopIteration)
    await batcher.drain()


async def test_a_thread_is_out_of_the_model_before_anybody_hears_of_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a service whose model came back would say once more that it hangs."""
    threads = WatchedThreads(1, "inference")
    inside: list[int] = []
    loop = asyncio.get_running_loop()
    tell = loop.call_soon_threadsafe

    def told(callback: Callable[..., object], *args: object) -> asyncio.Handle:
        if threading.current_thread().name.startswith("inference"):
            inside.append(threads.stuck(0.0))
        return tell(callback, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", told)
    classifier = GatedClassifier()
    batcher = Batcher(classifier, max_queue=1, max_batch=1, workers=1, executor=threads)
    await batcher.start()
    running = asyncio.create_task(batcher.submit(picture(1)))
    await asyncio.to_thread(classifier.entered.wait)
    classifier.gate.set()
    await running
    await batcher.drain()
    assert inside == [0]
