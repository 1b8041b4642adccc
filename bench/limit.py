"""The most that these cores can label without a server: decode, then run in full batches.

One process a core, each with one inference thread, so that nothing waits for another: what is left
between this and the service is the price of HTTP, of queueing and of sharing one process.
"""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.bundles import load_bundle
from service.classifier import OnnxClassifier
from service.contract import decode_image, to_pixels
from service.cores import usable_cores

BATCH = 16
MAX_PIXELS = 50_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """Label the files in turn, with one bundle, for so many seconds."""

    bundle: Path
    files: tuple[Path, ...]
    seconds: float


def in_process_limit(work: Work) -> float:
    """Images a second over all usable cores."""
    context = multiprocessing.get_context("spawn")
    cores = usable_cores()
    barrier = context.Barrier(cores)
    with context.Pool(cores, _share, (barrier,)) as pool:
        rates: Sequence[float] = pool.map(_label_for_a_while, [work] * cores, chunksize=1)
    return sum(rates)


def single_image_ms(bundle: Path, file: Path, repeats: int) -> float:
    """Median milliseconds of decoding one image and running it alone, on one thread."""
    classifier = OnnxClassifier(load_bundle(bundle), provider="cpu")
    data = file.read_bytes()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        _label_batch(classifier, [data])
        times.append(time.perf_counter() - started)
    return float(np.median(times) * 1e3)


def cpu_ms(work: Work) -> float:
    """Milliseconds of processor time that an image takes in full batches on one thread.

    Unlike a rate it hardly depends on what else the machine is doing.
    """
    classifier = OnnxClassifier(load_bundle(work.bundle), provider="cpu")
    encoded = [file.read_bytes() for file in work.files]
    batch = [encoded[place % len(encoded)] for place in range(BATCH)]
    _label_batch(classifier, batch)
    done, started, spent = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < work.seconds:
        _label_batch(classifier, batch)
        done += BATCH
    return (time.process_time() - spent) / done * 1e3


def _share(barrier: "multiprocessing.synchronize.Barrier") -> None:
    """Keep what all processes of a pool meet at."""
    _Shared.barrier = barrier


class _Shared:
    """What a process of the pool was given when it started."""

    barrier: "multiprocessing.synchronize.Barrier"


def _label_for_a_while(work: Work) -> float:
    classifier = OnnxClassifier(load_bundle(work.bundle), provider="cpu")
    encoded = [file.read_bytes() for file in work.files]
    batch = [encoded[place % len(encoded)] for place in range(BATCH)]
    _label_batch(classifier, batch)
    _Shared.barrier.wait()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < work.seconds:
        _label_batch(classifier, batch)
        done += BATCH
    return done / (time.perf_counter() - started)


def _label_batch(classifier: OnnxClassifier, batch: Sequence[bytes]) -> None:
    spec = classifier.manifest.input
    pixels = [
        to_pixels(decode_image(data, max_pixels=MAX_PIXELS, target=spec).image, spec)
        for data in batch
    ]
    classifier.run(np.stack(pixels))
