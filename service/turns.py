"""When those who are refused should come back: each has a turn of its own.

Whoever was refused in the same burst and is told the same time comes back in the same burst. So a
virtual clock stands where the last one who was refused will have been served, and moves on by one
image with each: the generic cell rate algorithm (ITU-T I.371, virtual scheduling), which books
ahead instead of dropping. It follows the measured pace, and time itself takes bookings away, so
that those who never come back shut nobody out.

``Retry-After`` knows whole seconds only, which are rounded up: all who were refused at one moment
and have their turns within one second come together. That is why no second takes more of them than
half of the places, and why only half of the pace is promised: the rest is for who comes anew.
"""

from __future__ import annotations

import random
from typing import Final

LONGEST_SECONDS: Final = 30.0
"""No wait is longer; our own client gives up on one that is."""

PROMISED: Final = 0.5
"""The share of the pace, and of the places, that is booked for those who were refused."""

_UNMEASURED_SECONDS: Final = 1.0


class Turns:
    """Books turns; belongs to one event loop, whose clock it goes by."""

    def __init__(self, places: int, *, longest: float = LONGEST_SECONDS) -> None:
        """Take how many may be here at once, and the longest wait (seconds)."""
        self._closest = 1.0 / max(1.0, PROMISED * places)
        self._longest = longest
        self._next = 0.0
        self._chance = random.Random()  # noqa: S311  # apart from others, not secret

    def book(self, now: float, *, backlog: float, each: float) -> float:
        """Return how many seconds one who is refused now should wait.

        ``backlog`` is how long what is here will take, ``each`` how long one image more, in
        seconds; zero where nothing is measured yet.

        Beyond the longest wait nothing can be promised: such waits are spread over its second
        half, and book nothing.
        """
        turn = max(self._next, now + (backlog / PROMISED or _UNMEASURED_SECONDS))
        if turn > now + self._longest:
            return self._chance.uniform(self._longest / 2, self._longest)
        self._next = turn + max(each / PROMISED, self._closest)
        return turn - now

    def ahead(self, now: float) -> float:
        """Return how many seconds from now the last booked turn is over."""
        return max(0.0, self._next - now)
