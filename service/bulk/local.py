"""The engine of one machine: a process a core, each with one inference thread.

The main process reads, and writes what is complete; workers decode and infer. At most
``AHEAD`` chunks a worker are between the two, so that no worker waits and memory has a bound. On a
GPU the workers decode only, and the main process runs the one session.

A worker that dies takes nothing with it: the chunks that were under way are done again image by
image, and an image that ends a process of its own becomes a row that says so.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Final, Self

from service.bulk.engines import Job
from service.bulk.errors import FatalImage, WorkersFailed
from service.bulk.labelling import BatchLabeller
from service.bulk.reading import Chunk, UnitReader
from service.bulk.rows import Failure, Row
from service.bulk.units import load_unit
from service.bulk.worker import Worked, WorkerOrder, begin, work
from service.cores import usable_cores

AHEAD: Final = 3
"""Chunks under way a worker: one at work, one at its door, one being read."""


WORKERS_INFER_ON: Final = frozenset({"cpu"})
"""Providers of which every process may have a session; on others the main process has the one."""


class LocalEngine:
    """Labels on this machine's cores."""

    def __init__(self, workers: int = 0) -> None:
        self._workers = workers or usable_cores()

    def run(self, job: Job) -> None:
        """Label every unit that is missing."""
        infers = job.classifier.provider in WORKERS_INFER_ON
        order = WorkerOrder(job.bundle.path, job.plan.labelling, job.batch, infers)
        labeller = BatchLabeller(job.classifier, job.plan.labelling, job.batch)
        parts = _OpenParts(job)
        with Workers(order, self._workers) as workers:
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
                yield from reader.chunks(unit, job.ledger.parts(place.number))
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

    def __init__(self, job: Job) -> None:
        self._job = job
        self._open: dict[tuple[int, int], _Part] = {}

    def expect(self, chunk: Chunk) -> None:
        """Learn of a chunk before its rows can come."""
        part = self._open.setdefault((chunk.unit, chunk.part), _Part())
        part.expected += len(chunk.items)
        part.closed, part.last = chunk.closes, chunk.last

    def settle(self, chunk: Chunk, rows: Sequence[Row]) -> None:
        """Take a chunk's rows, and write its part when nothing of it is missing."""
        part = self._open[chunk.unit, chunk.part]
        part.rows.update((item.position, row) for item, row in zip(chunk.items, rows, strict=True))
        if part.closed and len(part.rows) == part.expected:
            del self._open[chunk.unit, chunk.part]
            ordered = [row for _, row in sorted(part.rows.items())]
            self._job.ledger.write(chunk.unit, chunk.part, ordered, last=part.last)
        failed = sum(row.failure is not None for row in rows)
        self._job.progress.advance(images=len(rows), failed=failed, source_bytes=chunk.source_bytes)


class Workers:
    """A pool of processes with bounded work under way, which outlives the death of its workers."""

    def __init__(self, order: WorkerOrder, count: int) -> None:
        self._order = order
        self._count = count
        self._pool = _start(order, count)
        self._under_way: dict[Future[Worked], Chunk] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *end: object) -> None:
        _end(self._pool)

    def submit(self, chunk: Chunk) -> Iterator[tuple[Chunk, Worked]]:
        """Give a chunk to the workers; yield those that ended, one at least when all is full."""
        self._give(chunk)
        while len(self._under_way) >= AHEAD * self._count:
            yield from self._ended()

    def drain(self) -> Iterator[tuple[Chunk, Worked]]:
        """Yield all that is still under way."""
        while self._under_way:
            yield from self._ended()

    def _give(self, chunk: Chunk) -> None:
        try:
            future = self._pool.submit(work, chunk.items)
        except BrokenProcessPool as error:
            future = Future()
            future.set_exception(error)
        self._under_way[future] = chunk

    def _ended(self) -> Iterator[tuple[Chunk, Worked]]:
        """Yield what ended, once something has; after a death, all that was under way."""
        ended, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in ended):
            yield from self._recover()
            return
        for future in ended:
            yield self._under_way.pop(future), future.result()

    def _recover(self) -> Iterator[tuple[Chunk, Worked]]:
        """Do again, image by image, what a dead worker left; then go on with new ones."""
        _end(self._pool)
        suspects, self._under_way = list(self._under_way.items()), {}
        for future, chunk in suspects:
            if future.done() and future.exception() is None:
                yield chunk, future.result()
            else:
                yield chunk, self._one_by_one(chunk)
        self._pool = _start(self._order, self._count)

    def _one_by_one(self, chunk: Chunk) -> Worked:
        worked: Worked = []
        pool = _start(self._order, 1)
        try:
            for item in chunk.items:
                try:
                    worked += pool.submit(work, (item,)).result()
                except BrokenProcessPool:
                    pool = _start(self._order, 1)
                    worked.append(Row.failed(item, Failure.of(FatalImage())))
        finally:
            _end(pool)
        return worked


def _start(order: WorkerOrder, count: int) -> ProcessPoolExecutor:
    """Start the workers, and have one prove that a process can work at all."""
    pool = ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=begin,
        initargs=(order,),
    )
    try:
        pool.submit(work, ()).result()
    except BrokenProcessPool as error:
        raise WorkersFailed from error
    return pool


def _end(pool: ProcessPoolExecutor) -> None:
    """End the workers without waiting for what they are at."""
    processes = list((pool._processes or {}).values())  # noqa: SLF001  # no other door before 3.14
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()
