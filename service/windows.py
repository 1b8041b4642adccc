"""Where the requests of each client are counted, window by window.

A window begins with a client's first request and ends for good after its seconds, so that what a
refused client is told, when to come back, is true. In memory by default; in Redis for several
replicas, and in memory again for as long as Redis does not answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import structlog

if TYPE_CHECKING:
    from limits.aio.storage import RedisStorage

MAX_CLIENTS: Final = 100_000
"""Windows kept in memory at once; above it, the oldest is forgotten and its client begins anew."""

REDIS_SECONDS: Final = 0.25
"""How long one answer of Redis is waited for."""

REDIS_PAUSE_SECONDS: Final = 5.0
"""How long Redis is left alone after it did not answer."""

_REDIS_CONNECTIONS: Final = 32
_log = structlog.get_logger()


class Windows(Protocol):
    """Counts by client and length of the window."""

    async def add(self, client: str, seconds: int, amount: int) -> tuple[int, float]:
        """Count ``amount`` more; return the window's count, and in how many seconds it ends."""
        ...

    async def close(self) -> None:
        """Let go of connections."""


class MemoryWindows:
    """Counts of one process, within a bound.

    The memory storage of ``limits`` looks through every client at each request and knows no bound.
    Windows of one length end in the order in which they began, so that here only those at the front
    are looked at.
    """

    def __init__(
        self, *, max_clients: int = MAX_CLIENTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_clients = max_clients
        self._clock = clock
        self._by_length: dict[int, OrderedDict[str, tuple[int, float]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_length.values()))

    async def add(self, client: str, seconds: int, amount: int) -> tuple[int, float]:
        """Count ``amount`` more; return the window's count, and in how many seconds it ends."""
        now = self._clock()
        windows = self._by_length.setdefault(seconds, OrderedDict())
        while windows and next(iter(windows.values()))[1] <= now:
            windows.popitem(last=False)
        count, end = windows.get(client, (0, now + seconds))
        if client not in windows and len(windows) >= self._max_clients:
            windows.popitem(last=False)
        windows[client] = (count + amount, end)
        return count + amount, end - now

    async def close(self) -> None:
        """Do nothing: there are no connections."""


class RedisWindows:
    """Counts that replicas share, by the Redis storage of ``limits``."""

    def __init__(self, url: str) -> None:
        """Take a URL such as ``redis://:password@host:6379/0``; connects when first used."""
        # These cost 0.2 s and some megabytes, which a service without Redis need not pay.
        from limits.aio.storage import RedisStorage  # noqa: PLC0415
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415

        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_REDIS_CONNECTIONS,
            timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=None,
        )
        self._client = Redis(connection_pool=pool)
        self._storage: RedisStorage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="rotulo",
            connection_pool=pool,  # type: ignore[arg-type]  # of its options it documents this one
        )

    async def add(self, client: str, seconds: int, amount: int) -> tuple[int, float]:
        """Count ``amount`` more; return the window's count, and in how many seconds it ends.

        Raises:
            Exception: Redis did not answer in time, or not as it should.
        """
        key = f"{client}/{seconds}"
        async with asyncio.timeout(REDIS_SECONDS):
            count = await self._storage.incr(key, seconds, amount)
            # limits gives whole seconds, rounded down, and who waits those comes too early.
            left = await self._client.pttl(self._storage.bridge.prefixed_key(key))
        return count, max(left, 0) / 1000

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose(close_connection_pool=True)


class SharedWindows:
    """Counts in Redis, or in memory while it does not answer: labelling goes on, still limited."""

    def __init__(
        self,
        shared: Windows,
        own: Windows,
        *,
        changed: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take both; ``changed`` learns 1 while the shared one answers, as at first, and else 0."""
        self._shared = shared
        self._own = own
        self._changed = changed
        self._clock = clock
        self._up = True
        self._ask_again_at = 0.0
        changed(1)

    async def add(self, client: str, seconds: int, amount: int) -> tuple[int, float]:
        """Count ``amount`` more; return the window's count, and in how many seconds it ends."""
        if self._clock() >= self._ask_again_at:
            if not self._up:
                # One request finds out; the others need not wait with it.
                self._ask_again_at = self._clock() + REDIS_PAUSE_SECONDS
            try:
                counted = await self._shared.add(client, seconds, amount)
            except Exception as error:  # noqa: BLE001  # whatever it is, nobody is turned away
                self._turn(up=False, error=error)
            else:
                self._turn(up=True)
                return counted
        return await self._own.add(client, seconds, amount)

    async def close(self) -> None:
        """Close both."""
        await self._shared.close()
        await self._own.close()

    def _turn(self, *, up: bool, error: Exception | None = None) -> None:
        self._ask_again_at = 0.0 if up else self._clock() + REDIS_PAUSE_SECONDS
        if up != self._up:
            self._up = up
            self._changed(int(up))
            if up:
                _log.info("rate limits are shared again")
            else:
                # The class only: a client library's words may hold the URL, and so a password.
                _log.error("rate limits are not shared", cause=type(error).__name__)
