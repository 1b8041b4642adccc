"""Memory that is not needed any more, given back to the system.

To load a model takes more memory than to keep it, and glibc keeps what a thread freed for that
thread's next wish: for one that loads a model and ends, for nobody.
"""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system where the C library can: glibc's ``malloc_trim(3)``."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
