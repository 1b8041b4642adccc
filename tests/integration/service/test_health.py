"""Alive at once, ready when warm, not ready before it stops."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from service.app import create_app
from service.classifier import Classifier
from service.errors import BundleError
from service.loading import load_classifier
from service.settings import Settings
from tests.serving import RESCUE_SECONDS, Served, running


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
