"""Counting by windows: exact, within a bound, and never in the way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from service.windows import REDIS_PAUSE_SECONDS, MemoryWindows, SharedWindows


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_window_begins_with_the_first_request_and_ends_whole() -> None:
    clock = Clock()
    windows = MemoryWindows(clock=clock)
    assert await windows.add("ana", 60, 2) == (2, 60)
    clock.now += 59
    assert await windows.add("ana", 60, 1) == (3, 1)
    assert await windows.add("ben", 60, 1) == (1, 60)
    assert await windows.add("ana", 10, 1) == (1, 10)
    clock.now += 1
    assert await windows.add("ana", 60, 1) == (1, 60)


async def test_ended_windows_are_forgotten() -> None:
    clock = Clock()
    windows = MemoryWindows(clock=clock)
    for number in range(50):
        await windows.add(str(number), 60, 1)
    clock.now += 60
    await windows.add("late", 60, 1)
    assert len(windows) == 1


async def test_the_oldest_window_gives_way_where_there_is_no_room() -> None:
    windows = MemoryWindows(max_clients=2, clock=Clock())
    for client in ("a", "b", "b", "c"):
        await windows.add(client, 60, 1)
    assert len(windows) == 2
    assert await windows.add("b", 60, 1) == (3, 60)
    assert await windows.add("a", 60, 1) == (1, 60)


@dataclass
class Flaky:
    """A store elsewhere that a test takes away and gives back."""

    up: bool = True
    asked: int = 0
    closed: bool = False

    async def add(self, client: str, seconds: int, amount: int) -> tuple[int, float]:
        del client, seconds
        self.asked += 1
        if not self.up:
            raise ConnectionError("redis://:secret@host")
        return 1000 + amount, 1.0

    async def close(self) -> None:
        self.closed = True


@dataclass
class Sharing:
    clock: Clock = field(default_factory=Clock)
    redis: Flaky = field(default_factory=Flaky)
    states: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.windows = SharedWindows(
            self.redis,
            MemoryWindows(clock=self.clock),
            changed=self.states.append,
            clock=self.clock,
        )

    async def add(self) -> int:
        count, _ = await self.windows.add("ana", 60, 1)
        return count


async def test_a_store_that_is_down_is_stood_in_for_and_left_alone_for_a_while() -> None:
    sharing = Sharing()
    assert await sharing.add() == 1001
    sharing.redis.up = False
    with capture_logs() as lines:
        assert await sharing.add() == 1
    assert [line["cause"] for line in lines] == ["ConnectionError"]
    assert "secret" not in str(lines)
    assert [await sharing.add() for _ in range(4)] == [2, 3, 4, 5]
    assert sharing.redis.asked == 2
    sharing.clock.now += REDIS_PAUSE_SECONDS
    assert [await sharing.add() for _ in range(5)] == [6, 7, 8, 9, 10]
    assert sharing.redis.asked == 3
    sharing.redis.up = True
    sharing.clock.now += REDIS_PAUSE_SECONDS
    assert await sharing.add() == 1001
    assert sharing.states == [1, 0, 1]


async def test_only_one_request_waits_to_see_whether_the_store_is_back() -> None:
    sharing = Sharing()
    sharing.redis.up = False
    await sharing.add()
    sharing.clock.now += REDIS_PAUSE_SECONDS
    await asyncio.gather(*(sharing.add() for _ in range(20)))
    assert sharing.redis.asked == 2


async def test_both_stores_are_closed() -> None:
    sharing = Sharing()
    await sharing.windows.close()
    assert sharing.redis.closed
