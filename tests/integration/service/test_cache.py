"""An image that comes again is labelled once, where the operator wants that."""

from __future__ import annotations

import asyncio

from service.settings import Settings
from tests.serving import Gated, Served

IMAGE = {"content-type": "image/png"}


async def send(served: Served, image: bytes, query: str = "") -> dict[str, object]:
    answer = await served.client.post("/v1/labels" + query, content=image, headers=IMAGE)
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


async def test_an_image_runs_once_while_it_is_kept(settings: Settings, png: bytes) -> None:
    cached = settings.model_copy(update={"cache_bytes": 1_000_000})
    async with Gated.running(cached) as (served, gated):
        first = asyncio.create_task(send(served, png))
        await gated.began.wait()
        leaving = asyncio.create_task(send(served, png))
        gated.gate.set()
        labelled, joined = await first, await leaving
        again = await send(served, png, "?top_k=1")
        broken = [
            await served.client.post("/v1/labels", content=png[:99], headers=IMAGE)
            for _ in range(2)
        ]
        assert gated.images_run == 1
        assert labelled["labels"] == joined["labels"]
        assert labelled["labels"][:1] == again["labels"]  # type: ignore[index]
        assert labelled["id"] != again["id"]
        assert [answer.status_code for answer in broken] == [422, 422]
        assert served.value("rotulo_cache_lookups_total", outcome="miss") == 3
        assert served.value("rotulo_cache_bytes") > 0
    assert served.value("rotulo_cache_bytes") == 0


async def test_nothing_is_kept_by_default(settings: Settings, png: bytes) -> None:
    async with Gated.running(settings) as (served, gated):
        gated.gate.set()
        await send(served, png)
        await send(served, png)
        assert gated.images_run == 2
