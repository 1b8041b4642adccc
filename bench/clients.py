"""Open-loop clients over keep-alive connections: requests leave at their time, answered or not."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.arrivals import Arrivals

PATIENCE_SECONDS = 60.0
OK = 200
REFUSED = 503


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, when the request was written (s), how long it took (ms)."""

    status: int
    at: float
    milliseconds: float
    retry_after: int


class _Connection(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self) -> None:
        self._received = b""
        self._waiting: asyncio.Future[tuple[int, int]] | None = None
        self._transport: asyncio.Transport
        self.closing = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        self.closing = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((0, 0))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._waiting is None or self._waiting.done():
            return
        fields = dict(
            line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
        )
        if len(body) < int(fields[b"content-length"]):
            return
        self._received = b""
        self.closing = fields.get(b"connection") == b"close"
        self._waiting.set_result((int(head[9:12]), int(fields.get(b"retry-after", b"0"))))

    async def ask(self, request: bytes) -> tuple[int, int]:
        """Send a request; its answer's status and Retry-After, zeros where none came."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        self._transport.abort()


class Clients:
    """As many connections as are needed at one time, used again when they are free."""

    def __init__(self, port: int, content_type: str, bodies: Sequence[bytes]) -> None:
        self._port = port
        self._free: list[_Connection] = []
        self._all: list[_Connection] = []
        self._requests = [
            b"POST /v1/labels HTTP/1.1\r\nHost: bench\r\nContent-Type: %b\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (content_type.encode(), len(body), body)
            for body in bodies
        ]
        self._chance = random.Random(4)
        self.answers: list[Answer] = []

    async def ask(self) -> Answer:
        """Send one image; a connection that fails is an answer of status 0."""
        try:
            connection = await self._connection()
            at = time.perf_counter()
            async with asyncio.timeout(PATIENCE_SECONDS):
                status, again = await connection.ask(self._chance.choice(self._requests))
        except (OSError, TimeoutError):
            return Answer(0, time.perf_counter(), 0.0, 0)
        answer = Answer(status, at, 1000 * (time.perf_counter() - at), again)
        self.answers.append(answer)
        if not connection.closing:
            self._free.append(connection)
        return answer

    async def _connection(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if not connection.closing:
                return connection
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        self._all.append(connection)
        return connection

    async def closed_loop(self, connections: int, seconds: float) -> float:
        """Keep so many busy for so long; images labelled per second."""
        end = time.perf_counter() + seconds
        labelled = 0

        async def one() -> None:
            nonlocal labelled
            while time.perf_counter() < end:
                answer = await self.ask()
                labelled += answer.status == OK and time.perf_counter() <= end

        await asyncio.gather(*(one() for _ in range(connections)))
        return labelled / seconds

    async def open_loop(self, rate: float, seconds: float, *, obedient: bool) -> list[list[Answer]]:
        """Let clients arrive at a rate; each one's answers: two where it was told to come again."""
        started = time.perf_counter()
        tasks = []
        for due in Arrivals(rate, seconds).moments():
            late = started + due - time.perf_counter()
            if late > 0:
                await asyncio.sleep(late)
            tasks.append(asyncio.create_task(self._client(obedient=obedient)))
        return await asyncio.gather(*tasks)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._all:
            connection.close()

    async def _client(self, *, obedient: bool) -> list[Answer]:
        first = await self.ask()
        if not obedient or first.status != REFUSED:
            return [first]
        await asyncio.sleep(first.retry_after)
        return [first, await self.ask()]
