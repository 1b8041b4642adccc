"""What several threads a run gain for one image, and cost batches that run side by side.

    python -m bench.lone [BUNDLE ...]

Of two sessions of one file, with one thread a run and with all: the median of one image's runs, and
the images a second of as many callers as there are cores. Rounds are interleaved, of all bundles.
"""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from service.bundles import Bundle, find_bundles, load_bundle
from service.classifier import OnnxClassifier
from service.cores import usable_cores
from service.settings import SHIPPED_BUNDLES

ROUNDS = 5
SECONDS = 2.0
RUNS = 50
PAUSE_SECONDS = 0.002
BATCH = 8


def lone_ms(classifier: OnnxClassifier, image: np.ndarray) -> float:
    """Return the median milliseconds of one image's run, with a rest between runs."""
    taken = []
    for _ in range(RUNS):
        time.sleep(PAUSE_SECONDS)
        started = time.perf_counter()
        classifier.run(image)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e3


def images_a_second(classifier: OnnxClassifier, image: np.ndarray) -> float:
    """Return the rate of one caller a core, each with batch after batch."""
    batch = np.repeat(image, BATCH, axis=0)
    done = [0] * usable_cores()
    began = time.perf_counter()

    def call(place: int) -> None:
        while time.perf_counter() - began < SECONDS:
            classifier.run(batch)
            done[place] += BATCH

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(done))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def picture_for(bundle: Bundle) -> np.ndarray:
    """Return one picture of noise of the size that the model takes, uint8 [1, H, W, C]."""
    spec = bundle.manifest.input
    shape = (1, spec.height, spec.width, spec.channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def main(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[BUNDLE]...", help="NAME/VERSION; those that ship without any."),
    ] = None,
) -> None:
    """Print what each bundle's runs take, with one thread and with all."""
    bundles = [load_bundle(folder) for folder in folders or []] or find_bundles(SHIPPED_BUNDLES)
    cases = [
        (OnnxClassifier(bundle, provider="cpu", intra_op_threads=count), picture_for(bundle), count)
        for bundle in bundles
        for count in (1, usable_cores())
    ]
    lone: list[list[float]] = [[] for _ in cases]
    rate: list[list[float]] = [[] for _ in cases]
    for _ in range(ROUNDS):
        for place, (classifier, image, _) in enumerate(cases):
            lone[place].append(lone_ms(classifier, image))
            rate[place].append(images_a_second(classifier, image))
    print("| Model | Threads a run | One image, ms | Images/s, a caller a core |")
    print("|---|---|---|---|")
    for place, (classifier, _, count) in enumerate(cases):
        print(
            f"| {'/'.join(classifier.manifest.ref)} | {count} "
            f"| {statistics.median(lone[place]):.1f} | {statistics.median(rate[place]):.0f} |"
        )


if __name__ == "__main__":
    typer.run(main)
