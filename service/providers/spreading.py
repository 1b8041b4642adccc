"""A session's own threads, kept off the core of the thread that runs it.

A run by several threads is as fast as the last of them. Linux may wake a thread that slept for some
milliseconds on the core of the one that wakes it, and leave it there: both then take turns on one
core, while another is idle (``bench.lone``).
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from service.providers.runners import Batch, Outputs, Runner

_THREADS: Final = Path("/proc/self/task")
_NOWHERE: Final = -1


class SpreadRunner:
    """Runs what it built, one run at a time, with the threads that this started elsewhere.

    Where the system is no Linux it just runs.
    """

    def __init__(self, build: Callable[[], Runner]) -> None:
        """Build a runner, and remember the threads of its own."""
        self.runner, self._threads = _with_threads(build)
        self._core: Callable[[], int] = lambda: _NOWHERE
        if self._threads:
            self._core = ctypes.CDLL(None).sched_getcpu
        self._kept_off = _NOWHERE

    def run(self, batch: Batch) -> Outputs:
        """Return the outputs of the runner."""
        if (core := self._core()) != self._kept_off:
            self._keep_off(core)
        return self.runner.run(batch)

    def _keep_off(self, core: int) -> None:
        """Let them have the cores that the calling thread may have by now, save the one it has."""
        with suppress(OSError):
            if others := os.sched_getaffinity(0) - {core}:
                for thread in self._threads:
                    os.sched_setaffinity(thread, others)
        self._kept_off = core


def _with_threads(build: Callable[[], Runner]) -> tuple[Runner, frozenset[int]]:
    """Return what was built, and the native ids of the threads that its building left.

    Linux names a thread as the one that started it, by which they are told from all that others
    start meanwhile.
    """
    own = threading.get_native_id()
    before, mark = _name(own), f"lone {own}"
    _rename(own, mark)
    try:
        runner = build()
        threads = {int(folder.name) for folder in _THREADS.glob("*")}
        return runner, frozenset(thread for thread in threads - {own} if _name(thread) == mark)
    finally:
        _rename(own, before)


def _name(thread: int) -> str:
    with suppress(OSError):  # it has ended
        return (_THREADS / str(thread) / "comm").read_text().rstrip("\n")
    return ""


def _rename(thread: int, name: str) -> None:
    with suppress(OSError):
        (_THREADS / str(thread) / "comm").write_text(name)
