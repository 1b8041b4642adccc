from __future__ import annotations

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.errors import ConversionFailed
from export.optimise import OPSET, optimise, require_portable

CONVERTED_OPSET = 18
IMAGES = np.random.default_rng(0).normal(0, 1, (3, 2, 6, 6)).astype(np.float32)


def model_of(nodes: list[onnx.NodeProto], **constants: object) -> onnx.ModelProto:
    """Return a graph from `image` [N, 2, 6, 6] to `logits` of the same rank, as converted."""
    graph = helper.make_graph(
        nodes,
        "part",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["unk__1", 2, 6, 6])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["unk__1", None, None, None])],
        [numpy_helper.from_array(np.asarray(v, np.float32), name) for name, v in constants.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", CONVERTED_OPSET)], ir_version=8
    )


def pooled_norm(scale: list[float]) -> onnx.ModelProto:
    """Return Conv, MaxPool, Mul, Add, as a norm behind a pooling is converted."""
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["convolved"], pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["convolved"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Mul", ["pooled", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["logits"]),
    ]
    generator = np.random.default_rng(1)
    channels = (1, 3, 1, 1)
    model = model_of(
        nodes,
        kernel=generator.normal(0, 1, (3, 2, 3, 3)),
        scale=np.reshape(scale, channels),
        offset=generator.normal(0, 1, channels),
    )
    axes = model.graph.output[0].type.tensor_type.shape.dim
    axes[1].dim_value, axes[2].dim_value, axes[3].dim_value = 3, 3, 3
    return model


def tanh_gelu(cubic: float = 0.044715) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Mul", ["cubic", "image"], ["a"]),
        helper.make_node("Mul", ["a", "image"], ["b"]),
        helper.make_node("Mul", ["b", "image"], ["c"]),
        helper.make_node("Add", ["image", "c"], ["d"]),
        helper.make_node("Mul", ["factor", "d"], ["e"]),
        helper.make_node("Tanh", ["e"], ["f"]),
        helper.make_node("Add", ["one", "f"], ["g"]),
        helper.make_node("Mul", ["half", "image"], ["h"]),
        helper.make_node("Mul", ["h", "g"], ["logits"]),
    ]
    model = model_of(nodes, cubic=cubic, factor=math.sqrt(2 / math.pi), one=1, half=0.5)
    return with_output(model, 2, 6, 6)


def with_output(model: onnx.ModelProto, *axes: int) -> onnx.ModelProto:
    for axis, size in zip(model.graph.output[0].type.tensor_type.shape.dim[1:], axes, strict=True):
        axis.dim_value = size
    return model


def answer(model: onnx.ModelProto) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(["logits"], {"image": IMAGES})
    return np.asarray(logits)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_a_norm_behind_a_pooling_ends_in_the_convolution() -> None:
    model = pooled_norm([0.5, 1.0, 3.0])
    optimised = optimise(model)
    assert kinds(optimised) == ["Conv", "MaxPool"]
    np.testing.assert_allclose(answer(optimised), answer(model), atol=1e-5)


@pytest.mark.parametrize("scale", [[0.5, -1.0, 3.0], [0.5, 0.0, 3.0]])
def test_a_scale_that_is_not_positive_stays_behind_the_pooling(scale: list[float]) -> None:
    """The largest of negated values is not the negated largest value."""
    model = pooled_norm(scale)
    optimised = optimise(model)
    assert kinds(optimised) == ["Conv", "MaxPool", "Mul", "Add"]
    np.testing.assert_allclose(answer(optimised), answer(model), atol=1e-5)


def test_the_tanh_formula_of_gelu_becomes_one_node() -> None:
    optimised = optimise(tanh_gelu())
    (gelu,) = optimised.graph.node
    assert gelu.op_type == "Gelu"
    assert helper.get_node_attr_value(gelu, "approximate") == b"tanh"
    np.testing.assert_allclose(answer(optimised), answer(tanh_gelu()), atol=1e-6)


def test_another_formula_is_left_alone() -> None:
    other = tanh_gelu(cubic=0.05)
    optimised = optimise(other)
    assert "Gelu" not in kinds(optimised)
    np.testing.assert_allclose(answer(optimised), answer(other), atol=1e-6)


def test_the_maximum_with_zero_becomes_a_relu() -> None:
    model = with_output(
        model_of([helper.make_node("Max", ["image", "zero"], ["logits"])], zero=0), 2, 6, 6
    )
    optimised = optimise(model)
    assert kinds(optimised) == ["Relu"]
    np.testing.assert_array_equal(answer(optimised), answer(model))


def test_the_result_is_of_one_operator_set() -> None:
    (imported,) = optimise(tanh_gelu()).opset_import
    assert (imported.domain, imported.version) == ("", OPSET)


def test_operators_outside_of_the_standard_are_refused() -> None:
    model = model_of([helper.make_node("FastGelu", ["image"], ["logits"], domain="com.microsoft")])
    with pytest.raises(ConversionFailed, match=r"com\.microsoft\.FastGelu"):
        require_portable(model)


def test_a_graph_that_is_not_valid_is_refused() -> None:
    model = with_output(model_of([helper.make_node("Relu", ["nowhere"], ["logits"])]), 2, 6, 6)
    with pytest.raises(ConversionFailed, match="not valid"):
        require_portable(model)
    with pytest.raises(ConversionFailed, match="cannot be raised"):
        optimise(model)
