"""Threads that compute give way to the event loop.

On Linux each thread has a nice value of its own. The loop has little to do for one image and all
clients wait for it, so it goes first where both want a core; nothing is lost, since those who give
way have the core as soon as the loop sleeps. Without it a refusal under overload waits behind the
batches of those who were let in.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import Final

DECODING: Final = 5
INFERRING: Final = 10
"""How much nicer than the first thread: each step divides a thread's weight by 1.25.

Those that infer come last, since what is decoded waits for a batch anyway: with 10 for both, a
tenth fewer photos of twelve megapixels were labelled.
"""


def give_way(steps: int) -> None:
    """Make the calling thread nicer than the first one; for the ``initializer`` of an executor.

    A thread begins as nice as the one that started it, which may give way already. Does nothing
    where threads have no nice value of their own, or the system refuses.
    """
    if sys.platform != "linux":
        return
    first = os.getpriority(os.PRIO_PROCESS, os.getpid())
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), first + steps)
