"""Alive at once, ready when warm, not ready before it stops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.app import create_app
from service.classifier import Classifier
from service.errors import BundleError
from service.loading import load_classifier
from service.settings import Settings
from service.sharing import STUCK_RUNS
from service.state import LOST_AFTER
from tests.serving import RESCUE_SECONDS, Gated, Served, running


async def test_the_service_is_alive_but_not_ready_while_it_loads(
    settings: Settings, png: bytes
) -> None:
    gate = threading.Event()

    def slow(settings: Settings) -> Classifier:
        assert gate.wait(RESCUE_SECONDS)
        return load_classifier(settings)

    async with running(settings, slow, settled=False) as served:
        alive = await served.client.get("/livez")
        early = await served.client.get("/readyz")
        models = await served.client.get("/v1/models")
        refused = await served.client.post(
            "/v1/labels", content=png, headers={"content-type": "image/png"}
        )
        assert served.value("rotulo_ready") == 0
        gate.set()
        await served.state.settled.wait()
        ready = await served.client.get("/readyz")
        assert served.value("rotulo_ready") == 1
    assert alive.status_code == 200
    assert [early.status_code, models.status_code, refused.status_code] == [503] * 3
    assert "el modelo se está cargando" in early.json()["detail"]
    assert int(early.headers["retry-after"]) >= 1
    assert ready.status_code == 200
    assert ready.json()["provider"] == "cpu"


async def test_a_bundle_that_cannot_be_loaded_is_told_to_whoever_started_it(
    tmp_path: Path,
) -> None:
    failures: asyncio.Queue[Exception] = asyncio.Queue()
    app = create_app(Settings(bundles=tmp_path), on_failure=failures.put_nowait)
    async with app.router.lifespan_context(app):
        failure = await asyncio.wait_for(failures.get(), RESCUE_SECONDS)
    assert isinstance(failure, BundleError)
    assert str(tmp_path) in str(failure)


async def test_a_service_that_leaves_is_not_ready_and_still_answers(
    served: Served, png: bytes
) -> None:
    before = await served.client.get("/livez")
    served.state.leaving = True
    ready = await served.client.get("/readyz")
    answer = await served.client.post(
        "/v1/labels", content=png, headers={"content-type": "image/png"}
    )
    assert "connection" not in before.headers
    assert ready.status_code == 503
    assert "deteniendo" in ready.json()["detail"]
    assert answer.status_code == 200
    assert answer.headers["connection"] == "close"


@dataclass
class Clock:
    """What the inference threads take the time from."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def hanging(
    settings: Settings, png: bytes, *, threads: int
) -> AsyncIterator[tuple[Served, Clock]]:
    """Run the service with one of its inference threads in a model that does not come back."""
    async with Gated.running(settings, threads=threads) as (served, gated):
        clock = Clock()
        served.state._shared._inference._clock = clock
        request = asyncio.create_task(
            served.client.post("/v1/labels", content=png, headers={"content-type": "image/png"})
        )
        await gated.began.wait()
        yield served, clock
        gated.gate.set()
        assert (await request).status_code == 200
        assert [await status(served, path) for path in PROBES] == [200] * 4
        assert served.value("rotulo_stuck_threads", stage="inference") == 0


PROBES = ("/readyz", "/v2/health/ready", "/livez", "/v2/health/live")


async def status(served: Served, path: str) -> int:
    return (await served.client.get(path)).status_code


async def test_while_every_thread_hangs_it_is_not_ready_and_then_not_alive(
    settings: Settings, png: bytes
) -> None:
    """A platform sends nobody there, and at last starts another; the model may still come back."""
    async with hanging(settings, png, threads=1) as (served, clock):
        bound = settings.stuck_seconds
        clock.now = bound - 0.1
        assert [await status(served, path) for path in PROBES] == [200] * 4
        clock.now = bound
        assert [await status(served, path) for path in PROBES] == [503, 503, 200, 200]
        assert "el modelo no responde" in (await served.client.get("/readyz")).json()["detail"]
        assert served.value("rotulo_ready") == 0
        assert served.value("rotulo_stuck_threads", stage="inference") == 1
        clock.now = LOST_AFTER * bound
        assert [await status(served, path) for path in PROBES] == [503] * 4


async def test_one_thread_of_two_that_hangs_leaves_it_ready_until_it_is_given_up(
    settings: Settings, png: bytes
) -> None:
    async with hanging(settings, png, threads=2) as (served, clock):
        clock.now = settings.stuck_seconds
        assert served.value("rotulo_stuck_threads", stage="inference") == 1
        assert [await status(served, path) for path in PROBES] == [200] * 4
        clock.now = LOST_AFTER * settings.stuck_seconds
        assert [await status(served, path) for path in PROBES] == [200, 200, 503, 503]


async def test_a_slow_model_is_not_a_stuck_one(settings: Settings, png: bytes) -> None:
    """It may take twenty times what its largest batch was measured to take."""
    async with hanging(settings, png, threads=1) as (served, clock):
        served.state.labeller._batcher._seconds_per_image = 3.0
        bound = STUCK_RUNS * 3.0 * settings.max_batch
        clock.now = bound - 1
        assert await status(served, "/readyz") == 200
        clock.now = bound
        assert await status(served, "/readyz") == 503


async def test_models_say_what_their_manifest_says(served: Served) -> None:
    manifest = served.state.labeller.manifest
    listed = (await served.client.get("/v1/models")).json()["models"]
    detail = (await served.client.get("/v1/models/linear")).json()
    assert [(model["name"], model["sha256"]) for model in listed] == [
        ("linear", manifest.model_sha256)
    ]
    said = manifest.model_dump(mode="json")
    for part in ("labels", "input", "provenance", "figures", "title"):
        assert detail[part] == said[part]
