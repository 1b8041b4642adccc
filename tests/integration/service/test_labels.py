"""POST /v1/labels: what a program gets for its image."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.contract import decode_image, to_pixels
from service.labelling import label
from service.settings import Settings
from service.uploads import read_image
from tests.bundles import linear_model, write_bundle
from tests.pictures import FORMATS, encode, encode_turned, quarters
from tests.serving import RESCUE_SECONDS, Gated, Served, running

PNG = {"content-type": "image/png"}


async def test_a_raw_image_is_labelled_as_the_model_computes_it(served: Served, png: bytes) -> None:
    manifest = served.state.labeller.manifest
    pixels = to_pixels(decode_image(png, max_pixels=10**6).image, manifest.input)
    expected = label(linear_model().logits(pixels[None])[0], manifest)

    answer = (await served.client.post("/v1/labels", content=png, headers=PNG)).json()

    assert answer["decision"] == expected.decision
    assert [item["id"] for item in answer["labels"]] == [
        manifest.labels[index].id for index in expected.class_indices
    ]
    np.testing.assert_allclose(
        [item["score"] for item in answer["labels"]], expected.scores, atol=1e-6
    )


async def test_the_answer_has_the_documented_shape(served: Served, png: bytes) -> None:
    manifest = served.state.labeller.manifest
    response = await served.client.post("/v1/labels", content=png, headers=PNG)
    answer = response.json()
    assert response.status_code == 200
    assert list(answer) == ["id", "model", "decision", "labels", "image", "timing_ms"]
    assert answer["model"] == {
        "name": "linear",
        "version": "1",
        "sha256": manifest.model_sha256,
    }
    assert [set(item) for item in answer["labels"]] == [{"id", "name", "score"}] * 5
    assert answer["image"] == {"width": 64, "height": 48, "media_type": "image/png"}
    timing = answer["timing_ms"]
    assert list(timing) == ["read", "decode", "queue", "inference", "total"]
    assert sum(timing.values()) - timing["total"] <= timing["total"] + 0.01


async def test_labels_come_by_falling_score(served: Served, png: bytes) -> None:
    answer = await served.client.post("/v1/labels?top_k=10", content=png, headers=PNG)
    scores = [item["score"] for item in answer.json()["labels"]]
    assert len(scores) == 10
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1)


async def test_every_labelling_has_an_id_of_its_own(served: Served, png: bytes) -> None:
    ids = {
        (await served.client.post("/v1/labels", content=png, headers=PNG)).json()["id"]
        for _ in range(3)
    }
    assert len(ids) == 3


@pytest.mark.parametrize("media_type", ["application/octet-stream", "image/jpeg", "IMAGE/PNG; q=1"])
async def test_the_bytes_tell_the_format_and_not_the_header(
    served: Served, png: bytes, media_type: str
) -> None:
    answer = await served.client.post(
        "/v1/labels", content=png, headers={"content-type": media_type}
    )
    assert answer.json()["image"]["media_type"] == "image/png"


async def test_a_form_says_the_same_as_a_raw_body(served: Served, png: bytes) -> None:
    raw = await served.client.post("/v1/labels", content=png, headers=PNG)
    form = await served.client.post(
        "/v1/labels", files={"file": ("gato secreto.png", png)}, data={"other": "field"}
    )
    assert form.json()["labels"] == raw.json()["labels"]


@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_is_taken(served: Served, name: str) -> None:
    image = encode(quarters(64, 48), name)
    answer = await served.client.post(
        "/v1/labels", content=image, headers={"content-type": "application/octet-stream"}
    )
    assert answer.status_code == 200
    assert answer.json()["image"] == {
        "width": 64,
        "height": 48,
        "media_type": f"image/{name.lower()}",
    }


async def test_the_size_is_that_of_the_upright_image(served: Served) -> None:
    image = encode_turned(quarters(64, 48), "JPEG", 6)
    answer = await served.client.post("/v1/labels", content=image, headers=PNG)
    assert (answer.json()["image"]["width"], answer.json()["image"]["height"]) == (64, 48)


@pytest.mark.parametrize(("lang", "name"), [("es", "avión"), ("en", "airplane")])
async def test_names_are_in_the_language_asked_for(
    served: Served, png: bytes, lang: str, name: str
) -> None:
    answer = await served.client.post(f"/v1/labels?top_k=10&lang={lang}", content=png, headers=PNG)
    assert {item["id"]: item["name"] for item in answer.json()["labels"]}["airplane"] == name


async def test_labels_below_the_least_score_are_left_out(served: Served, png: bytes) -> None:
    everything = await served.client.post("/v1/labels?top_k=10", content=png, headers=PNG)
    scores = [item["score"] for item in everything.json()["labels"]]
    answer = await served.client.post(
        f"/v1/labels?top_k=10&min_score={scores[2]}", content=png, headers=PNG
    )
    assert [item["score"] for item in answer.json()["labels"]] == scores[:3]


async def test_a_model_of_three_classes_gives_three_labels_by_default(
    tmp_path: Path, png: bytes
) -> None:
    write_bundle(tmp_path, classes=3)
    async with running(Settings(bundles=tmp_path)) as served:
        answer = await served.client.post("/v1/labels", content=png, headers=PNG)
        refused = await served.client.post("/v1/labels?top_k=4", content=png, headers=PNG)
    assert len(answer.json()["labels"]) == 3
    assert refused.status_code == 422
    assert "3" in refused.json()["detail"]


async def test_an_upload_is_let_go_of_once_it_is_decoded(
    settings: Settings, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While many wait for the model, their bytes would be most of what the service holds."""
    gone = threading.Event()

    class Upload(bytes):
        def __del__(self) -> None:
            gone.set()

    async def read(*args: Any) -> bytes:  # passed on
        return Upload(await read_image(*args))

    monkeypatch.setattr("service.routes.labels.read_image", read)
    async with Gated.running(settings) as (served, gated):
        asking = asyncio.ensure_future(served.client.post("/v1/labels", content=png, headers=PNG))
        await asyncio.wait_for(gated.began.wait(), RESCUE_SECONDS)
        assert await asyncio.to_thread(gone.wait, RESCUE_SECONDS)
        assert not asking.done()
        gated.gate.set()
        assert (await asking).status_code == 200
