"""Biases that make up for what the rounding of weights shifts, channel by channel.

A weight that is rounded is off by the same amount for every image, so a convolution's outputs are
off on average, and each that follows adds to it. The average is known from real images, and can be
taken off where it arises (Nagel 2019, section 4.2, arXiv 1906.04721).
"""

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export.pattern import Wiring
from service.providers.signature import INPUT_NAME

BATCH = 32
SPATIAL = (2, 3)


def with_biases(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, in which every convolution has a bias, of zeros where there was none."""
    made = _copy(proto)
    stored = {tensor.name: tensor for tensor in made.graph.initializer}
    for node in _convolutions(made):
        if len(node.input) == 2:  # noqa: PLR2004 - image and kernel
            name = f"{node.output[0]}.bias"
            zeros = np.zeros(stored[node.input[1]].dims[0], np.float32)
            made.graph.initializer.append(numpy_helper.from_array(zeros, name))
            node.input.append(name)
    return made


def settle_biases(
    quantised: onnx.ModelProto, source: onnx.ModelProto, images: NDArray[np.uint8]
) -> None:
    """Correct the biases of 8-bit convolutions, in place.

    Args:
        quantised: in QDQ form, its nodes named as in `source`.
        source: the float32 graph that it was made of, every convolution with a bias.
        images: training images [N, H, W, C] to average over.
    """
    means = _mean_inputs(source, images)
    exact = {tensor.name: tensor for tensor in source.graph.initializer}
    kernels = {node.name: exact[node.input[1]] for node in _convolutions(source)}
    wiring = Wiring(quantised.graph)
    stored = {tensor.name: tensor for tensor in quantised.graph.initializer}
    for node in _convolutions(quantised):
        kernel, bias = (wiring.producer(name) for name in node.input[1:])
        if kernel is None or bias is None:  # left in float32
            continue
        rounded, scale, _ = (numpy_helper.to_array(stored[name]) for name in kernel.input)
        lost = numpy_helper.to_array(kernels[node.name]) - rounded * scale[:, None, None, None]
        shift = _outputs(lost.sum(axis=SPATIAL), means[node.name])
        counts, step, _ = (stored[name] for name in bias.input)
        settled = numpy_helper.to_array(counts) + np.rint(shift / numpy_helper.to_array(step))
        counts.CopyFrom(numpy_helper.from_array(settled.astype(np.int32), counts.name))


def _outputs(weights: NDArray[np.float32], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a convolution with these weights [out, in of a group] makes of constant channels."""
    groups = len(means) // weights.shape[1]
    shares = weights.reshape(groups, -1, weights.shape[1])
    made = np.einsum("goi,gi->go", shares, means.reshape(groups, -1))
    return np.asarray(made.reshape(-1), np.float64)


def _mean_inputs(
    proto: onnx.ModelProto, images: NDArray[np.uint8]
) -> dict[str, NDArray[np.float64]]:
    """For each convolution by name: the mean of each channel [C] that it is given."""
    watched = _copy(proto)
    inputs = {node.name: node.input[0] for node in _convolutions(watched)}
    names = sorted(set(inputs.values()))
    kept = {value.name for value in watched.graph.output}
    watched.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in names if name not in kept
    )
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    sums = {name: np.zeros(1) for name in names}
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        for name, given in zip(names, session.run(names, {INPUT_NAME: batch}), strict=True):
            # Each picture's views count alike, however many there are.
            mean = given.mean(axis=(0, *SPATIAL), dtype=np.float64)
            sums[name] = sums[name] + mean * len(batch)
    return {node: sums[name] / len(images) for node, name in inputs.items()}


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    return made


def _convolutions(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in proto.graph.node if node.op_type == "Conv"]
