"""What several threads a run gain for one image, and cost batches that run side by side.

    python -m bench.lone [BUNDLE ...]

Of three classifiers of one file (a thread a run; all; and one with a session for lone images, as
the service has it): the median of one image's runs after a rest of some milliseconds, since threads
that slept longer are woken otherwise, and the images a second of as many callers as there are
cores. Rounds are interleaved, of all bundles.
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
from service.providers.options import ProviderOptions
from service.settings import SHIPPED_BUNDLES

ROUNDS = 5
SECONDS = 2.0
RUNS = {0.002: 50, 0.02: 30, 0.2: 5}
"""Of one image, after each pause (seconds)."""
BATCH = 8


def lone_ms(classifier: OnnxClassifier, image: np.ndarray, pause: float) -> float:
    """Return the median milliseconds of one image's run, with a rest (seconds) between runs."""
    taken = []
    for _ in range(RUNS[pause]):
        time.sleep(pause)
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
        (name, classifier_of(bundle, count, lone), picture_for(bundle))
        for bundle in bundles
        for name, count, lone in (
            ("1", 1, 1),
            ("all", usable_cores(), 1),
            ("1, all for a lone image", 1, usable_cores()),
        )
    ]
    lone: list[list[list[float]]] = [[[] for _ in RUNS] for _ in cases]
    rate: list[list[float]] = [[] for _ in cases]
    for _ in range(ROUNDS):
        for place, (_, classifier, image) in enumerate(cases):
            for pause, taken in zip(RUNS, lone[place], strict=True):
                taken.append(lone_ms(classifier, image, pause))
            rate[place].append(images_a_second(classifier, image))
    pauses = " | ".join(f"One image after {pause * 1e3:.0f} ms, ms" for pause in RUNS)
    print(f"| Model | Threads a run | {pauses} | Images/s, a caller a core |")
    print("|---|---|" + "---|" * len(RUNS) + "---|")
    for place, (name, classifier, _) in enumerate(cases):
        taken_ms = " | ".join(f"{statistics.median(taken):.1f}" for taken in lone[place])
        print(
            f"| {'/'.join(classifier.manifest.ref)} | {name} "
            f"| {taken_ms} | {statistics.median(rate[place]):.0f} |"
        )


def classifier_of(bundle: Bundle, threads: int, lone_threads: int) -> OnnxClassifier:
    """Return a classifier on the CPU, with so many threads a run, and for an image alone."""
    classifier = OnnxClassifier(
        bundle,
        provider="cpu",
        intra_op_threads=threads,
        options=ProviderOptions(lone_threads=lone_threads),
    )
    if (thread := classifier.widen()) is not None:
        thread.join()
    return classifier


if __name__ == "__main__":
    typer.run(main)
