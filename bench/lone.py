"""What several threads a run gain for one image, and cost batches that run side by side.

    python -m bench.lone [BUNDLE ...]

Of two sessions of one file, with one thread a run and with all: the median of one image's runs, and
the images a second of as many callers as there are cores. Rounds are interleaved.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from pathlib import Path

import numpy as np

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


def measure(bundle: Bundle) -> None:
    """Print one bundle's two lines."""
    spec = bundle.manifest.input
    image = np.random.default_rng(0).integers(
        0, 256, (1, spec.height, spec.width, spec.channels), dtype=np.uint8
    )
    threads = (1, usable_cores())
    sessions = {
        count: OnnxClassifier(bundle, provider="cpu", intra_op_threads=count) for count in threads
    }
    lone: dict[int, list[float]] = {count: [] for count in threads}
    rate: dict[int, list[float]] = {count: [] for count in threads}
    for _ in range(ROUNDS):
        for count, session in sessions.items():
            lone[count].append(lone_ms(session, image))
            rate[count].append(images_a_second(session, image))
    for count in threads:
        print(
            f"| {'/'.join(bundle.manifest.ref)} | {count} "
            f"| {statistics.median(lone[count]):.1f} | {statistics.median(rate[count]):.0f} |"
        )


def main() -> None:
    """Print the table."""
    given = [load_bundle(Path(folder)) for folder in sys.argv[1:]]
    print("| Model | Threads a run | One image, ms | Images/s, a caller a core |")
    print("|---|---|---|---|")
    for bundle in given or find_bundles(SHIPPED_BUNDLES):
        measure(bundle)


if __name__ == "__main__":
    main()
