"""Which nodes of a graph compute in 8 bits, however its weights are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.errors import ConversionFailed
from export.halve import halve
from export.quantise import quantise

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)


def exact_halves(*shape: int) -> NDArray[np.float32]:
    return GENERATOR.normal(0, 0.1, shape).astype(np.float16).astype(np.float32)


def pair(*, convolve: bool = True) -> ModelProto:
    """Return two heads on one convolution whose logits are added, as those of a pair are."""
    stored: dict[str, NDArray[Any]] = {
        "sides": np.array([2, 3], np.int64),
        "shift": np.ones((1, 1, 1, 3), np.float32),
        **({"kernel": exact_halves(64, 3, 3, 3)} if convolve else {}),
        "first": exact_halves(64 if convolve else 3, 10),
        "second": exact_halves(64 if convolve else 3, 10),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["real", "shift"], ["shifted"]),
        helper.make_node("Transpose", ["shifted"], ["planes"], perm=[0, 3, 1, 2]),
        *([helper.make_node("Conv", ["planes", "kernel"], ["seen"])] if convolve else []),
        helper.make_node("Relu", ["seen" if convolve else "planes"], ["active"]),
        helper.make_node("ReduceMean", ["active", "sides"], ["features"], keepdims=0),
        helper.make_node("MatMul", ["features", "first"], ["one"]),
        helper.make_node("MatMul", ["features", "second"], ["two"]),
        helper.make_node("Add", ["one", "two"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pair",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 8, 8, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def test_weights_stored_as_halves_are_quantised_as_others_are() -> None:
    whole = pair()
    halved = halve(whole)
    assert [node.op_type for node in halved.graph.node].count("Cast") == 2
    quantised = quantise(halved, IMAGES)
    assert quantised == quantise(whole, IMAGES)
    (kernel,) = (
        numpy_helper.to_array(tensor)
        for tensor in quantised.graph.initializer
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 4
    )
    assert kernel.shape == (64, 3, 3, 3)
    assert int(np.abs(kernel.astype(int)).max()) <= 64


def test_neither_the_pixels_shift_nor_the_sum_of_heads_is_rounded() -> None:
    graph = quantise(pair(), IMAGES).graph
    producers = {output: node.op_type for node in graph.node for output in node.output}
    rounded = {producers[node.input[0]] for node in graph.node if node.op_type == "QuantizeLinear"}
    # ONNX Runtime leaves out the ReLU, whose floor is that of the unsigned numbers.
    assert rounded == {"Transpose", "Conv"}


def test_a_graph_without_convolution_is_refused() -> None:
    with pytest.raises(ConversionFailed, match="no convolution"):
        quantise(pair(convolve=False), IMAGES)
