"""Worker processes with bounded work under way, which the death of one of them costs nothing.

Every worker has a pipe of its own in each direction and answers in order. So when one dies, it is
known which chunk it was at: that one is done again image by image, in a process of its own, and an
image that ends even that becomes a row that says so. What waited behind goes to a new worker.
"""

from __future__ import annotations

import fcntl
import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Final, Self, cast

from service.bulk.errors import FatalImage, WorkersFailed
from service.bulk.reading import Chunk
from service.bulk.rows import Failure, Item, Row
from service.bulk.worker import Worked, WorkerOrder, serve

AHEAD: Final = 3
"""Chunks under way a worker: one at work, one at its door, one being sent."""

_PIPE_BYTES: Final = 2**20
"""As much as an unprivileged process may ask of Linux: a chunk goes over in few turns."""


class Workers:
    """Processes that are all ready before the first chunk is given."""

    def __init__(self, order: WorkerOrder, count: int) -> None:
        """Start them side by side.

        Raises:
            WorkersFailed: one ended before it was ready.
            StartupError: one cannot open the graph, or it is not the one that was checked.
        """
        self._order = order
        self._processes: list[_Process] = []
        try:
            self._processes += [_Process(order) for _ in range(count)]
            for process in self._processes:
                process.wait_until_ready()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *end: object) -> None:
        self._end()

    def submit(self, chunk: Chunk) -> Iterator[tuple[Chunk, Worked]]:
        """Give a chunk to a worker; yield those that ended, one at least when all is full."""
        min(self._processes, key=lambda process: len(process.under_way)).give(chunk)
        while self._under_way() >= AHEAD * len(self._processes):
            yield from self._ended()

    def drain(self) -> Iterator[tuple[Chunk, Worked]]:
        """Yield all that is still under way."""
        while self._under_way():
            yield from self._ended()

    def _under_way(self) -> int:
        return sum(len(process.under_way) for process in self._processes)

    def _ended(self) -> Iterator[tuple[Chunk, Worked]]:
        """Yield what ended, once something has."""
        busy = {process.answers: process for process in self._processes if process.under_way}
        for ready in wait(list(busy)):
            process = busy[cast("Connection", ready)]
            try:
                worked = process.answer()
            except _WorkerDied:
                yield from self._recover(process)
            else:
                yield process.under_way.popleft(), worked

    def _recover(self, dead: _Process) -> Iterator[tuple[Chunk, Worked]]:
        """Put a new worker in a dead one's place, and do its chunk again image by image."""
        dead.end()
        place = self._processes.index(dead)
        self._processes[place] = successor = _started(self._order)
        suspect = dead.under_way.popleft()
        for chunk in dead.under_way:
            successor.give(chunk)
        yield suspect, self._one_by_one(suspect)

    def _one_by_one(self, chunk: Chunk) -> Worked:
        worked: Worked = []
        process = _started(self._order)
        try:
            for item in chunk.items:
                try:
                    worked += process.ask((item,))
                except _WorkerDied:
                    process.end()
                    worked.append(Row.failed(item, Failure.of(FatalImage())))
                    process = _started(self._order)
        finally:
            process.end()
        return worked

    def _end(self) -> None:
        """End the workers without waiting for what they are at."""
        for process in self._processes:
            process.end()


def _started(order: WorkerOrder) -> _Process:
    """Return one more worker, ready.

    Raises:
        WorkersFailed: it ended before it was.
    """
    process = _Process(order)
    try:
        process.wait_until_ready()
    except BaseException:
        process.end()
        raise
    return process


class _WorkerDied(Exception):
    """The pipe of a worker has ended, and so has the worker."""


class _Process:
    """A worker from the main process's side, with the chunks that it has not answered."""

    def __init__(self, order: WorkerOrder) -> None:
        context = multiprocessing.get_context("spawn")
        theirs_in, self._chunks = context.Pipe(duplex=False)
        self.answers, theirs_out = context.Pipe(duplex=False)
        for end in (self._chunks, theirs_out):
            with suppress(OSError):  # a user may hold only so much, and it works with less
                fcntl.fcntl(end.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.under_way: deque[Chunk] = deque()
        self._process = context.Process(
            target=serve, args=(theirs_in, theirs_out, order), daemon=True
        )
        self._process.start()
        # Or the end of a process would not end its pipes.
        theirs_in.close()
        theirs_out.close()

    def wait_until_ready(self) -> None:
        """Take the word that a worker sends before its first answer.

        Raises:
            WorkersFailed: it ended instead.
            StartupError: it says why it cannot work.
        """
        try:
            obstacle = self._receive()
        except _WorkerDied as error:
            raise WorkersFailed from error
        if isinstance(obstacle, Exception):
            raise obstacle

    def give(self, chunk: Chunk) -> None:
        """Send a chunk; whoever waits for the answer learns of a worker that is dead."""
        self.under_way.append(chunk)
        self._send(chunk.items)

    def ask(self, items: Sequence[Item]) -> Worked:
        """Return the answer to some items, with nothing else under way."""
        self._send(items)
        return self.answer()

    def answer(self) -> Worked:
        """Return the answer to what was given first.

        Raises:
            _WorkerDied: there is none to come.
            BulkError: what the worker met ends the run.
        """
        answer = self._receive()
        if isinstance(answer, Exception):
            raise answer
        return cast("Worked", answer)

    def end(self) -> None:
        self._process.terminate()
        self._process.join()
        self._chunks.close()
        self.answers.close()

    def _receive(self) -> object:
        try:
            return self.answers.recv()
        except (EOFError, OSError) as error:
            raise _WorkerDied from error

    def _send(self, items: Sequence[Item]) -> None:
        with suppress(BrokenPipeError):
            self._chunks.send(items)
