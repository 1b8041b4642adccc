"""Memory that is not needed any more, given back to the system.

To load a model takes more memory than to keep it, and glibc keeps what a thread freed for that
thread's next wish: for one that loads a model and ends, for nobody.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
"""Parameters of glibc's ``mallopt(3)``."""

_SMALL: Final = 64 * 1024
_LARGE: Final = 4 * 1024 * 1024
"""Bytes from which a block is the system's own and goes back when it is freed: while a model is
loaded any tensor, and afterwards what a photo of a million pixels takes is kept for the next."""


def share_heap() -> None:
    """Let all threads take memory from one heap, before there are any.

    glibc gives each thread a heap of its own, and what one has let go of is no other's: an upload
    is taken in by one thread and decoded by another. Does nothing where the C library is not glibc.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_ARENA_MAX, 1)


@contextmanager
def giving_back() -> Iterator[None]:
    """Let freed memory go back to the system, while a model is loaded and at the end.

    Does nothing where the C library is not glibc.
    """
    if (libc := _glibc()) is None:
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _SMALL)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_TRIM_THRESHOLD, 2 * _LARGE)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "malloc_trim") else None
