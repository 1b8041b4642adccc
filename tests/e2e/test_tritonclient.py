"""Triton's own HTTP client, unmodified, against the real service."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as tritonclient
from tritonclient.utils import InferenceServerException

from tests.pictures import encode, quarters


@pytest.fixture
def client(service_address: str) -> Iterator[tritonclient.InferenceServerClient]:
    made = tritonclient.InferenceServerClient(service_address.removeprefix("http://"))
    yield made
    made.close()


def test_it_finds_the_server_and_its_model(client: tritonclient.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("linear")
    assert client.is_model_ready("linear", "1")
    assert not client.is_model_ready("nothing")
    assert client.get_server_metadata()["name"] == "rotulo"
    assert client.get_model_metadata("linear")["inputs"][0]["datatype"] == "UINT8"


@pytest.mark.parametrize("binary", [True, False])
def test_pixels_give_logits(client: tritonclient.InferenceServerClient, *, binary: bool) -> None:
    (taken,) = client.get_model_metadata("linear")["inputs"]
    pixels = np.random.default_rng(0).integers(0, 256, (3, *taken["shape"][1:]), np.uint8)
    tensor = tritonclient.InferInput("image", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels, binary_data=binary)
    wanted = [
        tritonclient.InferRequestedOutput("logits", binary_data=binary),
        tritonclient.InferRequestedOutput("probabilities", binary_data=not binary),
    ]
    result = client.infer("linear", [tensor], outputs=wanted, request_id="seven")
    assert result.get_response()["id"] == "seven"
    logits = result.as_numpy("logits")
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert logits.shape == (3, 10)
    np.testing.assert_allclose(
        result.as_numpy("probabilities"), powers / powers.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_encoded_images_give_classes(client: tritonclient.InferenceServerClient) -> None:
    images = [encode(quarters(64, 48), "PNG"), encode(quarters(640, 480), "JPEG")]
    data = np.array(images, dtype=np.object_)
    tensor = tritonclient.InferInput("image", [2], "BYTES")
    tensor.set_data_from_numpy(data)
    wanted = [tritonclient.InferRequestedOutput("probabilities", class_count=3)]
    everything = client.infer("linear", [tensor], model_version="1")
    classes = client.infer("linear", [tensor], outputs=wanted).as_numpy("probabilities")
    assert classes.shape == (2, 3)
    best = [int(row[0].split(b":")[1]) for row in classes]
    assert best == everything.as_numpy("logits").argmax(axis=1).tolist()


def test_an_error_reaches_the_caller_in_words(client: tritonclient.InferenceServerClient) -> None:
    tensor = tritonclient.InferInput("image", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([b"not an image"], dtype=np.object_))
    with pytest.raises(InferenceServerException, match="imagen") as caught:
        client.infer("linear", [tensor])
    assert caught.value.status() == "415"
