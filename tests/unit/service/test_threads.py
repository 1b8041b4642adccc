from __future__ import annotations

import threading

import pytest

from service.threads import WatchedThreads
from tests.serving import RESCUE_SECONDS


class Hanging:
    """Some work that hangs until it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.gate = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.gate.wait(RESCUE_SECONDS)
        return "done"


def test_a_thread_is_stuck_from_the_bound_on_until_it_comes_back() -> None:
    now = 100.0
    with WatchedThreads(2, "watched", clock=lambda: now) as threads:
        hanging = Hanging()
        done = threads.submit(hanging)
        assert hanging.began.wait(RESCUE_SECONDS)
        now += 9.9
        assert threads.stuck(10.0) == 0
        now += 0.1
        assert threads.stuck(10.0) == 1
        assert threads.stuck(10.1) == 0
        threads.submit(int).result(RESCUE_SECONDS)  # the other thread goes on
        assert threads.stuck(10.0) == 1
        hanging.gate.set()
        assert done.result(RESCUE_SECONDS) == "done"
        assert threads.stuck(0.0) == 0


def test_work_that_waits_for_a_thread_is_not_stuck() -> None:
    now = 0.0
    with WatchedThreads(1, "watched", clock=lambda: now) as threads:
        hanging = Hanging()
        threads.submit(hanging)
        threads.submit(int)
        assert hanging.began.wait(RESCUE_SECONDS)
        now = 100.0
        assert threads.stuck(10.0) == 1
        hanging.gate.set()


def test_work_that_fails_leaves_its_thread_free() -> None:
    with WatchedThreads(1, "watched") as threads:
        with pytest.raises(ValueError, match="invalid literal"):
            threads.submit(int, "x").result(RESCUE_SECONDS)
        assert threads.stuck(0.0) == 0
