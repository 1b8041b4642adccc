"""Whatever the order of arrivals, cancels, failures, deadlines and drains, each job ends once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from service.errors import DeadlineExceeded, InferenceFailed, NotReady, Overloaded
from service.jobs import Outcome
from tests.stepped import (
    GOOD,
    POISONED,
    QUARRELSOME,
    STUNTED,
    UNMAKEABLE,
    Stage,
    Unmakeable,
)

KINDS = (GOOD, GOOD, GOOD, GOOD, POISONED, QUARRELSOME, STUNTED, UNMAKEABLE)
DRAIN_LIMIT = 20.0


@dataclass(slots=True)
class Caller:
    """What the test knows about one caller, kept apart from what the batcher knows."""

    kind: int
    deadline: float | None
    task: asyncio.Task[Outcome]
    number: int
    was_cancelled: bool = False
    is_settled: bool = False


class Play:
    """One batcher under a schedule; an action may come before the last one's effects, or after."""

    def __init__(self, *, max_queue: int, max_batch: int, workers: int) -> None:
        self.bounds = (max_queue, max_batch, workers)
        self.stage = Stage(max_queue=max_queue, max_batch=max_batch, workers=workers).start()
        self.stage.executor.on_start = self.check_start
        self.callers: dict[int, Caller] = {}
        self.is_quiet = True
        self.draining: asyncio.Task[None] | None = None
        self.drain_ends = 0.0

    def arrive(self, argument: int) -> None:
        """Let one caller come, in one of five with a deadline."""
        number = len(self.callers)
        kind = KINDS[argument % len(KINDS)]
        deadline = self.stage.loop.now + argument % 4 if argument % 5 == 0 else None
        made = kind == UNMAKEABLE or argument % 2 == 0
        submit = self.stage.submit_made if made else self.stage.submit
        task = submit(number, kind=kind, deadline=deadline)
        self.callers[number] = Caller(kind, deadline, task, number)

    def leave(self, argument: int) -> None:
        if self.callers:
            caller = self.callers[argument % len(self.callers)]
            caller.was_cancelled |= caller.task.cancel()

    def make(self, argument: int) -> None:
        pending = self.stage.makers.pending
        if pending:
            self.stage.makers.make(argument % len(pending))

    def finish(self, argument: int) -> None:
        pending = self.stage.executor.pending
        if pending:
            self.stage.executor.finish(argument % len(pending))

    def advance(self, argument: int) -> None:
        self.stage.loop.now += argument % 4

    def drain(self, argument: int) -> None:
        """Begin to drain, rarely; or, when that has gone on for a while, run out of patience."""
        if self.draining is not None:
            self.stage.settle()
            self.stage.loop.now = max(self.stage.loop.now, self.drain_ends)
            self.stage.settle()
            assert self.draining.done(), "a drain outlasted its limit"
        elif argument % 4 == 0:
            self.draining = self.stage.loop.create_task(self.stage.batcher.drain(limit=DRAIN_LIMIT))
            self.stage.settle()
            self.drain_ends = self.stage.loop.now + DRAIN_LIMIT

    def step(self, action: int, argument: int) -> None:
        """Do what a byte says, more often the common things; an odd one lets its effects happen."""
        act = (self.arrive, self.arrive, self.make, self.finish, self.finish, self.leave)
        chosen = (*act, self.advance, self.drain)[action // 2 % 8]
        note(f"{chosen.__name__} {argument}{'' if action % 2 else ', at once'}")
        chosen(argument)
        self.after(settle=bool(action % 2))
        self.bounds_hold()
        if self.is_quiet:
            self.no_job_is_lost_or_doubled()
            self.nothing_waits_while_a_thread_is_idle()

    def after(self, *, settle: bool) -> None:
        self.is_quiet = settle
        if settle:
            self.stage.settle()
            for caller in self.callers.values():
                self.check_end(caller)

    def check_start(self, number: int) -> None:
        caller = self.callers[number]
        assert not caller.was_cancelled, "a job ran after its caller had left"
        late = caller.deadline is not None and caller.deadline <= self.stage.loop.now
        assert not late, "a job ran after its deadline"
        assert not caller.is_settled, "a job ran after its end"

    def check_end(self, caller: Caller) -> None:
        if not caller.task.done() or caller.is_settled:
            return
        caller.is_settled = True
        if caller.task.cancelled():
            assert caller.was_cancelled
            return
        error = caller.task.exception()
        if error is None:
            assert caller.task.result().logits.tolist() == [caller.number, -caller.number]
            assert caller.kind in {GOOD, QUARRELSOME}
            return
        now = self.stage.loop.now
        explained = {
            InferenceFailed: caller.kind in {POISONED, STUNTED},
            Unmakeable: caller.kind == UNMAKEABLE,
            DeadlineExceeded: caller.deadline is not None and caller.deadline <= now,
            NotReady: self.draining is not None,
            Overloaded: True,
        }
        assert explained[type(error)], f"{error!r} without a reason"

    def bounds_hold(self) -> None:
        max_queue, max_batch, workers = self.bounds
        assert self.stage.batcher.depth + self.stage.batcher.coming <= max_queue
        assert len(self.stage.executor.pending) <= workers
        assert all(1 <= size <= max_batch for size in self.stage.executor.sizes)

    def no_job_is_lost_or_doubled(self) -> None:
        open_callers = [c.number for c in self.callers.values() if not c.task.done()]
        assert sorted(self.stage.waiting_numbers().elements()) == sorted(open_callers)
        ended = [job for job in self.stage.batcher._queue if job.future.done()]
        assert not ended, "a job that has ended keeps its place"

    def nothing_waits_while_a_thread_is_idle(self) -> None:
        if len(self.stage.executor.pending) < self.bounds[2]:
            assert self.stage.batcher.depth == 0
            assert not self.stage.batcher._alone

    def close(self) -> None:
        self.after(settle=True)
        self.stage.close()
        for caller in self.callers.values():
            self.check_end(caller)
            assert caller.is_settled, "a job outlived the batcher"
        assert not self.stage.waiting_numbers()
        assert not self.stage.batcher._handed
        assert (self.stage.batcher.depth, self.stage.batcher.coming) == (0, 0)
        assert self.stage.executor.is_shut_down
        assert self.stage.complaints == []


@pytest.mark.no_cover  # the unit tests run the same lines, in fewer schedules
@settings(max_examples=2000, deadline=None)
@given(
    schedule=st.binary(min_size=16, max_size=160),
    max_queue=st.integers(1, 6),
    max_batch=st.integers(1, 4),
    workers=st.integers(1, 3),
)
def test_every_job_ends_exactly_once_whatever_the_schedule(
    schedule: bytes, max_queue: int, max_batch: int, workers: int
) -> None:
    play = Play(max_queue=max_queue, max_batch=max_batch, workers=workers)
    try:
        for action, argument in zip(schedule[::2], schedule[1::2], strict=False):
            play.step(action, argument)
    finally:
        play.close()
