"""The engine of one machine: a process a core, each with one inference thread.

The main process hands out chunks, and a thread of it writes what is complete; workers read what
lies on this machine's disk, decode and infer. At most ``AHEAD`` chunks a worker are between the
two, so that no worker waits and memory has a bound. On a GPU the workers decode only, and the main
process runs the one session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from service.bulk.engines import Job
from service.bulk.labelling import BatchLabeller
from service.bulk.ledger import Ledger, Receipt
from service.bulk.reading import Chunk, UnitReader
from service.bulk.rows import Row
from service.bulk.units import load_unit
from service.bulk.worker import WorkerOrder
from service.bulk.workers import Workers
from service.cores import usable_cores

PARTS_WAITING: Final = 2
"""Whole parts that wait to be written; a slower disk than that holds the run up, not the memory."""

WORKERS_INFER_ON: Final = frozenset({"cpu"})
"""Providers of which every process may have a session; on others the main process has the one."""


class LocalEngine:
    """Labels on this machine's cores."""

    def __init__(self, workers: int = 0) -> None:
        self._workers = workers or usable_cores()

    def run(self, job: Job) -> None:
        """Label every unit that is missing."""
        infers = job.classifier.provider in WORKERS_INFER_ON
        order = WorkerOrder(job.bundle, job.plan.labelling, job.batch, infers)
        labeller = BatchLabeller(job.classifier, job.plan.labelling, job.batch)
        with Workers(order, self._workers) as workers, _PartWriter(job.ledger) as writer:
            parts = _OpenParts(job, writer)
            for chunk in _chunks(job):
                parts.expect(chunk)
                for ended, worked in workers.submit(chunk):
                    parts.settle(ended, labeller.label(worked))
            for ended, worked in workers.drain():
                parts.settle(ended, labeller.label(worked))


def _chunks(job: Job) -> Iterator[Chunk]:
    reader = UnitReader(job.plan.reading)
    try:
        with job.listing.open("rb") as listing:
            for place in job.missing():
                listing.seek(place.offset)
                unit = load_unit(place, listing.read(place.length))
                yield from reader.chunks(unit, frozenset(job.ledger.parts(place.number)))
    finally:
        reader.close()


@dataclass(slots=True)
class _Part:
    """The rows of a part that is not written yet."""

    rows: dict[int, Row] = field(default_factory=dict)
    expected: int = 0
    closed: bool = False
    last: bool = False


class _OpenParts:
    """Gathers rows until a part is whole; parts may become so in any order."""

    def __init__(self, job: Job, writer: _PartWriter) -> None:
        self._job = job
        self._writer = writer
        self._open: dict[tuple[int, int], _Part] = {}

    def expect(self, chunk: Chunk) -> None:
        """Learn of a chunk before its rows can come."""
        part = self._open.setdefault((chunk.unit, chunk.part), _Part())
        part.expected += len(chunk.items)
        part.closed, part.last = chunk.closes, chunk.last

    def settle(self, chunk: Chunk, rows: Sequence[Row]) -> None:
        """Take a chunk's rows, and have its part written when nothing of it is missing."""
        part = self._open[chunk.unit, chunk.part]
        part.rows.update((item.position, row) for item, row in zip(chunk.items, rows, strict=True))
        if part.closed and len(part.rows) == part.expected:
            del self._open[chunk.unit, chunk.part]
            ordered = [row for _, row in sorted(part.rows.items())]
            self._writer.write(chunk.unit, chunk.part, ordered, last=part.last)
        failed = sum(row.failure is not None for row in rows)
        self._job.progress.advance(images=len(rows), failed=failed, source_bytes=chunk.source_bytes)


class _PartWriter:
    """Writes parts on a thread of its own, so that no worker waits for a disk or a bucket.

    Leaving the context without an error waits for all of it; with one, for what is being written.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parts")
        self._waiting: deque[Future[Receipt]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            while error is None and self._waiting:
                self._waiting.popleft().result()
        finally:
            self._thread.shutdown(cancel_futures=True)

    def write(self, unit: int, part: int, rows: Sequence[Row], *, last: bool) -> None:
        """Have a part written, once fewer than ``PARTS_WAITING`` wait before it.

        Raises:
            TargetError: an earlier one could not be.
        """
        while self._waiting and (len(self._waiting) >= PARTS_WAITING or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._ledger.write, unit, part, rows, last=last))
