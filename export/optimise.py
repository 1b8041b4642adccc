"""Makes a converted graph as cheap as it can be while it stays standard ONNX.

What is done here pays on any hardware. What depends on the hardware, such as blocked layouts, is
left to the runtime that loads the file.
"""

import math
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, version_converter

from export.canonical import canonical
from export.errors import ConversionFailed
from export.pattern import Bound, Constant, Number, Op, Value, Wiring, rewrite

# The first operator set with GELU, and the file format that came with it.
OPSET = 20
IR_VERSION = 9

_X = Value("x")
_CUBE = Op("Mul", Op("Mul", Op("Mul", Number(0.044715), _X), _X), _X)
_INNER = Op("Mul", Number(math.sqrt(2 / math.pi)), Op("Add", _X, _CUBE))
# Hendrycks 2016 (arXiv 1606.08415), section 2: the tanh formula, as nine nodes.
TANH_GELU = Op("Mul", Op("Mul", Number(0.5), _X), Op("Add", Number(1.0), Op("Tanh", _INNER)))
RELU = Op("Max", _X, Number(0.0))
AFFINE_OF_POOL = Op(
    "Add",
    Op("Mul", Op("MaxPool", _X, name="pooled"), Constant("scale")),
    Constant("offset"),
)


def optimise(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same function as a smaller graph: norms inside convolutions, activations as one node.

    Raises:
        ConversionFailed: the result is not valid, or needs more than the standard's operators.
    """
    try:
        raised = version_converter.convert_version(proto, OPSET)
    except version_converter.ConvertError as error:
        raise ConversionFailed(f"the graph cannot be raised to opset {OPSET}: {error}") from error
    raised.ir_version = IR_VERSION
    rewrite(raised.graph, TANH_GELU, _gelu)
    rewrite(raised.graph, RELU, _relu)
    rewrite(raised.graph, AFFINE_OF_POOL, affine_before_pool)
    finished = canonical(fold(canonical(raised)))
    require_portable(finished)
    return finished


def fold(proto: onnx.ModelProto) -> onnx.ModelProto:
    """What ONNX Runtime makes of a graph offline, without any thought of the hardware.

    At its basic level it folds constants, and Mul and Add that follow a convolution into that
    convolution's weights and bias.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no public base
            raise ConversionFailed(f"ONNX Runtime cannot load the graph: {error}") from error
        return onnx.load(path)


def require_portable(proto: onnx.ModelProto) -> None:
    """Make sure that a graph is valid and made of standard operators alone.

    Raises:
        ConversionFailed: it is not.
    """
    foreign = {f"{node.domain}.{node.op_type}" for node in proto.graph.node if node.domain}
    if foreign:
        raise ConversionFailed(f"operators outside of the standard: {', '.join(sorted(foreign))}")
    try:
        onnx.checker.check_model(proto, full_check=True)
        onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionFailed(f"the graph is not valid ONNX: {error}") from error


def affine_before_pool(wiring: Wiring, bound: Bound, output: str) -> list[onnx.NodeProto]:
    """MaxPool of the affine instead of the affine of MaxPool, so that a convolution can absorb it.

    The two are equal where the scale is positive: rising functions commute with the maximum. Any
    other scale is left where it is.
    """
    scale, pool = wiring.constant(bound["scale"]), wiring.producer(bound["pooled"])
    if scale is None or pool is None or not np.all(scale > 0):
        return []
    scaled, shifted = f"{output}/scaled", f"{output}/shifted"
    moved = onnx.NodeProto.FromString(pool.SerializeToString())
    moved.input[0], moved.output[0] = shifted, output
    return [
        helper.make_node("Mul", [bound["x"], bound["scale"]], [scaled]),
        helper.make_node("Add", [scaled, bound["offset"]], [shifted]),
        moved,
    ]


def _gelu(_: Wiring, bound: Bound, output: str) -> list[onnx.NodeProto]:
    """One node: a single pass over memory, and no change of layout between convolutions."""
    return [helper.make_node("Gelu", [bound["x"]], [output], approximate="tanh")]


def _relu(_: Wiring, bound: Bound, output: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Relu", [bound["x"]], [output])]
