"""Identifiers that nobody can guess, many from one call of the system's generator.

That generator lets go of the interpreter's lock each time it is asked, and under load the event
loop then waits for another thread to give it back, several times a request.
"""

from __future__ import annotations

import os
import threading
from typing import Final

_DRAWN_BYTES: Final = 4096


class _Digits(threading.local):
    """What is left of the last draw; each thread has its own."""

    def __init__(self) -> None:
        self._digits = ""
        self._next = 0

    def take(self, count: int) -> str:
        end = self._next + count
        if end > len(self._digits):
            self._digits = os.urandom(_DRAWN_BYTES).hex()
            self._next, end = 0, count
        taken = self._digits[self._next : end]
        self._next = end
        return taken


_drawn: Final = _Digits()


def identifier(size: int = 16) -> str:
    """Return ``size`` random bytes (at most 4096) as lower-case hexadecimal digits.

    A process that is forked off would repeat its parent's.
    """
    return _drawn.take(2 * size)
