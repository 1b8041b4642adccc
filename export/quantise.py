"""Makes a graph compute in 8-bit integers where convolutions are, by what real images give.

Static quantisation, written as QuantizeLinear and DequantizeLinear around standard operators (QDQ),
so that any runtime can run the file and those with integer kernels are fast.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from export.biases import settle_biases, with_biases
from export.canonical import canonical
from export.errors import ConversionFailed
from export.optimise import fold, require_portable
from service.providers.signature import INPUT_NAME

# Where the time goes, and what lies between two of them and would otherwise have to be in float32.
KINDS = ("Conv", "Relu", "Clip", "MaxPool", "Add", "GlobalAveragePool")
MAP_AXES = 4
BATCH = 32


def quantise(proto: onnx.ModelProto, images: NDArray[np.uint8]) -> onnx.ModelProto:
    """The graph with 8-bit convolutions: weights by channel, activations by what the images give.

    Weights keep 7 of their 8 bits. Processors without VNNI add two products in 16 bits, which 8-bit
    weights overflow: the same file would give other answers there. What that rounding shifts on
    average, biases make up for.

    Args:
        proto: a float32 graph as `export.optimise` leaves it, its weights halved or not.
        images: training images [N, H, W, C] to find the ranges of activations on.

    Raises:
        ConversionFailed: there is no convolution in it, or the result is not valid.
    """
    if not any(node.op_type == "Conv" for node in proto.graph.node):
        raise ConversionFailed("the graph has no convolution to be quantised")
    # Weights that are cast from halves would not be found to be weights.
    prepared = onnx.shape_inference.infer_shapes(with_biases(canonical(fold(proto))))
    # Optimised it is already; without this ONNX Runtime warns that it may not be.
    onnx.helper.set_model_props(prepared, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        onnx.save(prepared, source)
        quantize_static(
            source,
            target,
            _Images(images),
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=_feature_maps(prepared.graph),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        made = onnx.load(target)
    settle_biases(made, prepared, images)
    finished = canonical(made)
    require_portable(finished)
    return finished


def _feature_maps(graph: onnx.GraphProto) -> list[str]:
    """The nodes of `KINDS` from the first convolution on that give maps [N, C, H, W].

    The head is not among them, nor what adds heads together: it costs nothing, and its rounding
    would be the logits'.
    """
    axes = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.value_info}
    convolved: set[str] = set()
    names = []
    # The nodes stand in the order in which they are computed.
    for node in graph.node:
        if node.op_type == "Conv" or not convolved.isdisjoint(node.input):
            convolved.update(node.output)
            if node.op_type in KINDS and axes.get(node.output[0]) == MAP_AXES:
                names.append(node.name)
    return names


class _Images(CalibrationDataReader):
    """Gives the images in batches."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = iter(
            images[start : start + BATCH] for start in range(0, len(images), BATCH)
        )

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch by the name of the input; None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT_NAME: batch}
