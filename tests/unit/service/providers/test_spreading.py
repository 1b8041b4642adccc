"""A session's own threads leave the core to the thread that runs it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service.providers.runners import Batch, Outputs
from service.providers.spreading import SpreadRunner
from tests.serving import RESCUE_SECONDS

IMAGE = np.zeros((1, 1, 1, 1), np.uint8)


class WithThreads:
    """A runner with threads that wait until it is closed; ``beside`` happens while they start."""

    def __init__(self, count: int, beside: Callable[[], object] = lambda: None) -> None:
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._end.wait) for _ in range(count)]
        beside()
        for thread in self._threads:
            thread.start()
        self.ids = {thread.native_id for thread in self._threads}

    def run(self, batch: Batch) -> Outputs:
        return [batch.astype(np.float32) + 1]

    def close(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(RESCUE_SECONDS)


@contextmanager
def spread(build: Callable[[], WithThreads]) -> Iterator[SpreadRunner]:
    runner = SpreadRunner(build)
    try:
        yield runner
    finally:
        assert isinstance(runner.runner, WithThreads)
        runner.runner.close()


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> dict[int, set[int]]:
    """Note the cores that each thread was given, where 2, 3 and 5 are ours."""
    given: dict[int, set[int]] = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5})
    monkeypatch.setattr(os, "sched_setaffinity", given.__setitem__)
    return given


def test_they_have_every_core_but_that_of_the_run(cores: dict[int, set[int]]) -> None:
    with spread(partial(WithThreads, 2)) as runner:
        assert isinstance(runner.runner, WithThreads)
        for core, others in ((3, {2, 5}), (2, {3, 5}), (7, {2, 3, 5})):
            runner._core = lambda core=core: core  # type: ignore[misc]
            assert runner.run(IMAGE)[0].item() == 1
            assert cores == dict.fromkeys(runner.runner.ids, others)


def test_nobody_is_asked_again_while_the_core_is_the_same(cores: dict[int, set[int]]) -> None:
    with spread(partial(WithThreads, 1)) as runner:
        runner._core = lambda: 3
        runner.run(IMAGE)
        cores.clear()
        runner.run(IMAGE)
        assert not cores


def test_where_there_is_one_core_they_stay_on_it(
    cores: dict[int, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    with spread(partial(WithThreads, 1)) as runner:
        runner._core = lambda: 3
        assert runner.run(IMAGE)[0].item() == 1
        assert not cores


def test_a_system_that_refuses_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with spread(partial(WithThreads, 1)) as runner:
        assert runner.run(IMAGE)[0].item() == 1


def test_threads_that_others_start_meanwhile_are_left_alone(cores: dict[int, set[int]]) -> None:
    end = threading.Event()
    with ThreadPoolExecutor(1) as others:
        others.submit(int).result(RESCUE_SECONDS)  # its thread is there before

        def start_another() -> threading.Thread:
            thread = threading.Thread(target=end.wait)
            thread.start()
            return thread

        def beside() -> None:
            others.submit(start_another).result(RESCUE_SECONDS)

        with spread(partial(WithThreads, 1, beside)) as runner:
            assert isinstance(runner.runner, WithThreads)
            runner._core = lambda: 3
            runner.run(IMAGE)
            assert set(cores) == runner.runner.ids
        end.set()


def test_the_building_thread_has_its_name_again() -> None:
    comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
    before = comm.read_text()
    with spread(partial(WithThreads, 1)):
        assert comm.read_text() == before


def test_without_linux_it_just_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("service.providers.spreading._THREADS", tmp_path)
    with spread(partial(WithThreads, 1)) as runner:
        assert runner.run(IMAGE)[0].item() == 1
