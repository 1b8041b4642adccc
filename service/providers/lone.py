"""A second session on the CPU, for an image that nobody else keeps company.

Under load a session with one thread a batch is the fastest, with as many batches at a time as there
are cores. One image alone would then leave all cores but one idle. How many threads work on a run
is fixed when a session is built, and one session with several costs batches side by side up to a
sixth of their speed (``bench.lone``): hence two.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from service.giving_way import INFERRING, give_way
from service.memory import giving_back
from service.providers.runners import Batch, Outputs, Runner

MOST_THREADS: Final = 4
"""By default: what more threads gain for one small image is less than what they take."""

_WORTH: Final = 0.9
"""The share of one core's time that several must do with, or their session is not worth its memory:
runs of a small network gain little by more threads."""

_TRIALS: Final = 6

_PAUSES: Final = (0.0, 0.5, 1.0)
"""Seconds before several cores are tried, and tried again where they were no faster: another
process that starts at the same time has them for about as long."""

_SHORT_SECONDS: Final = 0.001
"""Of a run that takes less, too little can be gained to try again."""

_LOG: Final = logging.getLogger(__name__)


class LoneRunner:
    """Runs one image on several cores while nothing else runs, and everything else as before."""

    def __init__(self, narrow: Runner) -> None:
        self._narrow = narrow
        self._wide: Runner | None = None
        self._running = 0
        self._begun = 0
        self._lock = threading.Lock()

    def run(self, batch: Batch) -> Outputs:
        """Return the outputs; may be called from several threads at once."""
        with self._lock:
            alone = self._running == 0 and len(batch) == 1
            self._running += 1
            self._begun += 1
        try:
            return (self._wide if alone and self._wide else self._narrow).run(batch)
        finally:
            with self._lock:
                self._running -= 1

    def _others(self) -> tuple[int, int]:
        with self._lock:
            return self._running, self._begun

    def widen(self, build: Callable[[], Runner], sample: Batch) -> threading.Thread:
        """Build what runs one image, such as the sample, on several cores; return the thread.

        Nobody waits for it: until it is there, and where it cannot be or is no faster, the first
        does all the work. How fast it is shows only while nothing else runs here. Where that never
        was, as when a model is loaded anew under full load, it is kept.
        """
        thread = threading.Thread(target=self._widen, args=(build, sample), name="widen")
        thread.start()
        return thread

    def _widen(self, build: Callable[[], Runner], sample: Batch) -> None:
        give_way(INFERRING)  # the session's own threads inherit it
        try:
            with giving_back():
                wide = build()
            narrow_seconds, wide_seconds = self._compare(wide, sample)
        except Exception:  # noqa: BLE001  # whatever it is, images are labelled without it
            _LOG.exception("no second session for lone images; they take longer")
            return
        if _worth(narrow_seconds, wide_seconds):
            self._wide = wide
            return
        with giving_back():
            del wide
        _LOG.info(
            "no second session for lone images: %.1f ms on several cores, %.1f ms on one",
            1e3 * wide_seconds,
            1e3 * narrow_seconds,
        )

    def _compare(self, wide: Runner, sample: Batch) -> list[float]:
        """Return the seconds of a run on one core and on several, as ``fastest_runs``."""
        seconds: list[float] = []
        for pause in _PAUSES:
            time.sleep(pause)
            seconds = fastest_runs((self._narrow, wide), sample, self._others)
            if seconds[0] < _SHORT_SECONDS or _worth(*seconds):
                break
        return seconds


def _worth(narrow_seconds: float, wide_seconds: float) -> bool:
    return math.isinf(wide_seconds) or wide_seconds <= _WORTH * narrow_seconds


def fastest_runs(
    runners: Sequence[Runner], sample: Batch, others: Callable[[], tuple[int, int]]
) -> list[float]:
    """Return the seconds of each runner's fastest run, of some that take turns.

    The fastest, since what else the cores do while a model is loaded only makes runs slower. A
    turn counts where ``others``, how many runs of others go on and how many ever began, is (0, n)
    before it and the same after it; without such a turn the seconds are infinite.
    """
    fastest = [math.inf] * len(runners)
    for _ in range(_TRIALS):
        seconds = []
        before = others()
        for runner in runners:
            started = time.perf_counter()
            runner.run(sample)
            seconds.append(time.perf_counter() - started)
        if before[0] == 0 and others() == before:
            fastest = list(map(min, fastest, seconds))
    return fastest
