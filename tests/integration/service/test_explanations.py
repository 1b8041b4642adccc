"""POST /v1/explanations: true to the model, and never at the cost of labelling."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.contract import Pixels, Resize, decode_image
from service.jobs import Outcome
from service.settings import Settings
from tests.bundles import LinearModel, linear_model, write_bundle
from tests.pictures import encode, encode_turned, noise
from tests.serving import Gated, RawRequest, Served, running

PATH = "/v1/explanations"
PNG = {"content-type": "image/png"}
SIDE = 12  # two pixels a cell


def by_hand(model: LinearModel, picture: NDArray[np.uint8], index: int) -> NDArray[np.float64]:
    """Return the shares for a picture of the model's size, cell by cell as one would on paper."""
    colour = picture.reshape(-1, 3).mean(axis=0).round()

    def log_odds(pixels: NDArray[np.uint8]) -> float:
        logits = model.logits(pixels[None])[0].astype(float)
        others = np.delete(logits, index)
        return float(logits[index] - np.log(np.exp(others).sum()))

    falls = np.zeros((6, 6))
    for row in range(6):
        for column in range(6):
            covered = picture.copy()
            covered[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = colour
            falls[row, column] = max(0, log_odds(picture) - log_odds(covered))
    return np.asarray(falls / falls.max())


async def test_the_grid_is_what_covering_each_cell_does_to_the_label(tmp_path: Path) -> None:
    write_bundle(tmp_path, height=SIDE, width=SIDE)
    model = linear_model(height=SIDE, width=SIDE)
    picture = noise(SIDE, SIDE)
    pixels = np.asarray(picture)
    best = int(model.logits(pixels[None])[0].argmax())
    async with running(Settings(bundles=tmp_path)) as served:
        labels = (await served.client.post("/v1/labels", content=encode(picture, "PNG"),
                                           headers=PNG)).json()  # fmt: skip
        answer = await served.client.post(PATH, content=encode(picture, "PNG"), headers=PNG)
        other = await served.client.post(
            f"{PATH}?label=truck&lang=en", files={"file": encode(picture, "PNG")}
        )
        ran = served.value("rotulo_explanation_duration_seconds_count")
    explained = answer.json()
    assert answer.status_code == 200
    assert list(explained) == ["model", "label", "grid", "sentence"]
    assert explained["model"] == labels["model"]
    assert explained["label"] == pytest.approx(labels["labels"][0])
    assert (explained["grid"]["rows"], explained["grid"]["columns"]) == (6, 6)
    np.testing.assert_allclose(explained["grid"]["values"], by_hand(model, pixels, best), atol=0.02)
    np.testing.assert_allclose(other.json()["grid"]["values"], by_hand(model, pixels, 9), atol=0.02)
    assert other.json()["label"]["name"] == "truck"
    assert "truck" in other.json()["sentence"]
    assert ran == 2


@pytest.mark.parametrize("resize", [Resize.CENTRE_CROP, Resize.PAD])
async def test_the_grid_lies_over_the_whole_picture_however_it_is_brought_to_size(
    tmp_path: Path, resize: Resize
) -> None:
    """What a crop cuts off cannot matter; with padding every cell of the picture can."""
    write_bundle(tmp_path, height=SIDE, width=SIDE, resize=resize)
    wide = encode(noise(2 * SIDE, SIDE), "PNG")
    async with running(Settings(bundles=tmp_path)) as served:
        answer = (await served.client.post(PATH, content=wide, headers=PNG)).json()
    values = np.array(answer["grid"]["values"])
    assert values.max() == 1
    seen = [bool(column.any()) for column in values.T]
    if resize is Resize.CENTRE_CROP:
        assert (seen[0], seen[5]) == (False, False)
    assert any(seen[1:5])


async def test_the_grid_lies_over_the_upright_picture(tmp_path: Path) -> None:
    write_bundle(tmp_path, height=SIDE, width=SIDE)
    upright = noise(SIDE, SIDE, seed=3)
    turned = encode_turned(upright, "PNG", 6)
    assert decode_image(turned, max_pixels=10**6).image.tobytes() == upright.tobytes()
    async with running(Settings(bundles=tmp_path)) as served:
        grids = [
            (await served.client.post(PATH, content=image, headers=PNG)).json()["grid"]
            for image in (turned, encode(upright, "PNG"))
        ]
    assert grids[0] == grids[1]


async def test_a_label_that_the_model_lacks_is_a_422(served: Served, png: bytes) -> None:
    answer = await served.client.post(f"{PATH}?label=unicorn", content=png, headers=PNG)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:rotulo:problem:invalid-parameter"
    assert "label" in answer.json()["detail"]
    assert "unicorn" not in answer.text


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"%PDF-1.7", 415), (b"\xff\xd8\xff\xe0broken", 422)]
)
async def test_a_bad_image_is_told_as_when_labelling(
    served: Served, body: bytes, status: int
) -> None:
    answer = await served.client.post(PATH, content=body, headers={"content-type": "image/jpeg"})
    assert answer.status_code == status
    assert served.value("rotulo_explanations_in_progress") == 0


async def test_an_operator_may_offer_none(settings: Settings, png: bytes) -> None:
    async with running(settings.model_copy(update={"explanations_at_once": 0})) as served:
        answer = await served.client.post(PATH, content=png, headers=PNG)
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:rotulo:problem:explanations-off"


async def test_one_too_many_is_refused_before_its_upload_and_labelling_goes_on(
    settings: Settings, png: bytes
) -> None:
    one = settings.model_copy(update={"explanations_at_once": 1})
    async with Gated.running(one) as (served, gated):
        first = asyncio.create_task(served.client.post(PATH, content=png, headers=PNG))
        await gated.began.wait()
        assert served.value("rotulo_explanations_in_progress") == 1
        unread = RawRequest(served.app, PNG, path=PATH)
        await unread.start()
        labelled = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        gated.gate.set()
        assert (await labelled).status_code == 200
        assert (await first).status_code == 200
    assert (unread.status, unread.received) == (503, 0)
    retry = next(m["headers"] for m in unread.sent if m["type"] == "http.response.start")
    assert int(dict(retry)[b"retry-after"]) >= 1


async def test_an_explanation_never_has_more_than_a_few_images_in_the_queue(
    settings: Settings, png: bytes
) -> None:
    deepest = 0
    async with running(settings) as served:
        batcher = served.state.labeller._batcher
        submit, inside = batcher.submit, 0

        async def note(pixels: Pixels, *, deadline: float | None = None) -> Outcome:
            nonlocal deepest, inside
            inside += 1
            deepest = max(deepest, inside)
            try:
                return await submit(pixels, deadline=deadline)
            finally:
                inside -= 1

        batcher.submit = note  # type: ignore[method-assign]  # listens, and goes on
        answer = await served.client.post(PATH, content=png, headers=PNG)
    assert answer.status_code == 200
    assert deepest == 4


async def test_while_half_of_the_queue_is_taken_labelling_comes_first(
    settings: Settings, png: bytes
) -> None:
    tight = settings.model_copy(update={"max_queue": 2})
    async with Gated.running(tight) as (served, gated):
        running_now = asyncio.create_task(
            served.client.post("/v1/labels", content=png, headers=PNG)
        )
        await gated.began.wait()
        waiting = asyncio.create_task(served.client.post("/v1/labels", content=png, headers=PNG))
        await served.waiting(1)
        refused = await served.client.post(PATH, content=png, headers=PNG)
        gated.gate.set()
        assert [(await running_now).status_code, (await waiting).status_code] == [200, 200]
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:rotulo:problem:overloaded"


async def test_an_explanation_ends_at_its_deadline(settings: Settings, png: bytes) -> None:
    hasty = settings.model_copy(update={"explanation_timeout_seconds": 0.3})
    async with Gated.running(hasty) as (served, _):
        late = await served.client.post(PATH, content=png, headers=PNG)
        assert served.value("rotulo_explanations_in_progress") == 0
        assert served.value("rotulo_images_in_flight") == 0
    assert late.status_code == 504


async def test_a_client_who_left_frees_the_place_and_the_rest_never_runs(
    settings: Settings, png: bytes
) -> None:
    async with Gated.running(settings) as (served, gated):
        request = RawRequest(served.app, PNG, path=PATH)
        request.body([png])
        task = request.start()
        await gated.began.wait()
        request.leave()
        await task
        assert request.status is None
        assert served.value("rotulo_explanations_in_progress") == 0
        gated.gate.set()
    assert gated.images_run == 1
