"""Bodies that are too long, too slow, untrue or never end: bounded as they arrive."""

from __future__ import annotations

import json

import pytest

from service.settings import Settings
from tests.serving import RawRequest, Served, running

PNG = {"content-type": "image/png"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_upload_bytes": 1000, "max_bytes_in_flight": 70_000})


def slug(request: RawRequest) -> str:
    kind: str = json.loads(request.text)["type"]
    return kind.rpartition(":")[2]


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_long(served: Served) -> None:
    request = RawRequest(served.app, PNG)
    request.body([b"x" * 400] * 10)
    await request.start()
    assert (request.status, slug(request)) == (413, "payload-too-large")
    assert request.received == 3
    assert served.state.admission.bytes == 0


async def test_an_announced_length_that_is_too_long_is_refused_unread(served: Served) -> None:
    request = RawRequest(served.app, PNG | {"content-length": "1001"})
    request.body([b"x" * 1001])
    await request.start()
    assert (request.status, request.received) == (413, 0)


@pytest.mark.parametrize("announced", ["10", "400", "viele", "-1", "+5", "²"])
async def test_a_body_that_is_not_as_long_as_announced_is_refused(
    served: Served, announced: str
) -> None:
    request = RawRequest(served.app, PNG | {"content-length": announced})
    request.body([b"x" * 300])
    await request.start()
    assert (request.status, slug(request)) == (400, "bad-request")
    assert served.state.admission.bytes == 0


async def test_a_body_that_stops_coming_is_given_up(settings: Settings) -> None:
    hasty = settings.model_copy(update={"upload_timeout_seconds": 0.05})
    async with running(hasty) as served:
        request = RawRequest(served.app, PNG)
        request.body([b"x" * 100], more=True)
        await request.start()
        assert (request.status, slug(request)) == (408, "upload-timeout")
        assert served.state.admission.bytes == 0


async def test_a_client_who_leaves_during_the_upload_frees_its_bytes(served: Served) -> None:
    request = RawRequest(served.app, PNG | {"content-length": "900"})
    request.body([b"x" * 100], more=True)
    task = request.start()
    await request.waiting.wait()
    assert served.state.admission.bytes == 900
    request.leave()
    await task
    assert request.status is None
    assert served.state.admission.bytes == 0
    assert served.series("rotulo_requests_total", "route", "status") == {("/v1/labels", "499"): 1}


async def test_uploads_share_one_bound_on_bytes_in_flight(served: Served, png: bytes) -> None:
    """Sixty-nine waiting clients that announce 1000 bytes leave room for one, not for two."""
    waiting = [RawRequest(served.app, PNG | {"content-length": "1000"}) for _ in range(70)]
    tasks = [request.start() for request in waiting]
    for request in waiting:
        await request.waiting.wait()
    assert served.value("rotulo_in_flight_bytes") == served.value("rotulo_in_flight_bound_bytes")

    refused = await served.client.post("/v1/labels", content=png, headers=PNG)
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:rotulo:problem:overloaded"
    assert int(refused.headers["retry-after"]) >= 1

    for request, task in zip(waiting, tasks, strict=True):
        request.leave()
        await task
    accepted = await served.client.post("/v1/labels", content=png, headers=PNG)
    assert accepted.status_code == 200
