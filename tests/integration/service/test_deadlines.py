"""`X-Request-Timeout-Ms`: what is late never runs, and what would be late is refused at once."""

from __future__ import annotations

import asyncio

import pytest

from service.settings import Settings
from tests.serving import Gated, RawRequest, Served

PNG = {"content-type": "image/png"}
TIMEOUT = "x-request-timeout-ms"


async def test_an_image_whose_time_is_over_never_runs(settings: Settings, png: bytes) -> None:
    async with Gated.running(settings) as (served, gated):
        first = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        late = await served.client.post("/v1/labels", content=png, headers=PNG | {TIMEOUT: "50"})
        batch = await served.client.post(
            "/v1/labels/batch", files=[("file", ("x", png))] * 2, headers={TIMEOUT: "50"}
        )
        assert served.value("rotulo_queue_depth") == 0
        assert served.value("rotulo_images_in_flight") == 1
        gated.gate.set()
        assert (await first).status_code == 200
        assert gated.images_run == 1
    assert late.status_code == 504
    assert late.json()["type"] == "urn:rotulo:problem:deadline-exceeded"
    assert [item["status"] for item in batch.json()["items"]] == [504, 504]


async def test_an_image_behind_too_much_work_is_refused_at_once(
    settings: Settings, png: bytes
) -> None:
    async with Gated.running(settings) as (served, gated):
        labeller = served.state.labeller
        labeller._batcher._seconds_per_image = 3.0  # as if measured: one image ahead takes 3 s
        first = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        refused = await served.client.post(
            "/v1/labels", content=png, headers=PNG | {TIMEOUT: "2900"}
        )
        gated.gate.set()
        assert (await first).status_code == 200
    assert refused.status_code == 503
    # A third more than what lies ahead: a quarter of the pace is left to who comes meanwhile.
    assert int(refused.headers["retry-after"]) == 4


async def test_where_nothing_waits_every_image_is_tried(settings: Settings, png: bytes) -> None:
    """However slow the last one was: a hiccup must not shut the service for good."""
    async with Gated.running(settings) as (served, gated):
        served.state.labeller._batcher._seconds_per_image = 1e6
        gated.gate.set()
        answer = await served.client.post("/v1/labels", content=png, headers=PNG)
    assert answer.status_code == 200


async def test_the_upload_is_part_of_the_client_s_time(served: Served) -> None:
    request = RawRequest(served.app, PNG | {TIMEOUT: "20"})
    request.body([b"x" * 100], more=True)
    await request.start()
    assert request.status == 504
    assert served.state.admission.bytes == 0


async def test_the_service_s_own_limit_holds_for_who_waits_longer(
    settings: Settings, png: bytes
) -> None:
    hasty = settings.model_copy(update={"request_timeout_seconds": 0.1})
    async with Gated.running(hasty) as (served, _):
        late = await served.client.post(
            "/v1/labels", content=png, headers=PNG | {TIMEOUT: "3600000"}
        )
    assert late.status_code == 504


@pytest.mark.parametrize("asked", ["0", "-5", "3600001", "pronto", "", "1e3", "9" * 400])
@pytest.mark.parametrize("path", ["/v1/labels", "/v1/explanations", "/v1/models/linear/labels"])
async def test_a_time_out_of_bounds_is_named(
    served: Served, png: bytes, path: str, asked: str
) -> None:
    answer = await served.client.post(path, content=png, headers=PNG | {TIMEOUT: asked})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:rotulo:problem:invalid-parameter"
    assert "X-Request-Timeout-Ms" in answer.json()["detail"]
