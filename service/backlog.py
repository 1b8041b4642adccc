"""How much work waits for a few threads, by how long such work has taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# A new measurement moves the known seconds of one piece by this share of the difference.
_SMOOTHING: Final = 0.2


class Backlog:
    """Pieces of work that so many threads have taken or will; belongs to one event loop."""

    def __init__(self, threads: int, pieces: Callable[[], int]) -> None:
        """Take what counts the pieces that are here."""
        self._threads = threads
        self._pieces = pieces
        self._known: float | None = None

    def took(self, seconds: float) -> None:
        """Learn how long a thread worked on one piece."""
        known = seconds if self._known is None else self._known
        self._known = known + _SMOOTHING * (seconds - known)

    def seconds(self) -> float:
        """Return how long what is here will take; 0 as long as nothing is measured."""
        return self._pieces() * self.each()

    def each(self) -> float:
        """Return how long one piece more takes all threads; 0 as long as nothing is measured."""
        return (self._known or 0.0) / self._threads
