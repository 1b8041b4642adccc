"""One image that nobody keeps company has all cores; whatever else runs has one a batch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import pytest

from service.providers.lone import LoneRunner
from service.providers.runners import Batch, Outputs, Runner
from tests.serving import RESCUE_SECONDS


class Clock:
    """Time that passes as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    monkeypatch.setattr("service.providers.lone.time", told)
    return told


class Named:
    """A runner that says who it is, takes its time, and stays in its run while the gate is closed.

    Times (seconds) are of one run after the other, and the last of them of all that come after.
    """

    def __init__(self, name: int, clock: Clock, *times: float) -> None:
        self.name = name
        self._clock = clock
        self._times = list(times)
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False
        self.meanwhile: Callable[[], float] = int

    def run(self, batch: Batch) -> Outputs:
        self.entered.release()
        assert self.gate.wait(RESCUE_SECONDS)
        self.meanwhile()
        if self.broken:
            raise ValueError
        self._clock.now += self._times.pop(0) if len(self._times) > 1 else self._times[0]
        return [np.full((len(batch), 1), self.name, np.float32)]


NARROW, WIDE = 1, 2
IMAGE = np.zeros((1, 1, 1, 1), np.uint8)


@pytest.fixture
def narrow(clock: Clock) -> Named:
    return Named(NARROW, clock, 0.010)


@pytest.fixture
def wide(clock: Clock) -> Named:
    return Named(WIDE, clock, 0.006)


@pytest.fixture
def lone(narrow: Named, wide: Named) -> LoneRunner:
    runner = LoneRunner(narrow)
    runner.widen(lambda: wide, IMAGE).join(RESCUE_SECONDS)
    while wide.entered.acquire(blocking=False):
        pass
    return runner


def who(lone: Runner, images: int) -> float:
    (said,) = lone.run(np.zeros((images, 1, 1, 1), np.uint8))
    assert len(said) == images
    return float(said[0, 0])


def test_one_image_alone_is_run_on_all_cores_and_several_are_not(lone: LoneRunner) -> None:
    assert [who(lone, images) for images in (1, 2, 8, 1)] == [WIDE, NARROW, NARROW, WIDE]


@contextmanager
def held(runner: Named, lone: LoneRunner) -> Iterator[None]:
    """Keep one image in a session, which others may use meanwhile."""
    runner.gate.clear()
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(who, lone, 1)
        assert runner.entered.acquire(timeout=RESCUE_SECONDS)
        closed, runner.gate = runner.gate, threading.Event()
        runner.gate.set()
        try:
            yield
        finally:
            closed.set()
        assert running.result(RESCUE_SECONDS) == runner.name


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


def test_several_cores_that_are_no_faster_are_left(
    narrow: Named, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What counts is the fastest run: others may have the cores meanwhile."""
    for times, who_runs in (((0.030, 0.008, 0.030), WIDE), ((0.0095,), NARROW)):
        lone = LoneRunner(narrow)
        with caplog.at_level(logging.INFO, logger="service"):
            lone.widen(partial(Named, WIDE, clock, *times), IMAGE).join(RESCUE_SECONDS)
        assert who(lone, 1) == who_runs
    assert "9.5 ms on several cores, 10.0 ms on one" in caplog.text


@pytest.mark.parametrize(
    ("slow_runs", "one_core", "who_runs"),
    [(6, 0.010, WIDE), (12, 0.010, WIDE), (18, 0.010, NARROW), (6, 0.0009, NARROW)],
    ids=["a-start", "a-long-one", "always", "too-short-to-gain"],
)
def test_what_starts_beside_it_does_not_cost_it_several_cores_for_good(
    slow_runs: int, one_core: float, who_runs: int, clock: Clock
) -> None:
    """Another process has the cores at first, and later it has not."""
    lone = LoneRunner(Named(NARROW, clock, one_core))
    wide = Named(WIDE, clock, *(slow_runs * [2 * one_core]), 0.5 * one_core)
    lone.widen(lambda: wide, IMAGE).join(RESCUE_SECONDS)
    assert who(lone, 1) == who_runs


@pytest.mark.parametrize("ends", [True, False])
def test_a_measurement_beside_other_images_counts_for_nothing(
    ends: bool,  # noqa: FBT001  # pytest's
    narrow: Named,
    clock: Clock,
) -> None:
    """Several cores are no faster while others have them: a reload under load says nothing."""
    lone = LoneRunner(narrow)
    slow = Named(WIDE, clock, 0.020)
    with ExitStack() as load:
        if ends:  # others come and go while the two are held against each other
            slow.meanwhile = partial(who, lone, 2)
        else:  # another is being run all the while
            load.enter_context(held(narrow, lone))
        lone.widen(lambda: slow, IMAGE).join(RESCUE_SECONDS)
    slow.meanwhile = int
    assert who(lone, 1) == WIDE


def test_one_undisturbed_turn_is_enough_to_tell(narrow: Named, clock: Clock) -> None:
    lone = LoneRunner(narrow)
    slow = Named(WIDE, clock, 0.020)
    visits = [partial(who, lone, 2)] * 5

    def visit() -> float:
        return visits.pop()() if visits else 0

    slow.meanwhile = visit
    lone.widen(lambda: slow, IMAGE).join(RESCUE_SECONDS)
    assert not visits
    assert who(lone, 1) == NARROW


def test_until_there_is_a_second_session_the_first_does_all(
    narrow: Named, caplog: pytest.LogCaptureFixture
) -> None:
    lone = LoneRunner(narrow)
    building, built = threading.Event(), threading.Event()

    def slow() -> Runner:
        building.set()
        assert built.wait(RESCUE_SECONDS)
        raise MemoryError

    thread = lone.widen(slow, IMAGE)
    assert building.wait(RESCUE_SECONDS)
    assert who(lone, 1) == NARROW
    built.set()
    thread.join(RESCUE_SECONDS)
    assert who(lone, 1) == NARROW
    assert "no second session" in caplog.text
