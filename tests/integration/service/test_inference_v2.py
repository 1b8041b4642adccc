"""The Open Inference Protocol V2: what it tells, takes, gives and refuses."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.contract import decode_image, to_pixels
from service.inference_v2.wire import HEADER_LENGTH
from service.labelling import calibrate
from service.loading import load_classifier
from service.settings import Settings
from tests.pictures import encode, quarters
from tests.serving import Gated, RawRequest, Served, running

INFER = "/v2/models/linear/infer"


def encoded(*images: bytes, **more: Any) -> dict[str, Any]:
    """Return a request of encoded images in JSON."""
    data = [base64.b64encode(image).decode() for image in images]
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(images)], "data": data}
    return {"inputs": [tensor], **more}


def binary(head: dict[str, Any], data: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a body with its data after the JSON, and the header that says so."""
    text = json.dumps(head).encode()
    return text + data, {HEADER_LENGTH: str(len(text))}


def outputs(answer: httpx.Response) -> dict[str, Any]:
    return {output["name"]: output for output in answer.json()["outputs"]}


@pytest.fixture
async def busy(bundles: Path) -> Settings:
    return Settings(bundles=bundles, max_batch=4, max_images_in_flight=3)


async def test_what_the_server_and_its_models_say(served: Served) -> None:
    spec = served.state.labeller.manifest.input
    server = (await served.client.get("/v2")).json()
    described = (await served.client.get("/v2/models/linear")).json()
    assert server["extensions"] == ["binary_tensor_data", "classification"]
    assert (await served.client.get("/v2/health/live")).json() == {"live": True}
    assert (await served.client.get("/v2/health/ready")).json() == {"ready": True}
    for path in ("/v2/models/linear/ready", "/v2/models/linear/versions/1/ready"):
        assert (await served.client.get(path)).json() == {"name": "linear", "ready": True}
    assert (await served.client.get("/v2/models/linear/versions/1")).json() == described
    assert described["versions"] == ["1"]
    assert described["inputs"] == [
        {
            "name": "image",
            "datatype": "UINT8",
            "shape": [-1, spec.height, spec.width, spec.channels],
        }
    ]
    assert [(out["name"], out["shape"]) for out in described["outputs"]] == [
        ("logits", [-1, 10]),
        ("probabilities", [-1, 10]),
    ]


async def test_every_error_below_v2_is_the_protocol_s(served: Served) -> None:
    unknown = await served.client.get("/v2/models/none", headers={"accept-language": "en"})
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/json")
    assert unknown.json() == {"error": "That model is not here; see /v1/models."}
    for path in ("/v2/nothing", "/v2/models/linear/versions/9/infer"):
        assert set((await served.client.get(path)).json()) == {"error"}
    assert set((await served.client.get("/v2x")).json()) > {"type", "title"}


async def test_a_service_without_a_model_is_live_and_not_ready(bundles: Path) -> None:
    async with running(Settings(bundles=bundles, model="none")) as served:
        assert (await served.client.get("/v2/health/live")).status_code == 200
        for path in ("/v2/health/ready", "/v2/models/linear/ready", "/v2/models/linear"):
            answer = await served.client.get(path)
            assert answer.status_code == 503
            assert set(answer.json()) == {"error"}


async def test_every_way_to_send_an_image_says_the_same(served: Served, png: bytes) -> None:
    """The model itself is asked what it says; /v1/labels must agree with the scores."""
    manifest = served.state.labeller.manifest
    spec = manifest.input
    pixels = to_pixels(decode_image(png, max_pixels=10**6).image, spec)
    logits = load_classifier(served.state.settings).run(pixels[None])
    v1 = (
        await served.client.post("/v1/labels", content=png, headers={"content-type": "image/png"})
    ).json()
    shape = [1, *pixels.shape]
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape}
    in_binary = {**tensor, "parameters": {"binary_data_size": pixels.size}}
    string = struct.pack("<I", len(png)) + png
    strings = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"binary_data_size": len(string)},
    }
    bodies: list[tuple[bytes, dict[str, str]]] = [
        (json.dumps(encoded(png)).encode(), {}),
        (json.dumps({"inputs": [{**tensor, "data": pixels.ravel().tolist()}]}).encode(), {}),
        (json.dumps({"inputs": [{**tensor, "data": [pixels.tolist()]}]}).encode(), {}),
        binary({"inputs": [in_binary]}, pixels.tobytes()),
        binary({"inputs": [strings]}, string),
        (pixels.tobytes(), {HEADER_LENGTH: "0"}),
    ]
    for body, headers in bodies:
        answer = await served.client.post(INFER, content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        found = outputs(answer)
        assert found["logits"]["shape"] == [1, 10]
        np.testing.assert_allclose(found["logits"]["data"], logits[0], rtol=1e-6)
        expected = calibrate(logits[0], manifest.temperature)
        np.testing.assert_allclose(found["probabilities"]["data"], expected, rtol=1e-6)
        assert max(found["probabilities"]["data"]) == pytest.approx(v1["labels"][0]["score"])
    assert served.value("rotulo_stage_duration_seconds_count", stage="inference") == 7


async def test_outputs_are_those_asked_for_as_asked(served: Served, png: bytes) -> None:
    asked = [
        {"name": "probabilities", "parameters": {"classification": 2, "binary_data": True}},
        {"name": "logits", "parameters": {"classification": 99}},
    ]
    other = encode(quarters(20, 20), "PNG")
    request = encoded(png, other, id="abc", outputs=asked)
    answer = await served.client.post("/v2/models/linear/versions/1/infer", json=request)
    length = int(answer.headers[HEADER_LENGTH])
    head, data = json.loads(answer.content[:length]), answer.content[length:]
    assert (head["id"], head["model_name"], head["model_version"]) == ("abc", "linear", "1")
    probabilities, logits = head["outputs"]
    assert (probabilities["datatype"], probabilities["shape"]) == ("BYTES", [2, 2])
    assert probabilities["parameters"] == {"binary_data_size": len(data)}
    assert "data" not in probabilities
    (size,) = struct.unpack_from("<I", data)
    score, index, label = data[4 : 4 + size].decode().split(":")
    v1 = (
        await served.client.post("/v1/labels", content=png, headers={"content-type": "image/png"})
    ).json()
    assert label == v1["labels"][0]["id"]
    assert float(score) == pytest.approx(v1["labels"][0]["score"], abs=1e-6)
    assert served.state.labeller.manifest.labels[int(index)].id == label
    assert logits["shape"] == [2, 10]
    assert logits["data"][0].split(":")[2] == label


def wrong(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": ["aGVsbG8="]}
    return {"inputs": [tensor | changes]}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"inputs": []}', {}, 400),
        (b"{}", {HEADER_LENGTH: "-1"}, 400),
        (b"{}", {HEADER_LENGTH: "9"}, 400),
        (b"{}", {HEADER_LENGTH: "0"}, 400),
        (b"{}", {"content-encoding": "gzip"}, 415),
        (b'{"a": [' + b"1," * 400_000 + b"1]}", {}, 413),
        (wrong(name="pixels"), {}, 400),
        (wrong(datatype="FP32"), {}, 400),
        (wrong(shape=[0], data=[]), {}, 400),
        (wrong(shape=[-1]), {}, 400),
        (wrong(shape=[1, 2]), {}, 400),
        (wrong(shape=[2]), {}, 400),
        (wrong(shape=[99]), {}, 413),
        (wrong(shape=[]), {}, 400),
        (wrong(data=["not base64"]), {}, 400),
        (wrong(data=["ñ"]), {}, 400),
        (wrong(data=[1]), {}, 400),
        (wrong(data=[""]), {}, 400),
        (wrong(data=None), {}, 400),
        (wrong(data=["aGVsbG8="] * 2), {}, 400),
        (wrong(parameters={"binary_data_size": 8}), {}, 400),
        (wrong(parameters={"binary_data_size": True}), {}, 400),
        (wrong(), {}, 415),
        (wrong() | {"parameters": {"timeout": "soon"}}, {}, 400),
        (wrong() | {"parameters": {"binary_data_output": 1}}, {}, 400),
        (wrong() | {"outputs": [{"name": "scores"}]}, {}, 400),
        (wrong() | {"outputs": [{"name": "logits"}] * 2}, {}, 400),
        (wrong() | {"outputs": [{"name": "logits", "parameters": {"classification": 0}}]}, {}, 400),
    ],
)
async def test_what_is_wrong_is_refused_and_told(
    served: Served, body: bytes | dict[str, Any], headers: dict[str, str], status: int
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await served.client.post(INFER, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "data", [[[1, 2], [3]], [1, 2], [256] * 3072, [-1] * 3072, [0.5] * 3072, ["a"] * 3072]
)
async def test_numbers_that_are_no_pixels_are_refused(served: Served, data: list[Any]) -> None:
    spec = served.state.labeller.manifest.input
    shape = [1, spec.height, spec.width, spec.channels]
    if len(data) == 3072:
        data = data[: np.prod(shape)]
    request = wrong(datatype="UINT8", shape=shape, data=data)
    answer = await served.client.post(INFER, json=request)
    assert answer.status_code == 400


async def test_one_bad_image_is_the_error_of_all_and_gives_every_place_back(
    served: Served, png: bytes
) -> None:
    answer = await served.client.post(INFER, json=encoded(png, png[:100], png))
    assert answer.status_code == 422
    assert served.state.admission.images == 0
    assert served.state.admission.bytes == 0
    assert (await served.client.post(INFER, json=encoded(png))).status_code == 200


async def test_no_request_is_promised_more_than_an_idle_service_takes(
    busy: Settings, png: bytes
) -> None:
    async with running(busy) as served:
        three = await served.client.post(INFER, json=encoded(png, png, png))
        four = await served.client.post(INFER, json=encoded(png, png, png, png))
    assert (three.status_code, four.status_code) == (200, 413)


async def test_a_full_service_refuses_and_a_late_answer_is_told_to_be_late(
    busy: Settings, png: bytes
) -> None:
    async with Gated.running(busy) as (served, gated):
        first = asyncio.create_task(served.client.post(INFER, json=encoded(png, png)))
        await gated.began.wait()
        late = await served.client.post(INFER, json=encoded(png, parameters={"timeout": 1000}))
        refused = await served.client.post(INFER, json=encoded(png, png))
        gated.gate.set()
        assert (await first).status_code == 200
    assert (refused.status_code, late.status_code) == (503, 504)
    assert int(refused.headers["retry-after"]) >= 1


async def test_a_client_who_leaves_gives_its_places_back(busy: Settings, png: bytes) -> None:
    async with Gated.running(busy) as (served, gated):
        raw = RawRequest(served.app, path=INFER)
        answering = raw.start()
        raw.body([json.dumps(encoded(png, png)).encode()])
        await gated.began.wait()
        raw.leave()
        await answering
        assert served.state.admission.images == 0
        assert (
            served.value(
                "rotulo_requests_total",
                route="/v2/models/{name}/infer",
                method="POST",
                status="499",
            )
            == 1
        )


async def test_each_image_counts_towards_the_quota(bundles: Path, png: bytes) -> None:
    limited = Settings.model_validate({"bundles": bundles, "rate_limit_address": "3/minute"})
    async with running(limited) as served:
        first = await served.client.post(INFER, json=encoded(png, png))
        second = await served.client.post(INFER, json=encoded(png, png))
    assert (first.status_code, second.status_code) == (200, 429)
    assert set(second.json()) == {"error"}
