"""Who leaves is noticed, by the server's word or by listening, and nobody else is taken for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from service.presence import EXTENSION, ClientLeft, ClientPresence, Departure


class Client:
    """A connection that can be lost, as a server tells of it, or as ASGI does."""

    def __init__(self, *, by_extension: bool) -> None:
        self.departure = Departure()
        self._left = asyncio.Event()
        told = {EXTENSION: {"departure": self.departure}} if by_extension else {}
        self.request = Request({"type": "http", "extensions": told}, self._receive)

    async def _receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self.departure.happen()
        self._left.set()


@pytest.fixture(params=[True, False], ids=["told by the server", "listened for"])
def connect(request: pytest.FixtureRequest) -> Callable[[], Client]:
    return lambda: Client(by_extension=request.param)


async def test_work_for_a_client_who_leaves_is_cancelled(connect: Callable[[], Client]) -> None:
    client = connect()
    asyncio.get_running_loop().call_soon(client.leave)
    with pytest.raises(ClientLeft):
        async with ClientPresence(client.request):
            await asyncio.Event().wait()


async def test_a_client_who_left_before_is_noticed_too(connect: Callable[[], Client]) -> None:
    client = connect()
    client.leave()
    with pytest.raises(ClientLeft):
        async with ClientPresence(client.request):
            await asyncio.Event().wait()


async def test_a_client_who_leaves_later_cancels_nothing(connect: Callable[[], Client]) -> None:
    client = connect()
    async with ClientPresence(client.request):
        await asyncio.sleep(0)
    client.leave()
    for _ in range(3):
        await asyncio.sleep(0)  # a turn in which a cancellation would come


async def test_whoever_else_cancels_is_not_taken_for_the_client(
    connect: Callable[[], Client],
) -> None:
    client = connect()
    entered = asyncio.Event()

    async def work() -> None:
        async with ClientPresence(client.request):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
