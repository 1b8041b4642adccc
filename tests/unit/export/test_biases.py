"""What rounding weights shifts on average, biases make up for; in groups and without them."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export import quantise as module
from export.quantise import quantise

SIDE, CHANNELS = 8, 4


def convolution(seed: int, *, groups: int, biased: bool) -> ModelProto:
    """Return one convolution whose maps are averaged: uint8 pixels in, eight numbers out."""
    generator = np.random.default_rng(seed)
    stored = {
        "sides": np.array([2, 3], np.int64),
        # All of one sign, so that what is lost adds up where it does not average out.
        "kernel": np.abs(generator.normal(0.3, 0.1, (8, CHANNELS // groups, 3, 3))).astype("f4"),
        "far": generator.normal(0, 1, 8).astype("f4"),
    }
    # One weight that is far from the others makes the steps of its channel coarse.
    stored["kernel"][:, 0, 0, 0] = 6.1
    inputs = ["planes", "kernel", *(["far"] if biased else [])]
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", inputs, ["seen"], group=groups),
        helper.make_node("ReduceMean", ["seen", "sides"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, CHANNELS])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 8])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def means(proto: ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"image": images})[0].mean(axis=0, dtype=np.float64))


@given(st.integers(0, 99), st.sampled_from([1, 2, 4]), st.booleans())
@settings(max_examples=12, deadline=None)
def test_the_mean_of_each_channel_is_that_of_the_float32_graph(
    seed: int,
    groups: int,
    biased: bool,  # noqa: FBT001  # drawn
) -> None:
    images = np.random.default_rng(seed).integers(
        0, 256, (40, SIDE, SIDE, CHANNELS), dtype=np.uint8
    )
    proto = convolution(seed, groups=groups, biased=biased)
    exact = means(proto, images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "settle_biases", lambda *_: None)
        shifted = np.abs(means(quantise(proto, images), images) - exact)
    settled = np.abs(means(quantise(proto, images), images) - exact)
    # Activations are rounded too, by up to half a step of 1/255 of their range.
    step = np.abs(exact).max() / 255
    assert settled.max() < step
    assert settled.mean() < shifted.mean() / 3
