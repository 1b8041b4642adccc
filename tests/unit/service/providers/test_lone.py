"""One image that nobody keeps company has all cores; whatever else runs has one a batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from service.providers.lone import LoneRunner
from service.providers.runners import Batch, Outputs, Runner
from tests.serving import RESCUE_SECONDS


class Named:
    """A runner that says who it is, and stays in its run while the gate is closed."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False

    def run(self, batch: Batch) -> Outputs:
        self.entered.release()
        assert self.gate.wait(RESCUE_SECONDS)
        if self.broken:
            raise ValueError
        return [np.full((len(batch), 1), self.name, np.float32)]


NARROW, WIDE = 1, 2


@pytest.fixture
def wide() -> Named:
    return Named(WIDE)


@pytest.fixture
def lone(wide: Named) -> LoneRunner:
    runner = LoneRunner(Named(NARROW))
    runner.widen(lambda: wide).join(RESCUE_SECONDS)
    return runner


def who(lone: Runner, images: int) -> float:
    (said,) = lone.run(np.zeros((images, 1, 1, 1), np.uint8))
    assert len(said) == images
    return float(said[0, 0])


def test_one_image_alone_is_run_on_all_cores_and_several_are_not(lone: LoneRunner) -> None:
    assert [who(lone, images) for images in (1, 2, 8, 1)] == [WIDE, NARROW, NARROW, WIDE]


@contextmanager
def held(wide: Named, lone: LoneRunner) -> Iterator[None]:
    """Keep one image in the session of all cores."""
    wide.gate.clear()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(who, lone, 1)
        assert wide.entered.acquire(timeout=RESCUE_SECONDS)
        yield
        wide.gate.set()
        assert running.result(RESCUE_SECONDS) == WIDE


def test_whoever_comes_beside_it_does_not_share_its_cores(wide: Named, lone: LoneRunner) -> None:
    with held(wide, lone):
        assert who(lone, 1) == NARROW
    assert who(lone, 1) == WIDE


def test_a_run_that_fails_does_not_count_for_ever(wide: Named, lone: LoneRunner) -> None:
    wide.broken = True
    with pytest.raises(ValueError):  # noqa: PT011  # it has no words
        who(lone, 1)
    wide.broken = False
    assert who(lone, 1) == WIDE


def test_until_there_is_a_second_session_the_first_does_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lone = LoneRunner(Named(NARROW))
    building, built = threading.Event(), threading.Event()

    def slow() -> Runner:
        building.set()
        assert built.wait(RESCUE_SECONDS)
        raise MemoryError

    thread = lone.widen(slow)
    assert building.wait(RESCUE_SECONDS)
    assert who(lone, 1) == NARROW
    built.set()
    thread.join(RESCUE_SECONDS)
    assert who(lone, 1) == NARROW
    assert "no second session" in caplog.text
