"""The graph of each kind of network says in ONNX Runtime what it says in Keras."""

from __future__ import annotations

import keras
import numpy as np
import onnxruntime
import pytest

from export.convert import to_onnx
from export.network import Network
from export.optimise import optimise
from tests.reduced import SHAPE, reduced
from training.models import build
from training.recipes import find_recipe

CLASSES = 10
# One of each kind; airbench, resnet and tiny-cnn go the whole way in test_exporting.
RECIPES = (
    "mlp-adam-tanh-1",
    "cnn-improved",
    "vgg16-bn",
    "resnet-v1-104",
    "resnet-v2-155",
    "densenet-c05",
    "wrn-16-8",
    "rexnet",
    "coatnet-0",
    "residual-224",
    "vgg16-base",
)


@pytest.mark.no_cover  # test_exporting runs the same lines of export, and fits those of training
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_graph_takes_bytes_and_gives_the_logits_of_keras(name: str) -> None:
    keras.utils.set_random_seed(1)
    model = build(reduced(find_recipe(name).model), SHAPE, CLASSES)
    images = np.random.default_rng(1).integers(0, 256, (3, *SHAPE), np.uint8)
    for layer in model.layers:
        if hasattr(layer, "adapt_to"):
            layer.adapt_to(images)
    proto = optimise(to_onnx(Network(model, "single")))
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(["logits"], {"image": images})
    expected = np.asarray(model(images))
    np.testing.assert_allclose(logits, expected, atol=1e-4 * max(1.0, np.abs(expected).max()))
    (alone,) = session.run(["logits"], {"image": images[:1]})
    assert alone.shape == (1, CLASSES)
