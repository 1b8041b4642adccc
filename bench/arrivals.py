"""Requests that arrive when they like: an open loop, each latency from the intended moment on.

A closed loop waits for a slow server and so never sees a queue; here the next request comes all the
same (Poisson arrivals).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from bench.load import Body

OK: Final = b"200"
TIMEOUT_SECONDS: Final = 60.0


class Unanswered(Exception):
    """A request that got anything but a 200."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """So many a second on average, for so long, the same for the same seed."""

    rate: float
    seconds: float
    seed: int = 0

    def moments(self) -> Iterator[float]:
        """Yield when each arrives, in seconds from the start."""
        generator = random.Random(self.seed)
        gaps = (generator.expovariate(self.rate) for _ in iter(int, 1))
        for moment in accumulate(gaps):
            if moment >= self.seconds:
                return
            yield moment


async def latencies_ms(port: int, path: str, body: Body, arrivals: Arrivals) -> list[float]:
    """Return how long each request took, from the moment that it was meant to be sent.

    Raises:
        Unanswered: one was refused.
        OSError, EOFError, TimeoutError: the server hung up, or never answered.
    """
    loop = asyncio.get_running_loop()
    requests = [_request(path, body.content_type, file.read_bytes()) for file in body.files]
    opened: list[_Connection] = []
    idle: list[_Connection] = []
    began = loop.time()

    async def ask(turn: int, meant: float) -> float:
        connection = idle.pop() if idle else await _Connection.open(port, opened)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await connection.ask(requests[turn % len(requests)])
        idle.append(connection)
        return (loop.time() - meant) * 1e3

    tasks = []
    try:
        async with asyncio.TaskGroup() as group:
            for turn, moment in enumerate(arrivals.moments()):
                await asyncio.sleep(began + moment - loop.time())
                tasks.append(group.create_task(ask(turn, began + moment)))
    finally:
        for connection in opened:
            connection.close()
    return [task.result() for task in tasks]


class _Connection:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, opened: list[_Connection]) -> _Connection:
        """Connect to a port of this machine, and note that it is open."""
        opened.append(connection := cls(*await asyncio.open_connection("127.0.0.1", port)))
        return connection

    async def ask(self, request: bytes) -> None:
        """Send a request, and read its answer to the end."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        said = await self._reader.readexactly(length)
        if head.split(b" ", 2)[1] != OK:
            raise Unanswered(said[:500])

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def _request(path: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
