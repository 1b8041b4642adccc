"""A second session on the CPU, for an image that nobody else keeps company.

Under load a session with one thread a batch is the fastest, with as many batches at a time as there
are cores. One image alone would then leave all cores but one idle. How many threads work on a run
is fixed when a session is built, and one session with several costs batches side by side up to a
sixth of their speed (``bench.lone``): hence two.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from service.giving_way import give_way
from service.memory import giving_back
from service.providers.runners import Batch, Outputs, Runner

MOST_THREADS: Final = 4
"""By default: what more threads gain for one small image is less than what they take."""

_LOG: Final = logging.getLogger(__name__)


class LoneRunner:
    """Runs one image on several cores while nothing else runs, and everything else as before."""

    def __init__(self, narrow: Runner) -> None:
        self._narrow = narrow
        self._wide: Runner | None = None
        self._running = 0
        self._lock = threading.Lock()

    def run(self, batch: Batch) -> Outputs:
        """Return the outputs; may be called from several threads at once."""
        with self._lock:
            alone = self._running == 0 and len(batch) == 1
            self._running += 1
        try:
            return (self._wide if alone and self._wide else self._narrow).run(batch)
        finally:
            with self._lock:
                self._running -= 1

    def widen(self, build: Callable[[], Runner]) -> threading.Thread:
        """Build what runs one image on several cores, in a thread that is returned.

        Nobody waits for it: until it is there, and where it cannot be, the first does all the work.
        """
        thread = threading.Thread(target=self._widen, args=(build,), name="widen")
        thread.start()
        return thread

    def _widen(self, build: Callable[[], Runner]) -> None:
        give_way()  # the session's own threads inherit it
        with giving_back():
            try:
                self._wide = build()
            except Exception:  # noqa: BLE001  # whatever it is, images are labelled without it
                _LOG.exception("no second session for lone images; they take longer")
