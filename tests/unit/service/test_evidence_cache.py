"""The cache computes once at a time, within its bytes, and nobody's leaving harms another."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from service.evidence_cache import EvidenceCache, Outcome

VALUE = np.zeros(10, np.float32)


class Counting:
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.size = 0
        self.evicted = 0
        self.computed = 0
        self.gate = asyncio.Event()

    def looked_up(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def cache_changed(self, size: int, evicted: int) -> None:
        self.size = size
        self.evicted += evicted

    async def compute(self) -> NDArray[np.float32]:
        self.computed += 1
        await self.gate.wait()
        return VALUE


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_wait_get_one_computation_though_the_first_leaves() -> None:
    seen = Counting()
    cache = EvidenceCache[NDArray[np.float32]](10_000, seen)
    callers = [asyncio.create_task(cache.get("m", b"a", seen.compute)) for _ in range(3)]
    await turns()
    callers[0].cancel()
    await turns()
    seen.gate.set()
    assert [outcome for _, outcome in await asyncio.gather(*callers[1:])] == ["joined", "joined"]
    assert callers[0].cancelled()
    assert (await cache.get("m", b"a", seen.compute))[1] == "hit"
    assert seen.computed == 1
    assert seen.outcomes == ["miss", "joined", "joined", "hit"]


async def test_when_all_leave_the_work_ends_and_the_next_begins_anew() -> None:
    seen = Counting()
    cache = EvidenceCache[NDArray[np.float32]](10_000, seen)
    callers = [asyncio.create_task(cache.get("m", b"a", seen.compute)) for _ in range(2)]
    await turns()
    for caller in callers:
        caller.cancel()
    await turns()
    seen.gate.set()
    assert (await cache.get("m", b"a", seen.compute))[1] == "miss"
    assert seen.computed == 2


async def test_an_error_is_everybody_s_who_waits_and_is_not_kept() -> None:
    seen = Counting()
    cache = EvidenceCache[NDArray[np.float32]](10_000, seen)

    async def fail() -> NDArray[np.float32]:
        await seen.compute()
        raise ValueError

    callers = [asyncio.create_task(cache.get("m", b"a", fail)) for _ in range(2)]
    await turns()
    seen.gate.set()
    for caller in callers:
        with pytest.raises(ValueError):  # noqa: PT011  # the very one
            await caller
    assert (await cache.get("m", b"a", seen.compute))[1] == "miss"


async def test_its_bytes_are_bounded_and_a_model_s_are_dropped() -> None:
    seen = Counting()
    seen.gate.set()
    cache = EvidenceCache[NDArray[np.float32]](3_000, seen)
    for digest in (b"a", b"b", b"c"):
        await cache.get("m", digest, seen.compute)
    assert seen.size <= 3_000
    assert seen.evicted == 1
    assert (await cache.get("m", b"c", seen.compute))[1] == "hit"
    assert (await cache.get("other", b"c", seen.compute))[1] == "miss"
    cache.forget("m")
    assert (await cache.get("other", b"c", seen.compute))[1] == "hit"
    assert (await cache.get("m", b"c", seen.compute))[1] == "miss"


def test_each_process_has_a_key_of_its_own() -> None:
    one, other = (EvidenceCache[NDArray[np.float32]](1, Counting()) for _ in range(2))
    assert one.digest(b"x") == one.digest(b"x") != other.digest(b"x")
