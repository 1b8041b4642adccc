from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from service.batcher import Batcher
from service.errors import DeadlineExceeded, InferenceFailed, NotReady, Overloaded
from tests.stepped import POISONED, QUARRELSOME, STUNTED, Stage, ToyClassifier, picture


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(max_queue=4, max_batch=3, workers=1).start()
    yield stage
    stage.close()
    assert stage.complaints == []


@pytest.fixture
def two_workers() -> Iterator[Stage]:
    stage = Stage(max_queue=16, max_batch=4, workers=2).start()
    yield stage
    stage.close()
    assert stage.complaints == []


def test_an_idle_thread_takes_a_single_job_at_once(stage: Stage) -> None:
    (task,) = stage.arrive(7)
    assert stage.executor.sizes == [1]
    stage.finish()
    assert task.result().logits.tolist() == [7, -7]
    assert task.result().batch_size == 1


def test_jobs_gather_while_the_thread_works_which_takes_them_itself(stage: Stage) -> None:
    stage.arrive(0)
    tasks = stage.arrive(1, 2, 3, 4)
    stage.executor.finish()  # and the event loop has not turned
    assert stage.executor.pending[0].numbers == [1, 2, 3]
    stage.finish()
    assert stage.executor.pending[0].numbers == [4]
    stage.finish()
    assert [task.result().logits[0] for task in tasks] == [1, 2, 3, 4]
    assert [task.result().batch_size for task in tasks] == [3, 3, 3, 1]


def test_two_free_threads_share_what_waits(two_workers: Stage) -> None:
    two_workers.arrive(1, 2, 3, 4, 5)
    assert [handed.numbers for handed in two_workers.executor.pending] == [[1, 2, 3], [4]]
    two_workers.finish()
    assert [handed.numbers for handed in two_workers.executor.pending] == [[4], [5]]


def test_a_batch_never_exceeds_its_bound_even_when_that_is_one() -> None:
    stage = Stage(max_queue=8, max_batch=1).start()
    stage.arrive(1, 2, 3)
    stage.close()
    assert stage.executor.sizes == [1, 1, 1]


def test_a_full_queue_refuses_and_says_when_to_come_back(stage: Stage) -> None:
    stage.arrive(0)
    stage.finish(seconds=2.0)
    stage.arrive(1)
    waiting = stage.arrive(2, 3, 4, 5)
    assert stage.batcher.depth == 4
    (refused,) = stage.arrive(6)
    error = refused.exception()
    assert isinstance(error, Overloaded)
    assert error.headers == {"Retry-After": "10"}
    stage.finish_all()
    assert [task.result().logits[0] for task in waiting] == [2, 3, 4, 5]


def test_before_the_first_batch_retry_after_is_a_second(stage: Stage) -> None:
    assert stage.batcher.retry_after() == 1.0


def test_retry_after_follows_the_measured_rate_of_all_threads(two_workers: Stage) -> None:
    two_workers.arrive(1)
    two_workers.finish(seconds=4.0)
    two_workers.arrive(2, 3)
    assert two_workers.batcher.retry_after() == pytest.approx(2 * 4.0 / 2)
    two_workers.finish(seconds=0.0)
    two_workers.finish(seconds=0.0)
    two_workers.arrive(4)
    assert two_workers.batcher.retry_after() == pytest.approx(4.0 * 0.8 * 0.8 / 2)


def test_an_outcome_says_where_its_time_went(stage: Stage) -> None:
    stage.arrive(0)
    (task,) = stage.arrive(1)
    stage.finish(seconds=1.5)
    stage.finish(seconds=0.5)
    outcome = task.result()
    assert (outcome.begun, outcome.ended) == (1.5, 2.0)
    assert stage.ledger.seconds == [1.5, 0.5]


def test_a_late_job_ends_at_its_deadline_and_never_runs(stage: Stage) -> None:
    stage.arrive(0)
    late = stage.submit(1, deadline=5.0)
    stage.settle()
    assert stage.batcher.depth == 1
    stage.advance(5.0)
    assert isinstance(late.exception(), DeadlineExceeded)
    assert stage.batcher.depth == 0
    stage.finish_all()
    assert stage.executor.sizes == [1]


def test_a_job_that_is_late_on_arrival_is_not_taken(stage: Stage) -> None:
    stage.advance(9.0)
    late = stage.submit(1, deadline=9.0)
    stage.settle()
    assert isinstance(late.exception(), DeadlineExceeded)
    assert stage.executor.sizes == []


def test_a_late_job_does_not_run_though_its_timer_has_yet_to_end_it(stage: Stage) -> None:
    stage.arrive(0)
    late = stage.submit(1, deadline=5.0)
    stage.settle()
    stage.loop.now = 5.0
    stage.executor.finish()
    assert stage.executor.sizes == [1]
    stage.settle()
    assert isinstance(late.exception(), DeadlineExceeded)
    assert stage.batcher.depth == 0


def test_a_job_whose_deadline_comes_while_it_runs_ends_then(stage: Stage) -> None:
    running = stage.submit(1, deadline=5.0)
    stage.settle()
    stage.advance(5.0)
    assert isinstance(running.exception(), DeadlineExceeded)
    stage.finish()


def test_a_caller_who_leaves_frees_his_place_and_never_runs(stage: Stage) -> None:
    stage.arrive(0)
    leaving, *_ = stage.arrive(1, 2, 3, 4)
    leaving.cancel()
    stage.settle()
    assert stage.batcher.depth == 3
    (newcomer,) = stage.arrive(5)
    stage.finish()
    assert stage.executor.pending[0].numbers == [2, 3, 4]
    stage.finish_all()
    assert leaving.cancelled()
    assert newcomer.result().logits[0] == 5


def test_a_caller_who_leaves_just_before_the_batch_is_gathered_is_passed_over(
    stage: Stage,
) -> None:
    stage.arrive(0)
    leaving, staying = stage.arrive(1, 2)
    leaving.cancel()
    stage.executor.finish()
    stage.settle()
    assert [handed.numbers for handed in stage.executor.pending] == [[2]]
    stage.finish()
    assert staying.result().logits[0] == 2


def test_a_caller_who_leaves_while_his_batch_runs_harms_nobody(stage: Stage) -> None:
    stage.arrive(0)
    leaving, staying = stage.arrive(1, 2)
    stage.finish()
    leaving.cancel()
    stage.settle()
    stage.finish()
    assert leaving.cancelled()
    assert staying.result().logits[0] == 2


def test_one_bad_image_alone_gets_the_error(stage: Stage) -> None:
    stage.arrive(0)
    tasks = [stage.submit(1), stage.submit(2, kind=POISONED), stage.submit(3)]
    stage.settle()
    stage.finish_all()
    assert tasks[0].result().logits[0] == 1
    assert tasks[0].result().batch_size == 1
    error = tasks[1].exception()
    assert isinstance(error, InferenceFailed)
    assert isinstance(error.__cause__, RuntimeError)
    assert tasks[2].result().logits[0] == 3
    assert stage.ledger.failed == [3, 1]
    assert stage.ledger.ran == [1, 1, 1]


def test_images_that_fail_only_together_all_succeed_alone(stage: Stage) -> None:
    stage.arrive(0)
    tasks = [stage.submit(number, kind=QUARRELSOME) for number in (1, 2, 3)]
    stage.settle()
    stage.finish_all()
    assert [task.result().logits[0] for task in tasks] == [1, 2, 3]


def test_a_missing_row_is_a_failure_and_never_another_image_s_logits(stage: Stage) -> None:
    stage.arrive(0)
    tasks = [stage.submit(1, kind=STUNTED), stage.submit(2)]
    stage.settle()
    stage.finish_all()
    assert isinstance(tasks[0].exception(), InferenceFailed)
    assert tasks[1].result().logits[0] == 2


def test_who_leaves_after_a_failed_batch_is_not_run_again(stage: Stage) -> None:
    stage.arrive(0)
    tasks = [stage.submit(1, kind=POISONED), stage.submit(2), stage.submit(3)]
    stage.settle()
    stage.finish()
    tasks[0].cancel()
    stage.finish()
    tasks[2].cancel()
    stage.finish_all()
    assert stage.executor.sizes == [1, 3, 1]
    assert tasks[1].result().logits[0] == 2


def test_images_of_different_shapes_do_not_sink_each_other(stage: Stage) -> None:
    stage.arrive(0)
    odd = stage.loop.create_task(stage.batcher.submit(np.zeros((1, 2, 3), np.uint8)))
    (even,) = stage.arrive(1)
    stage.finish_all()
    assert even.result().logits[0] == 1
    assert odd.result().batch_size == 1


def test_a_system_without_threads_to_give_fails_the_job_and_not_the_batcher(stage: Stage) -> None:
    stage.executor.refuses = True
    (failed,) = stage.arrive(1)
    assert isinstance(failed.exception(), InferenceFailed)
    stage.executor.refuses = False
    (next_one,) = stage.arrive(2)
    stage.finish()
    assert next_one.result().logits[0] == 2


def test_draining_finishes_what_was_taken_and_takes_no_more(stage: Stage) -> None:
    stage.arrive(0)
    taken = stage.arrive(1, 2, 3, 4)
    draining = stage.loop.create_task(stage.batcher.drain())
    (refused,) = stage.arrive(5)
    assert isinstance(refused.exception(), NotReady)
    assert not stage.batcher.accepting
    assert not draining.done()
    stage.finish_all()
    assert draining.done()
    assert stage.executor.is_shut_down
    assert [task.result().logits[0] for task in taken] == [1, 2, 3, 4]


def test_a_drain_that_takes_too_long_ends_every_job_and_itself(stage: Stage) -> None:
    running = stage.arrive(0)
    waiting = stage.arrive(1, 2)
    draining = stage.loop.create_task(stage.batcher.drain(limit=10.0))
    stage.settle()
    stage.advance(10.0)
    assert draining.done()
    assert stage.batcher.depth == 0
    for task in running + waiting:
        assert isinstance(task.exception(), NotReady)
    stage.finish_all()  # the stuck thread comes back, and nobody is there


def test_a_failed_batch_that_comes_back_after_the_end_is_not_run_again(stage: Stage) -> None:
    stage.arrive(0)
    tasks = [stage.submit(1, kind=POISONED), stage.submit(2)]
    stage.settle()
    stage.finish()
    draining = stage.loop.create_task(stage.batcher.drain(limit=1.0))
    stage.settle()
    stage.advance(1.0)
    stage.finish()
    assert draining.done()
    assert [type(task.exception()) for task in tasks] == [NotReady, NotReady]
    assert stage.executor.sizes == [1, 2]
    assert stage.batcher._alone == stage.batcher._queue


def test_a_batcher_whose_task_is_cancelled_ends_every_job(stage: Stage) -> None:
    tasks = stage.arrive(0) + stage.arrive(1)
    assert stage.batcher._owner is not None
    stage.batcher._owner.cancel()
    stage.settle()
    assert [type(task.exception()) for task in tasks] == [NotReady, NotReady]
    assert not stage.batcher.accepting


def test_an_unstarted_batcher_refuses_and_can_be_drained() -> None:
    stage = Stage()
    (refused,) = stage.arrive(1)
    assert isinstance(refused.exception(), NotReady)
    stage.close()
    assert stage.executor.is_shut_down


def test_a_batcher_starts_once(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="starts once"):
        stage.start()


def test_a_drained_batcher_does_not_start() -> None:
    stage = Stage()
    stage.call(stage.batcher.drain())
    with pytest.raises(RuntimeError, match="starts once"):
        stage.start()
    stage.loop.close()


def test_draining_twice_is_draining_once(stage: Stage) -> None:
    stage.arrive(0)
    first = stage.loop.create_task(stage.batcher.drain())
    second = stage.loop.create_task(stage.batcher.drain())
    stage.settle()
    stage.finish_all()
    assert first.done()
    assert second.done()


def test_an_idle_batcher_asks_the_loop_for_nothing(stage: Stage) -> None:
    stage.arrive(1)
    stage.finish()
    assert stage.loop._ready == type(stage.loop._ready)()  # type: ignore[attr-defined]
    assert [timer for timer in stage.loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("bound", ["max_queue", "max_batch", "workers"])
def test_every_bound_is_at_least_one(bound: str) -> None:
    bounds = {"max_queue": 1, "max_batch": 1, "workers": 1} | {bound: 0}
    with pytest.raises(ValueError, match="at least 1"):
        Batcher(ToyClassifier(), **bounds)  # type: ignore[arg-type]


async def test_real_threads_and_no_observer_give_each_job_its_own_logits() -> None:
    batcher = Batcher(ToyClassifier(), max_queue=64, max_batch=5, workers=3)
    await batcher.start()
    outcomes = await asyncio.gather(*(batcher.submit(picture(number)) for number in range(50)))
    await batcher.drain()
    assert [outcome.logits[0] for outcome in outcomes] == list(range(50))
    assert all(1 <= outcome.batch_size <= 5 for outcome in outcomes)
