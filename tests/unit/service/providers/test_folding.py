"""A network's first convolution in 8 bits says the same of four times the channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.providers.enlarging import with_products
from service.providers.signature import INPUT_NAME
from service.settings import SHIPPED_BUNDLES

IN_8_BITS = SHIPPED_BUNDLES.parent / "bundles-int8" / "cifar10-int8" / "5" / "model.onnx"
CHANNELS = 3
FILTERS = 5
SIDE = 8
SAME = (0, 0, 1, 1)


def stem(
    size: tuple[int, int] = (SIDE, SIDE),
    times: tuple[int, int] = (4, 4),
    kernel: tuple[int, int] = (3, 3),
    pads: Iterable[int] = SAME,
    *,
    strides: tuple[int, int] = (2, 2),
    **attributes: Any,
) -> onnx.ModelProto:
    """Return a graph that enlarges pictures and convolves them in 8 bits."""
    generator = np.random.default_rng(0)
    channels = CHANNELS // attributes.get("group", 1)
    padded: dict[str, Any] = {} if "auto_pad" in attributes else {"pads": list(pads)}
    constants: dict[str, NDArray[Any]] = {
        "roi": np.array([], np.float32),
        "times": np.array([1, 1, *times], np.float32),
        "scale": np.array(1.5, np.float32),
        "zero": np.array(7, np.uint8),
        "kernel": generator.integers(-127, 128, (FILTERS, channels, *kernel), dtype=np.int8),
        "scales": generator.uniform(0.001, 0.002, FILTERS).astype(np.float32),
        "zeros": np.zeros(FILTERS, np.int8),
        "bias": generator.integers(-999, 999, FILTERS).astype(np.int32),
        "biases": np.full(FILTERS, 0.001, np.float32),
        "coarse": np.array(0.5, np.float32),
        "middle": np.array(128, np.uint8),
    }
    bilinear = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    nodes = [
        helper.make_node("Transpose", [INPUT_NAME], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["turned"], ["seen"], to=TensorProto.FLOAT),
        helper.make_node("Resize", ["seen", "roi", "times"], ["large"], **bilinear),
        helper.make_node("QuantizeLinear", ["large", "scale", "zero"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["rounded", "scale", "zero"], ["read"]),
        helper.make_node("DequantizeLinear", ["kernel", "scales", "zeros"], ["filters"], axis=0),
        helper.make_node("DequantizeLinear", ["bias", "biases"], ["offsets"], axis=0),
        helper.make_node(
            "Conv",
            ["read", "filters", "offsets"],
            ["convolved"],
            kernel_shape=kernel,
            strides=strides,
            **(padded | attributes),
        ),
        helper.make_node("QuantizeLinear", ["convolved", "coarse", "middle"], ["narrow"]),
        helper.make_node("DequantizeLinear", ["narrow", "coarse", "middle"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "stem",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["N", *size, CHANNELS])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", FILTERS, "H", "W"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)  # whose word on shapes must not stay


def changed(model: onnx.ModelProto) -> onnx.ModelProto:
    parts = with_products(memoryview(model.SerializeToString()))
    assert parts
    return onnx.load_from_string(b"".join(parts))


def kernel_of(model: onnx.ModelProto) -> tuple[int, ...]:
    """Return the shape of the first convolution's kernel."""
    convolution = next(node for node in model.graph.node if node.op_type == "Conv")
    filters = next(node for node in model.graph.node if convolution.input[1] in node.output)
    return tuple(next(it for it in model.graph.initializer if it.name == filters.input[0]).dims)


def run(model: onnx.ModelProto, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    said: NDArray[np.float32] = session.run(["logits"], {INPUT_NAME: pixels})[0]
    return said


def noise(size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, *size, CHANNELS), dtype=np.uint8)


side = st.integers(1, 9)
twice = st.sampled_from([2, 4])


@given(
    st.tuples(side, side),
    st.tuples(twice, twice),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(*[st.integers(0, 4)] * 4),
)
def test_every_kernel_says_the_same_to_the_bit(
    size: tuple[int, int],
    times: tuple[int, int],
    kernel: tuple[int, int],
    pads: tuple[int, int, int, int],
) -> None:
    room = (size[axis] * times[axis] + pads[axis] + pads[axis + 2] for axis in (0, 1))
    assume(all(has >= needs for has, needs in zip(room, kernel, strict=True)))
    model = stem(size, times, kernel, pads)
    folded = changed(model)
    assert kernel_of(folded)[1] == 4 * CHANNELS
    pixels = noise(size)
    np.testing.assert_array_equal(run(folded, pixels), run(model, pixels))


def test_a_kernel_of_three_becomes_one_of_two_and_nothing_is_warned_of(
    capfd: pytest.CaptureFixture[str],
) -> None:
    folded = changed(stem())
    onnx.checker.check_model(folded, full_check=True)
    assert kernel_of(folded) == (FILTERS, 4 * CHANNELS, 2, 2)
    run(folded, noise((SIDE, SIDE)))
    assert capfd.readouterr().err == ""


def node(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    made: onnx.NodeProto
    (made,) = (it for it in model.graph.node if output in it.output)
    return made


def replace(model: onnx.ModelProto, name: str, value: NDArray[Any]) -> onnx.ModelProto:
    constant = next(it for it in model.graph.initializer if it.name == name)
    constant.CopyFrom(numpy_helper.from_array(value, name))
    return model


def beside_another_reader(name: str) -> Callable[[], onnx.ModelProto]:
    def make() -> onnx.ModelProto:
        model = stem()
        model.graph.node.append(helper.make_node("Identity", [name], ["also"]))
        model.graph.output.append(helper.make_empty_tensor_value_info("also"))
        return model

    return make


def that_is_an_answer() -> onnx.ModelProto:
    model = stem()
    model.graph.output.append(helper.make_empty_tensor_value_info("large"))
    return model


def of_floats() -> onnx.ModelProto:
    model = stem()
    node(model, "convolved").input[0] = "large"
    return model


def of_kernels_of_floats() -> onnx.ModelProto:
    model = stem()
    kernel = np.ones((FILTERS, CHANNELS, 3, 3), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(kernel, "floats"))
    node(model, "convolved").input[1] = "floats"
    return model


def around_a_middle() -> onnx.ModelProto:
    return replace(stem(), "zeros", np.full(FILTERS, 3, np.int8))


def of_bytes() -> onnx.ModelProto:
    model = replace(stem(), "zeros", np.zeros(FILTERS, np.uint8))
    return replace(model, "kernel", np.ones((FILTERS, CHANNELS, 3, 3), np.uint8))


def with_a_scale_for_each_channel() -> onnx.ModelProto:
    model = replace(stem(), "scale", np.ones(CHANNELS, np.float32))
    replace(model, "zero", np.zeros(CHANNELS, np.uint8))
    for output in ("rounded", "read"):
        node(model, output).attribute.append(helper.make_attribute("axis", 1))
    return model


def with_one_scale_for_all_filters() -> onnx.ModelProto:
    return replace(
        replace(stem(), "scales", np.ones((), np.float32)), "zeros", np.zeros((), np.int8)
    )


def with_a_scale_for_each_column() -> onnx.ModelProto:
    model = stem(kernel=(FILTERS, 1), pads=(0, 0, 0, 0))
    node(model, "filters").attribute[0].i = 2
    return model


def behind_a_clip() -> onnx.ModelProto:
    model = stem()
    model.graph.node.insert(3, helper.make_node("Relu", ["large"], ["clipped"]))
    node(model, "rounded").input[0] = "clipped"
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: stem(strides=(1, 1)),
        lambda: stem(strides=(2, 1)),
        lambda: stem(dilations=[2, 2]),
        lambda: stem(auto_pad="SAME_UPPER"),
        lambda: stem((5, SIDE), (1, 4)),
        lambda: stem((SIDE, 5), (4, 1)),
        *map(beside_another_reader, ["large", "rounded", "read", "kernel", "filters"]),
        that_is_an_answer,
        of_floats,
        of_kernels_of_floats,
        around_a_middle,
        of_bytes,
        with_a_scale_for_each_channel,
        with_one_scale_for_all_filters,
        with_a_scale_for_each_column,
        behind_a_clip,
    ],
)
def test_any_other_convolution_stays_and_says_the_same(
    make: Callable[[], onnx.ModelProto],
) -> None:
    model = make()
    products = changed(model)
    stays = next(it for it in products.graph.node if it.op_type == "Conv")
    assert stays == node(model, "convolved")
    size = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim[1:3]]
    pixels = noise((size[0], size[1]))
    np.testing.assert_allclose(run(products, pixels), run(model, pixels), atol=1e-4)


def test_groups_of_channels_stay() -> None:
    model = stem(group=CHANNELS)
    kernel = next(it for it in model.graph.initializer if it.name == "kernel")
    assert kernel.dims[1] == 1
    assert kernel_of(changed(model)) == tuple(kernel.dims)


def test_the_model_that_ships_in_8_bits_gains_by_it() -> None:
    model = onnx.load(IN_8_BITS)
    assert kernel_of(model)[1:] == (CHANNELS, 3, 3)
    assert kernel_of(changed(model))[1:] == (4 * CHANNELS, 2, 2)
