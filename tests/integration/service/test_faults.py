"""A model that fails in every way, clients who leave, and the ledgers agree all the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from service.classifier import Classifier
from service.contract import DecodedImage, Manifest, decode_image
from service.loading import load_classifier
from service.settings import Settings
from tests.serving import RawRequest, Served, running

PNG = {"content-type": "image/png"}
FAULTS = ("raises", "too few rows", "too few classes", "flat", "nan", "infinite")
ROUNDS = 60
AT_ONCE = 20


class Faulty:
    """The real classifier, which now and then fails as a seeded chance says."""

    def __init__(self, behind: Classifier, faults: tuple[str, ...], share: float) -> None:
        self._behind = behind
        self._faults = faults
        self._share = share
        self._chance = random.Random(3)
        self.failed: Counter[str] = Counter()

    @property
    def manifest(self) -> Manifest:
        return self._behind.manifest

    @property
    def provider(self) -> str:
        return self._behind.provider

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = self._behind.run(batch)
        if self._chance.random() >= self._share:
            return logits
        fault = self._chance.choice(self._faults)
        self.failed[fault] += 1
        match fault:
            case "raises":
                raise StopIteration
            case "too few rows":
                return logits[1:]
            case "too few classes":
                return logits[:, 1:]
            case "flat":
                return logits.ravel()
            case _:
                return logits * np.float32("nan" if fault == "nan" else "inf")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Draw no traceback of the faults, which takes longer than all else here."""
    with capture_logs():
        yield


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_not_logits_is_no_answer(settings: Settings, png: bytes, fault: str) -> None:
    def factory(*arguments: object) -> Classifier:
        return Faulty(load_classifier(*arguments), (fault,), 1.0)  # type: ignore[arg-type]

    async with running(settings, factory) as served:
        answer = await served.client.post("/v1/labels", content=png, headers=PNG)
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:rotulo:problem:inference-failed"


@pytest.mark.parametrize(
    "fault", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, asyncio.CancelledError]
)
async def test_what_ends_a_decoding_thread_ends_nothing_else(
    settings: Settings, png: bytes, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
) -> None:
    """The first two would the process by way of asyncio, which cannot carry the others."""

    def die(data: bytes, **kwargs: Any) -> DecodedImage:
        if data == b"deadly":
            raise fault
        return decode_image(data, **kwargs)

    monkeypatch.setattr("service.labeller.decode_image", die)
    async with running(settings) as served:
        deadly = await served.client.post("/v1/labels", content=b"deadly", headers=PNG)
        explained = await served.client.post("/v1/explanations", content=b"deadly", headers=PNG)
        batch = await served.client.post(
            "/v1/labels/batch", files=[("file", ("x", data)) for data in (png, b"deadly")]
        )
        alive = await served.client.post("/v1/labels", content=png, headers=PNG)
        assert served.value("rotulo_images_in_flight") == 0
    assert [deadly.status_code, explained.status_code, alive.status_code] == [500, 500, 200]
    assert [item.get("status") for item in batch.json()["items"]] == [None, 500]


async def test_under_random_faults_every_request_ends_once(settings: Settings, png: bytes) -> None:
    """Scraped all the while; afterwards no place is taken, and the ledgers are equal."""
    made: list[Faulty] = []

    def factory(*arguments: object) -> Classifier:
        made.append(Faulty(load_classifier(*arguments), FAULTS, 0.2))  # type: ignore[arg-type]
        return made[-1]

    chance, ledger = random.Random(5), Counter[str]()

    async def label(served: Served) -> None:
        content = chance.choice([png, png, png, png[:60], b"%PDF"])
        headers = PNG | chance.choice([{}, {}, {"x-request-timeout-ms": "1"}])
        answer = await served.client.post("/v1/labels", content=content, headers=headers)
        ledger[str(answer.status_code)] += 1

    async def leave(served: Served) -> None:
        request = RawRequest(served.app, PNG)
        request.body([png])
        request.leave()
        await request.start()
        ends = sum(message["type"] == "http.response.start" for message in request.sent)
        assert ends <= 1
        ledger[str(request.status or 499)] += 1

    async def scrape(served: Served) -> None:
        assert "rotulo_requests_total" in (await served.client.get("/metrics")).text

    tight = settings.model_copy(update={"max_images_in_flight": 12})
    async with running(tight, factory) as served:
        for _ in range(ROUNDS):
            acts = chance.choices([label, leave], [4, 1], k=AT_ONCE)
            await asyncio.gather(scrape(served), *(act(served) for act in acts))
        counted = served.series("rotulo_requests_total", "route", "status")
        assert {s: n for (route, s), n in counted.items() if route == "/v1/labels"} == dict(ledger)
        assert sum(ledger.values()) == ROUNDS * AT_ONCE
        for gauge in ("rotulo_images_in_flight", "rotulo_in_flight_bytes", "rotulo_queue_depth"):
            assert served.value(gauge) == 0, gauge
    assert set(made[0].failed) == set(FAULTS)
    assert set(ledger) <= {"200", "415", "422", "499", "500", "503", "504"}
    assert ledger["200"] > 0 < ledger["499"]
