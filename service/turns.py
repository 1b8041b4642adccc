"""When those who are refused should come back, and the places that are kept for them.

Whoever was refused in the same burst and is told the same time comes back in the same burst. So a
virtual clock stands where the last one who was refused will have been served, and moves on by one
image with each: the generic cell rate algorithm (ITU-T I.371, virtual scheduling), which books
ahead instead of dropping. It follows the measured pace, and time itself takes bookings away, so
that those who never come back shut nobody out.

A time alone is no place. While a burst goes on, any share of those who come anew that is let in is
the share of those who come back, for nobody can tell them apart. So a turn is a caller's (an API
key's, else an address's, by a name that gives neither away), and while turns are open three
quarters of the places are for callers whose turn has come. Who never waits as told finds the rest,
which is enough to keep the session busy.

``Retry-After`` knows whole seconds only, which are rounded up: all who were refused at one moment
and have their turns within one second come together. That is why no second has more turns than
places are kept.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from typing import Final

LONGEST_SECONDS: Final = 60.0
"""No wait is longer; our own clients give up on one that is."""

PROMISED: Final = 0.75
"""The share of the pace, and of the places, that is booked for those who were refused."""

EARLY_SECONDS: Final = 0.1
"""How much before its turn a caller may come: clocks differ, and timers round."""

LATE_SECONDS: Final = 10.0
"""How long a turn stays open; the upload that it is for may take as long."""

Caller = Callable[[], str]
"""Gives the name by which a caller is known again, empty for nobody; asked only if it matters."""

_UNMEASURED_SECONDS: Final = 1.0
_ROUNDING: Final = 1e-6


def nobody() -> str:
    """Return the name of whoever has none, and so is promised nothing."""
    return ""


class Turns:
    """Books turns; belongs to one event loop, whose clock it goes by. Each call costs the same."""

    def __init__(self, places: int, *, longest: float = LONGEST_SECONDS) -> None:
        """Take how many may be here at once, and the longest wait (seconds)."""
        self.kept = int(PROMISED * places)
        """Places for those whose turn has come, as long as a turn is open."""
        self._closest = 1.0 / max(1, self.kept)
        self._longest = longest
        self._next = 0.0
        self._chance = random.Random()  # noqa: S311  # apart from others, not secret
        self._due: dict[str, deque[float]] = {}
        self._booked: deque[tuple[float, str]] = deque()
        self._open = 0

    def book(self, now: float, caller: str = "", *, backlog: float, each: float) -> float:
        """Return how many whole seconds one who is refused now should wait.

        ``backlog`` is how long what is here will take, ``each`` how long one image more, in
        seconds; zero where nothing is measured yet.

        Beyond the longest wait nothing can be promised: such waits are spread over its second
        half, and book nothing.
        """
        self._forget(now)
        turn = max(self._next, now + (backlog / PROMISED or _UNMEASURED_SECONDS))
        wait = max(1, math.ceil(turn - now - _ROUNDING))
        if wait > self._longest:
            return self._chance.uniform(self._longest / 2, self._longest)
        self._next = turn + max(each / PROMISED, self._closest)
        if caller:
            self._due.setdefault(caller, deque()).append(now + wait)
            self._booked.append((now + wait, caller))
            self._open += 1
        return wait

    def lets_in(self, now: float, caller: Caller) -> bool:
        """Return whether a caller may have a place that is kept: no turn is open, or it is his."""
        self._forget(now)
        if not self._open:
            return True
        due = self._due.get(caller())
        return due is not None and due[0] <= now + EARLY_SECONDS

    def take(self, caller: str) -> None:
        """End a caller's first turn, where there is one."""
        due = self._due.get(caller)
        if due is not None:
            self._end(caller, due)

    def open(self, now: float) -> int:
        """Return how many turns are open: those that may still be taken."""
        self._forget(now)
        return self._open

    def ahead(self, now: float) -> float:
        """Return how many seconds from now the last booked turn is over."""
        return max(0.0, self._next - now)

    def _forget(self, now: float) -> None:
        """End the turns that were open long enough; booked in order, they end nearly in order."""
        while self._booked and self._booked[0][0] + LATE_SECONDS <= now:
            moment, caller = self._booked.popleft()
            due = self._due.get(caller)
            if due is not None and due[0] <= moment:  # else it was taken
                self._end(caller, due)

    def _end(self, caller: str, due: deque[float]) -> None:
        self._open -= 1
        due.popleft()
        if not due:
            del self._due[caller]
