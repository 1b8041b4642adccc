"""Images that a thread makes before they are run: where they wait, and what ends them early."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from service.errors import DeadlineExceeded, NotReady, Overloaded
from tests.stepped import UNMAKEABLE, Stage, Unmakeable


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(max_queue=2, max_batch=2).start()
    yield stage
    stage.close()
    assert stage.complaints == []


def test_who_made_an_image_hands_it_to_a_free_thread_without_the_event_loop(stage: Stage) -> None:
    task = stage.submit_made(7)
    stage.settle()
    assert (stage.batcher.coming, stage.executor.sizes) == (1, [])
    stage.makers.make()
    assert (stage.batcher.coming, stage.executor.sizes) == (0, [1])
    stage.finish(seconds=0.5)
    assert task.result().logits[0] == 7
    assert task.result().ended - task.result().begun == 0.5


def test_an_image_that_is_being_made_has_its_place_in_the_queue(stage: Stage) -> None:
    first, second = stage.submit_made(1), stage.submit_made(2)
    (refused,) = stage.arrive(3)
    also = stage.submit_made(4)
    stage.settle()
    assert isinstance(refused.exception(), Overloaded)
    assert isinstance(also.exception(), Overloaded)
    assert [first.done(), second.done()] == [False, False]


@pytest.mark.parametrize("how", ["leaves", "deadline"])
def test_an_image_that_nobody_waits_for_is_neither_made_nor_run(stage: Stage, how: str) -> None:
    task = stage.submit_made(1, kind=UNMAKEABLE, deadline=5.0)
    stage.settle()
    if how == "leaves":
        task.cancel()
    stage.advance(5.0)
    assert stage.batcher.coming == 0
    stage.makers.make()  # were it made, it would fail
    stage.settle()
    assert task.cancelled() if how == "leaves" else isinstance(task.exception(), DeadlineExceeded)
    assert stage.executor.sizes == []


def test_what_goes_wrong_in_the_making_is_the_callers(stage: Stage) -> None:
    task = stage.submit_made(1, kind=UNMAKEABLE)
    stage.settle()
    stage.makers.make()
    stage.settle()
    assert isinstance(task.exception(), Unmakeable)
    assert stage.batcher.coming == 0


def test_a_drain_waits_for_images_that_are_being_made(stage: Stage) -> None:
    task = stage.submit_made(1)
    stage.settle()
    draining = stage.loop.create_task(stage.batcher.drain())
    stage.settle()
    assert not draining.done()
    stage.makers.make()
    stage.finish()
    assert task.result().logits[0] == 1
    assert draining.done()


def test_a_drain_ends_when_the_last_of_them_leaves(stage: Stage) -> None:
    task = stage.submit_made(1)
    stage.settle()
    draining = stage.loop.create_task(stage.batcher.drain())
    stage.settle()
    task.cancel()
    stage.settle()
    assert draining.done()


def test_an_image_that_comes_out_of_its_making_after_the_end_of_a_drain_is_not_run(
    stage: Stage,
) -> None:
    task = stage.submit_made(1)
    stage.settle()
    draining = stage.loop.create_task(stage.batcher.drain(limit=0.0))
    stage.call(asyncio.wait({draining}))
    assert isinstance(task.exception(), NotReady)
    stage.makers.make()
    assert stage.executor.sizes == []


def test_where_the_system_gives_no_thread_the_caller_is_told_and_the_place_is_free(
    stage: Stage,
) -> None:
    stage.makers.refuses = True
    task = stage.submit_made(1, deadline=5.0)
    stage.settle()
    assert isinstance(task.exception(), RuntimeError)
    assert stage.batcher.coming == 0
    stage.advance(5.0)  # its timer is gone
