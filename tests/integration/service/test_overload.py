"""Bounds on images, deadlines, and clients who leave: every place is given back."""

from __future__ import annotations

import asyncio

import httpx

from service.settings import Settings
from tests.serving import Gated, RawRequest, Served

PNG = {"content-type": "image/png"}


async def waiting_in_queue(served: Served, png: bytes) -> tuple[RawRequest, asyncio.Task[None]]:
    """Return a request whose image is decoded and waits for the session."""
    request = RawRequest(served.app, PNG)
    request.body([png])
    task = request.start()
    await served.waiting(1)
    return request, task


async def test_a_full_queue_answers_503_with_retry_after(settings: Settings, png: bytes) -> None:
    tight = settings.model_copy(update={"max_queue": 1})
    async with Gated.running(tight) as (served, gated):
        running = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        _, queued = await waiting_in_queue(served, png)
        refused = await served.client.post("/v1/labels", content=png, headers=PNG)
        gated.gate.set()
        await queued
        assert (await running).status_code == 200
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert served.value("rotulo_rejections_total", reason="overloaded") == 1


class Pairwise(Gated):
    """A classifier that wants two images a run."""

    images_per_run = 2


async def test_a_run_has_no_more_images_than_the_model_wants(
    settings: Settings, png: bytes
) -> None:
    async with Pairwise.running(settings) as (served, gated):
        first = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        others = [
            asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
            for _ in range(settings.max_batch)
        ]
        await served.waiting(settings.max_batch)
        gated.gate.set()
        answers = await asyncio.gather(first, *others)
    assert {answer.status_code for answer in answers} == {200}
    assert served.value("rotulo_batch_size_count") == 1 + settings.max_batch / 2


async def test_images_in_flight_are_bounded(settings: Settings, png: bytes) -> None:
    tight = settings.model_copy(update={"max_images_in_flight": 1})
    async with Gated.running(tight) as (served, gated):
        running = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        assert served.value("rotulo_images_in_flight") == 1
        refused = await served.client.post("/v1/labels", content=png, headers=PNG)
        gated.gate.set()
        assert (await running).status_code == 200
    assert refused.status_code == 503
    assert served.value("rotulo_images_in_flight") == 0


async def test_an_image_that_waits_too_long_is_a_504(settings: Settings, png: bytes) -> None:
    hasty = settings.model_copy(update={"request_timeout_seconds": 0.5})
    async with Gated.running(hasty) as (served, _):
        late = await served.client.post("/v1/labels", content=png, headers=PNG)
        assert served.value("rotulo_images_in_flight") == 0
    assert late.status_code == 504
    assert late.json()["type"] == "urn:rotulo:problem:deadline-exceeded"


async def test_the_image_of_a_client_who_left_never_runs(settings: Settings, png: bytes) -> None:
    async with Gated.running(settings) as (served, gated):
        running = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        request, task = await waiting_in_queue(served, png)
        request.leave()
        await task
        assert request.status is None
        assert served.value("rotulo_queue_depth") == 0
        assert served.value("rotulo_images_in_flight") == 1
        gated.gate.set()
        assert (await running).status_code == 200
        assert gated.images_run == 1
    counted = served.series("rotulo_requests_total", "status")
    assert counted == {("200",): 1, ("499",): 1}


async def test_a_batch_that_fits_in_part_is_answered_in_part(
    settings: Settings, png: bytes
) -> None:
    tight = settings.model_copy(update={"max_images_in_flight": 2})
    files = [("file", ("x.png", png))] * 3
    async with Gated.running(tight) as (served, gated):
        gated.gate.set()
        answer = await served.client.post("/v1/labels/batch", files=files)
    kinds = [item.get("status", "labelled") for item in answer.json()["items"]]
    assert answer.status_code == 200
    assert kinds == ["labelled", "labelled", 503]


async def test_a_batch_of_which_nothing_fits_is_refused_whole(
    settings: Settings, png: bytes
) -> None:
    tight = settings.model_copy(update={"max_images_in_flight": 1})
    async with Gated.running(tight) as (served, gated):
        running = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        refused: httpx.Response = await served.client.post(
            "/v1/labels/batch", files=[("file", ("x.png", png))] * 2
        )
        gated.gate.set()
        await running
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
