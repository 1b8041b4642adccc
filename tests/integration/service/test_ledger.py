"""The metrics are what a client counts, request by request and image by image."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from service.settings import Settings
from tests.serving import RawRequest, Served, running

PNG = {"content-type": "image/png"}


class Ledger:
    """What the clients saw."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.images: Counter[tuple[str, ...]] = Counter()
        self.problems: Counter[tuple[str, ...]] = Counter()

    async def ask(self, method: str, path: str, route: str, **kwargs: Any) -> None:
        response = await self.served.client.request(method, path, **kwargs)
        self.requests[route, method, str(response.status_code)] += 1
        if response.headers["content-type"] not in {
            "application/json",
            "application/problem+json",
        }:
            return
        body = response.json()
        for item in body.get("items", [body]) if isinstance(body, dict) else []:
            if str(item.get("type", "")).startswith("urn:"):
                self.problems[(item["type"].rpartition(":")[2],)] += 1
            elif "decision" in item:
                self.images[(item["decision"],)] += 1

    async def leave(self, chunk: bytes) -> None:
        request = RawRequest(self.served.app, PNG)
        request.body([chunk], more=True)
        request.leave()
        await request.start()
        # Where there is no place it is refused before anybody sees that it left.
        refused = request.status is not None
        self.requests["/v1/labels", "POST", str(request.status or 499)] += 1
        if refused:
            self.problems[("overloaded",)] += 1


async def test_metrics_equal_the_clients_ledger(settings: Settings, png: bytes) -> None:
    """A seeded mixture, eight at a time, with bounds tight enough to be reached."""
    tight = settings.model_copy(update={"max_images_in_flight": 3, "max_upload_bytes": 4000})
    chance = random.Random(7)
    async with running(tight) as served:
        ledger = Ledger(served)

        def one() -> Awaitable[None]:
            files = [("file", ("x", chance.choice([png, png[:40], b"%PDF"])))] * 3
            raw, ask = "/v1/labels", ledger.ask
            choices: list[Callable[[], Awaitable[None]]] = [
                lambda: ask("POST", raw, raw, content=png, headers=PNG),
                lambda: ask("POST", raw, raw, content=b"x" * 5000, headers=PNG),
                lambda: ask("POST", f"{raw}?top_k=0", raw, content=png, headers=PNG),
                lambda: ask("POST", f"{raw}/batch", f"{raw}/batch", files=files),
                lambda: ask("GET", f"/{chance.random()}", "unmatched"),
                lambda: ask("PUT", "/v1/models", "/v1/models"),
                lambda: ask("GET", "/v1/models/linear", "/v1/models/{name}"),
                lambda: ask("GET", "/openapi.json", "/openapi.json"),
                lambda: ask("GET", "/metrics", "/metrics"),
                lambda: ledger.leave(png[:30]),
            ]
            return chance.choice(choices)()

        for _ in range(25):
            await asyncio.gather(*(one() for _ in range(8)))

        assert served.series("rotulo_requests_total", "route", "method", "status") == dict(
            ledger.requests
        )
        decisions = served.series("rotulo_images_total", "decision")
        assert {key: count for key, count in decisions.items() if count} == dict(ledger.images)
        assert served.series("rotulo_rejections_total", "reason") == dict(ledger.problems)
        images = sum(ledger.images.values())
        stages = served.series("rotulo_stage_duration_seconds_count", "stage")
        assert set(stages.values()) == {images}
        assert served.value("rotulo_images_in_flight") == 0
        assert served.value("rotulo_in_flight_bytes") == 0
        assert served.value("rotulo_queue_depth") == 0
        latencies = served.series("rotulo_request_duration_seconds_count", "route")
        assert sum(latencies.values()) == sum(ledger.requests.values())
    assert {"200", "404", "405", "413", "422", "499"} <= {key[2] for key in ledger.requests}
