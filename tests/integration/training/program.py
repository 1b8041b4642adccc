"""`python -m training` in a process of its own that knows the colours and may be stopped.

    python -m tests.integration.training.program SIGNAL STEP fit colours-airbench ...

sends itself SIGNAL after STEP batches of this process; a STEP of 0 lets it come to its end. So a
run is stopped where the test wants it, without a race.
"""

from __future__ import annotations

import os
import signal
import sys

from tests.colours import colours, know_recipes
from training import progress
from training.__main__ import main


class StoppingProgress(progress.JsonProgress):
    """Tells what its parent tells, and stops its own process after so many batches."""

    stop_after = 0
    stop_with = signal.SIGKILL

    def step(self, *, images: int, loss: float, accuracy: float) -> None:
        super().step(images=images, loss=loss, accuracy=accuracy)
        StoppingProgress.stop_after -= 1
        if StoppingProgress.stop_after == 0:
            os.kill(os.getpid(), self.stop_with)


if __name__ == "__main__":
    name, batches, *arguments = sys.argv[1:]
    StoppingProgress.stop_with = signal.Signals[name]
    StoppingProgress.stop_after = int(batches)
    # Whoever starts the tests in the background of a shell has them ignore this signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    progress.JsonProgress = StoppingProgress  # type: ignore[misc]
    colours()
    know_recipes()
    sys.argv = ["training", *arguments]
    main()
