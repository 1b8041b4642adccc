"""What a file costs to ask: its size, and how long one image and a batch take on this machine."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training.processor import processor

WARM_UP: Final = 3
MOST: Final = 50
# However slow the file is, it is not asked for longer than this, in seconds, for either figure.
BUDGET: Final = 3.0
BATCH: Final = 32


class Cost(BaseModel):
    """`bytes` of the file; milliseconds of an image alone, over so many `repetitions`.

    `images_per_second` is of batches of `batch`. `machine` is where; both vary with it, and with
    what else it does: `load` is its load average when this was taken.
    """

    model_config = ConfigDict(frozen=True)

    bytes: int
    milliseconds: float
    milliseconds_p95: float
    repetitions: int
    images_per_second: float
    batch: int
    machine: str
    load: float


def measure_cost(
    file: Path,
    logits_of: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    images: NDArray[np.uint8],
) -> Cost:
    """Ask for logits of one image, and of a batch, of uint8 images [N, H, W, C]."""
    alone = _seconds(lambda turn: logits_of(images[turn % len(images)][None]))
    batch = images[:BATCH]
    together = _seconds(lambda _: logits_of(batch))
    return Cost(
        bytes=file.stat().st_size,
        milliseconds=1e3 * median(alone),
        milliseconds_p95=1e3 * float(np.quantile(alone, 0.95)),
        repetitions=len(alone),
        images_per_second=len(batch) / median(together),
        batch=len(batch),
        machine=processor(),
        load=os.getloadavg()[0],
    )


def _seconds(ask: Callable[[int], object]) -> list[float]:
    for turn in range(WARM_UP):
        ask(turn)
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < MOST and (not taken or time.perf_counter() - began < BUDGET):
        before = time.perf_counter()
        ask(len(taken))
        taken.append(time.perf_counter() - before)
    return taken
