from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.halve import halve

GENERATOR = np.random.default_rng(0)
EXACT = GENERATOR.normal(0, 1, (64, 32)).astype(np.float16).astype(np.float32)
INEXACT = EXACT + np.float32(1e-5)


def product(weight: NDArray[np.float32]) -> ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(weight)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", weight.shape[1]])],
        [numpy_helper.from_array(weight, "weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(proto: ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    answer: NDArray[np.float32] = session.run(["y"], {"x": x})[0]
    return answer


def test_a_weight_that_float16_can_say_takes_half_the_space_and_says_the_same() -> None:
    whole = product(EXACT)
    halved = halve(whole)
    assert len(halved.SerializeToString()) < 0.6 * len(whole.SerializeToString())
    x = GENERATOR.normal(0, 1, (3, 64)).astype(np.float32)
    np.testing.assert_array_equal(run(halved, x), run(whole, x))


@pytest.mark.parametrize(
    "weight", [INEXACT, EXACT * 1e6, EXACT[:8]], ids=["finer", "larger", "few"]
)
def test_other_weights_stay_as_they_are(weight: NDArray[np.float32]) -> None:
    whole = product(weight.astype(np.float32))
    assert halve(whole) == whole
