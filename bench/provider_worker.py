"""One environment's side of `bench.providers`: answers each line of JSON with one of JSON.

Runs in whatever environment has the service and one ONNX Runtime, so it imports nothing else.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.bundles import load_bundle
from service.classifier import OnnxClassifier
from service.providers.options import Precision, Provider, ProviderOptions, runs_at_once
from service.providers.parity import pictures


@dataclass(frozen=True, slots=True)
class Asked:
    """How one environment runs every bundle."""

    provider: Provider
    precision: Precision
    threads: int
    max_batch: int


def opened(path: Path, asked: Asked) -> OnnxClassifier:
    """Return the bundle as the service would run it, warm."""
    classifier = OnnxClassifier(
        load_bundle(path),
        provider=asked.provider,
        options=ProviderOptions(
            max_batch=asked.max_batch,
            parallel_runs=asked.threads,
            openvino_precision=asked.precision,
        ),
    )
    classifier.warm_up(asked.max_batch)
    return classifier


def rate(classifier: OnnxClassifier, batch: int, threads: int, seconds: float) -> float:
    """Return images a second of so many threads that each run batch after batch."""
    images = pictures(classifier.manifest.input, batch)
    threads = runs_at_once(classifier.provider, threads)
    started = time.perf_counter()

    def loop(_: int) -> int:
        done = 0
        while not done or time.perf_counter() - started < seconds:
            classifier.run(images)
            done += batch
        return done

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(loop, range(threads)))
    return done / (time.perf_counter() - started)


def shown(classifier: OnnxClassifier, images: str) -> NDArray[np.uint8]:
    """Return the pictures of a NumPy file, or those that prove a provider where none is named."""
    return np.load(images) if images else pictures(classifier.manifest.input)


def logits(
    classifier: OnnxClassifier, images: NDArray[np.uint8], max_batch: int
) -> list[list[float]]:
    """Return the logits of images ``[N, H, W, C]``."""
    parts = [
        classifier.run(images[start : start + max_batch])
        for start in range(0, len(images), max_batch)
    ]
    found: list[list[float]] = np.concatenate(parts)[:, : len(classifier.manifest.labels)].tolist()
    return found


def main() -> None:
    """Answer until the input ends; the first line says how to run, and each other what to do."""
    asked = Asked(**json.loads(sys.stdin.readline()))
    open_: dict[str, OnnxClassifier] = {}
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        path = order["bundle"]
        answer: dict[str, object]
        if path not in open_:
            started = time.perf_counter()
            open_[path] = opened(Path(path), asked)
            answer = {
                "provider": open_[path].provider,
                "runtime": onnxruntime.__version__,
                "seconds": time.perf_counter() - started,
                "logits": logits(open_[path], shown(open_[path], order["images"]), asked.max_batch),
            }
        else:
            measured = rate(open_[path], order["batch"], asked.threads, order["seconds"])
            answer = {"rate": measured}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
