from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from service.errors import InternalError
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


@pytest.fixture
def one_thread() -> Iterator[WatchedThreads]:
    with WatchedThreads(1, "watched") as threads:
        yield threads


async def test_a_call_gives_its_result_to_the_loop(one_thread: WatchedThreads) -> None:
    assert await one_thread.call(int, "11", base=2) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        await one_thread.call(int, "x")


@pytest.mark.parametrize("thrown", [SystemExit, KeyboardInterrupt, StopIteration])
async def test_a_call_throws_nothing_that_would_end_the_loop(
    one_thread: WatchedThreads, thrown: type[BaseException]
) -> None:
    def throw() -> None:
        raise thrown

    with pytest.raises(InternalError):
        await one_thread.call(throw)


async def test_a_call_that_was_cancelled_before_its_turn_never_begins(
    one_thread: WatchedThreads,
) -> None:
    hanging, began = Hanging(), threading.Event()
    first = one_thread.call(hanging)
    second = one_thread.call(began.set)
    second.cancel()
    hanging.gate.set()
    assert await first == "done"
    await one_thread.call(int)  # behind the second
    assert not began.is_set()


async def test_a_call_whose_caller_left_ends_for_nobody(one_thread: WatchedThreads) -> None:
    hanging = Hanging()
    call = one_thread.call(hanging)
    assert await asyncio.to_thread(hanging.began.wait, RESCUE_SECONDS)
    call.cancel()
    hanging.gate.set()
    assert await one_thread.call(int) == 0
    assert call.cancelled()


def test_a_call_that_outlives_its_loop_troubles_nobody(one_thread: WatchedThreads) -> None:
    hanging = Hanging()
    calls: list[asyncio.Future[str]] = []

    async def leave() -> None:
        calls.append(one_thread.call(hanging))
        assert await asyncio.to_thread(hanging.began.wait, RESCUE_SECONDS)

    asyncio.run(leave())
    hanging.gate.set()
    assert one_thread.submit(int).result(RESCUE_SECONDS) == 0
    assert not calls[0].done()
