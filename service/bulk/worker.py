"""What runs in a worker process; it loads the model's side of the service and nothing else.

Chunks come and answers go over a pipe, in the same order. A thread takes chunks in ahead of their
turn, so that the next one is here when one is done, and the main process never waits to send.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from service.bulk.labelling import BatchLabeller, Decoded, LabelOptions, decode
from service.bulk.rows import Item, Row
from service.bundles import Bundle, check_graph
from service.classifier import OnnxClassifier
from service.errors import StartupError

Worked: TypeAlias = list[Decoded | Row]
"""What a worker gives back, in the order of its items: rows, or where it does not infer, pixels."""


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """What a worker process is started with; one that does not infer opens no session.

    The manifest in ``bundle`` is the one that the main process read, and checked the signature of
    where keys are named: what lies beside the graph by now vouches for nothing.
    """

    bundle: Bundle
    options: LabelOptions
    batch: int
    infers: bool


class Worker:
    """Decodes on one thread, and infers on it where no GPU does."""

    def __init__(self, order: WorkerOrder) -> None:
        """Open a session where this one infers.

        Raises:
            BundleError: the graph is no longer the one that the main process checked.
        """
        self._spec, self._options = order.bundle.manifest.input, order.options
        self._labeller: BatchLabeller | None = None
        if order.infers:
            check_graph(order.bundle)
            classifier = OnnxClassifier(order.bundle, provider="cpu")
            self._labeller = BatchLabeller(classifier, order.options, order.batch)

    def work(self, items: Sequence[Item]) -> Worked:
        """Return the end of each item, in order."""
        decoded = decode(items, self._spec, self._options)
        return [*self._labeller.label(decoded)] if self._labeller else decoded


def serve(chunks: Connection, answers: Connection, order: WorkerOrder) -> None:
    """Answer chunks until the main process is gone; Ctrl-C is its to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_take_in, args=(chunks, inbox), daemon=True).start()
    try:
        worker = Worker(order)
    except StartupError as error:
        answers.send(error)
        return
    answers.send(None)
    while True:
        # Unpacked here and not in the thread: an image that ends a process ends it at its turn.
        items = pickle.loads(inbox.get())  # noqa: S301  # the main process's own
        try:
            answer: Worked | Exception = worker.work(items)
        except Exception as error:  # noqa: BLE001  # the main process raises it
            error.add_note(traceback.format_exc())
            answer = error
        answers.send(answer)


def _take_in(chunks: Connection, inbox: queue.SimpleQueue[bytes]) -> None:
    """Take chunks in; end with the main process, even where that is killed and can tell nobody."""
    try:
        while True:
            inbox.put(chunks.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)
