"""The Python client against the real application."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from service.client import AsyncRotulo, Labelling, Problem
from service.settings import Settings
from tests.serving import Gated, Served, running


def client_of(served: Served) -> AsyncRotulo:
    return AsyncRotulo("http://rotulo.test", transport=httpx.ASGITransport(app=served.app))


async def test_it_labels_one_image(served: Served, png: bytes) -> None:
    async with client_of(served) as rotulo:
        found = await rotulo.label(png, top_k=3, lang="en")
    assert len(found.labels) == 3
    assert (found.image.width, found.image.height) == (64, 48)
    assert found.model.name == "linear"


async def test_it_labels_several_and_tells_the_bad_one(served: Served, png: bytes) -> None:
    async with client_of(served) as rotulo:
        good, bad = await rotulo.label_many([png, png[:40]])
    assert isinstance(good, Labelling)
    assert isinstance(bad, Problem)
    assert bad.slug == "undecodable-image"


async def test_it_asks_why_and_is_told_of_the_label_it_named(served: Served, png: bytes) -> None:
    async with client_of(served) as rotulo:
        told = await rotulo.explain(png, label="ship", lang="en")
    assert told.label.id == "ship"
    assert len(told.grid.values) == told.grid.rows
    assert {len(row) for row in told.grid.values} == {told.grid.columns}
    assert "ship" in told.sentence


async def test_it_says_which_label_is_right_and_gives_the_image_along(
    settings: Settings, png: bytes, tmp_path: Path
) -> None:
    keeping = {"feedback_url": f"sqlite:///{tmp_path}/c.db", "feedback_images": tmp_path / "images"}
    async with running(settings.model_copy(update=keeping)) as served, client_of(served) as rotulo:
        found = await rotulo.label(png)
        first = await rotulo.correct(found, "none", comment="Ni lo uno ni lo otro.")
        again = await rotulo.correct(found, found.labels[1].id, consented_image=png)
    assert (first.status, first.label, first.image) == ("recorded", "none", False)
    assert (again.status, again.label, again.image) == ("updated", found.labels[1].id, True)


async def test_it_names_the_models(served: Served) -> None:
    async with client_of(served) as rotulo:
        (model,) = await rotulo.models()
    assert (model.name, model.classes, model.default) == ("linear", 10, True)
    assert model.title.es == "Modelo lineal de prueba"


async def test_a_refusal_has_the_words_of_the_service(served: Served) -> None:
    async with client_of(served) as rotulo:
        with pytest.raises(Problem) as caught:
            await rotulo.label(b"no soy una imagen", lang="en")
    assert caught.value.status == 415
    assert caught.value.detail.startswith("The file is not a JPEG")
    assert len(caught.value.request_id) == 32


async def test_a_full_service_is_asked_again_when_it_said(settings: Settings, png: bytes) -> None:
    narrow = settings.model_copy(update={"max_images_in_flight": 1})
    waits: list[float] = []
    async with Gated.running(narrow) as (served, gated):

        async def wait(seconds: float) -> None:
            waits.append(seconds)
            gated.gate.set()
            await first

        transport = httpx.ASGITransport(app=served.app)
        async with AsyncRotulo("http://rotulo.test", transport=transport, sleep=wait) as rotulo:
            first = asyncio.ensure_future(
                served.client.post("/v1/labels", content=png, headers={"Content-Type": "image/png"})
            )
            await gated.began.wait()
            found = await rotulo.label(png)
    assert len(waits) == 1
    assert waits[0] >= 1
    assert found.model.name == "linear"
