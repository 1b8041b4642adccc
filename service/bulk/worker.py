"""What runs in a worker process; it loads the model's side of the service and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from service.bulk.labelling import BatchLabeller, Decoded, LabelOptions, decode
from service.bulk.rows import Item, Row
from service.bundles import load_bundle
from service.classifier import OnnxClassifier

Worked: TypeAlias = list[Decoded | Row]
"""What a worker gives back, in the order of its items: rows, or where it does not infer, pixels."""


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """What a worker process is started with; one that does not infer opens no session."""

    bundle: Path
    options: LabelOptions
    batch: int
    infers: bool


class Worker:
    """Decodes on one thread, and infers on it where no GPU does."""

    def __init__(self, order: WorkerOrder) -> None:
        bundle = load_bundle(order.bundle)
        self._spec, self._options = bundle.manifest.input, order.options
        self._labeller: BatchLabeller | None = None
        if order.infers:
            classifier = OnnxClassifier(bundle, provider="cpu")
            self._labeller = BatchLabeller(classifier, order.options, order.batch)

    def work(self, items: Sequence[Item]) -> Worked:
        """Return the end of each item, in order."""
        decoded = decode(items, self._spec, self._options)
        return [*self._labeller.label(decoded)] if self._labeller else decoded


class _Process:
    """What this process keeps between chunks."""

    worker: Worker


def begin(order: WorkerOrder) -> None:
    """Load the model once; Ctrl-C is the main process's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    _Process.worker = Worker(order)


def work(items: Sequence[Item]) -> Worked:
    """Do a chunk's work in the process that ``begin`` has prepared."""
    return _Process.worker.work(items)


def _follow_parent() -> None:
    """End with the main process, even where that is killed and can tell nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
