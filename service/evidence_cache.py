"""What a model said about bytes that come again: bounded in bytes, computed once at a time.

Kept is a model's evidence, never an image: whatever a client asks of it (top-k, scores, language)
is made anew, so the same entry serves them all. Keys are a keyed BLAKE2b (RFC 7693) under a random
key of this process, so that no memory dump tells which known picture was sent. Off by default.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar

from cachetools import LRUCache

Outcome: TypeAlias = Literal["hit", "miss", "joined"]
Key: TypeAlias = tuple[str, bytes]


class Sized(Protocol):
    """What is kept: it knows how much memory it takes."""

    @property
    def nbytes(self) -> int:
        """Return its size in bytes."""
        ...


V = TypeVar("V", bound=Sized)
_OVERHEAD_BYTES: Final = 1024  # of a key, an entry and its links


class CacheObserver(Protocol):
    """Learns what the cache does."""

    def looked_up(self, outcome: Outcome) -> None:
        """Learn how one look-up ended."""
        ...

    def cache_changed(self, size: int, evicted: int) -> None:
        """Learn how many bytes are kept, and how many entries just gave way."""
        ...


class _Flight(Generic[V]):
    def __init__(self, task: asyncio.Task[V]) -> None:
        self.task = task
        self.waiting = 0


class EvidenceCache(Generic[V]):
    """Least recently used entries give way; belongs to one event loop."""

    def __init__(self, max_bytes: int, observer: CacheObserver) -> None:
        self._entries: LRUCache[Key, V] = LRUCache(
            max_bytes, getsizeof=lambda value: value.nbytes + _OVERHEAD_BYTES
        )
        self._flights: dict[Key, _Flight[V]] = {}
        self._observer = observer
        self._secret = secrets.token_bytes(hashlib.blake2b.MAX_KEY_SIZE)

    def digest(self, data: bytes) -> bytes:
        """Return the keyed digest of an image's bytes; releases the interpreter's lock."""
        return hashlib.blake2b(data, key=self._secret, digest_size=32).digest()

    async def get(
        self, model: str, digest: bytes, compute: Callable[[], Coroutine[Any, Any, V]]
    ) -> tuple[V, Outcome]:
        """Return what is known of a digest by a model, computing it once for all who wait.

        A caller who is cancelled leaves the others their answer; the last one takes the work along.
        An error is everybody's who waits, and is not kept.
        """
        key = (model, digest)
        if key in self._entries:
            self._observer.looked_up("hit")
            return self._entries[key], "hit"
        flight = self._flights.get(key)
        outcome: Outcome = "miss" if flight is None else "joined"
        self._observer.looked_up(outcome)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(compute()))
            flight.task.add_done_callback(lambda task: self._land(key, task))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), outcome
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Whoever asks from now on begins anew, since this one is on its way out.
                self._flights.pop(key, None)
                flight.task.cancel()

    def forget(self, model: str) -> None:
        """Drop what a model said."""
        for key in [key for key in self._entries if key[0] == model]:
            del self._entries[key]
        self._observer.cache_changed(int(self._entries.currsize), 0)

    def _land(self, key: Key, task: asyncio.Task[V]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
        if task.cancelled() or task.exception() is not None:
            return
        value = task.result()
        if value.nbytes + _OVERHEAD_BYTES > self._entries.maxsize:
            return
        before = len(self._entries) + (key not in self._entries)
        self._entries[key] = value
        evicted = before - len(self._entries)
        self._observer.cache_changed(int(self._entries.currsize), evicted)
