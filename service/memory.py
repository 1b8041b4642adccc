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
"""Parameters of glibc's ``mallopt(3)``."""

_SMALL: Final = 64 * 1024
_LARGE: Final = 4 * 1024 * 1024
"""Bytes from which a block is the system's own and goes back when it is freed: while a model is
loaded any tensor, and afterwards what a photo of a million pixels takes is kept for the next."""


@contextmanager
def giving_back() -> Iterator[None]:
    """Let freed memory go back to the system, while a model is loaded and at the end.

    Does nothing where the C library is not glibc.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _SMALL)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_TRIM_THRESHOLD, 2 * _LARGE)
        libc.malloc_trim(0)
