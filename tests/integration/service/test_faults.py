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
from tests.serving import Gated, RawRequest, Served, running

PNG = {"content-type": "image/png"}
FAULTS = ("raises", "too few rows", "too few classes", "flat", "nan", "infinite")
ROUNDS = 500
AT_ONCE = 20
STAYS = 0.8
HALF = 0.5
DEADLY = b"a thread dies of this"


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

    @property
    def images_per_run(self) -> int:
        return self._behind.images_per_run

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
        if data == DEADLY:
            raise fault
        return decode_image(data, **kwargs)

    monkeypatch.setattr("service.labeller.decode_image", die)
    async with running(settings) as served:
        deadly = await served.client.post("/v1/labels", content=DEADLY, headers=PNG)
        explained = await served.client.post("/v1/explanations", content=DEADLY, headers=PNG)
        batch = await served.client.post(
            "/v1/labels/batch", files=[("file", ("x", data)) for data in (png, DEADLY)]
        )
        alive = await served.client.post("/v1/labels", content=png, headers=PNG)
        assert served.value("rotulo_images_in_flight") == 0
    assert [deadly.status_code, explained.status_code, alive.status_code] == [500, 500, 200]
    assert [item.get("status") for item in batch.json()["items"]] == [None, 500]


async def test_a_model_that_hangs_costs_each_request_its_time_and_no_more(
    settings: Settings, png: bytes
) -> None:
    """Scraped meanwhile; once the model comes back, so does the service."""
    tight = settings.model_copy(update={"max_queue": 8, "request_timeout_seconds": 0.4})
    async with Gated.running(tight) as (served, gated):
        first = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await gated.began.wait()
        answers = await asyncio.gather(
            first, *(served.client.post("/v1/labels", content=png, headers=PNG) for _ in range(20))
        )
        scraped = await served.client.get("/metrics")
        for gauge in ("rotulo_images_in_flight", "rotulo_in_flight_bytes", "rotulo_queue_depth"):
            assert served.value(gauge) == 0, gauge
        gated.gate.set()
        while (await served.client.post("/v1/labels", content=png, headers=PNG)).is_error:
            pass  # the thread is on its way back
        assert gated.images_run == 2
    assert scraped.status_code == 200
    assert Counter(answer.status_code for answer in answers) == {504: 9, 503: 12}


async def ask(served: Served, png: bytes, chance: random.Random, ledger: Counter[str]) -> None:
    """Send something, leave perhaps, and write down how it ended."""
    content = chance.choice([png, png, png, png[:60], b"%PDF", DEADLY, b""])
    request = RawRequest(served.app, PNG | chance.choice([{}, {}, {"x-request-timeout-ms": "1"}]))
    half = chance.randrange(len(content) + 1)
    stays = chance.random() < STAYS
    request.body([content[:half], content[half:]], more=not stays and chance.random() < HALF)
    if not stays:
        request.leave()
    await request.start()
    starts = sum(message["type"] == "http.response.start" for message in request.sent)
    ends = sum(
        message["type"] == "http.response.body" and not message.get("more_body", False)
        for message in request.sent
    )
    assert starts == ends <= 1
    assert starts or not stays
    ledger[str(request.status or 499)] += 1


async def test_under_random_faults_every_request_ends_once(
    settings: Settings, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scraped all the while; afterwards no place is taken, and the ledgers are equal."""
    made: list[Faulty] = []

    def factory(*arguments: object) -> Classifier:
        made.append(Faulty(load_classifier(*arguments), FAULTS, 0.2))  # type: ignore[arg-type]
        return made[-1]

    def die(data: bytes, **kwargs: Any) -> DecodedImage:
        if data == DEADLY:
            raise SystemExit
        return decode_image(data, **kwargs)

    monkeypatch.setattr("service.labeller.decode_image", die)
    chance, ledger = random.Random(5), Counter[str]()

    async def scrape(served: Served) -> None:
        assert "rotulo_requests_total" in (await served.client.get("/metrics")).text

    tight = settings.model_copy(update={"max_images_in_flight": 12})
    async with running(tight, factory) as served:
        for number in range(ROUNDS):
            scrapes = [scrape(served)] if number % 20 == 0 else []
            await asyncio.gather(
                *scrapes, *(ask(served, png, chance, ledger) for _ in range(AT_ONCE))
            )
        counted = served.series("rotulo_requests_total", "route", "status")
        assert {s: n for (route, s), n in counted.items() if route == "/v1/labels"} == dict(ledger)
        assert sum(ledger.values()) == ROUNDS * AT_ONCE
        problems = served.series("rotulo_rejections_total", "reason")
        assert sum(problems.values()) == sum(ledger.values()) - ledger["200"] - ledger["499"]
        for gauge in ("rotulo_images_in_flight", "rotulo_in_flight_bytes", "rotulo_queue_depth"):
            assert served.value(gauge) == 0, gauge
    assert set(made[0].failed) == set(FAULTS)
    assert set(ledger) == {"200", "400", "415", "422", "499", "500", "503", "504"}
