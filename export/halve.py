"""Stores weights in half the space where nothing is lost: where float16 can say them exactly.

ONNX Runtime turns them back into float32 once, when it loads the file, so an image costs the same.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Smaller tensors are not worth a node.
FEWEST = 1024


def halve(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, with each large float32 weight as float16 and a cast if that is exact."""
    halved: onnx.ModelProto = onnx.ModelProto.FromString(proto.SerializeToString())
    casts = []
    for initializer in halved.graph.initializer:
        if initializer.data_type != TensorProto.FLOAT:
            continue
        weight = numpy_helper.to_array(initializer)
        with np.errstate(over="ignore"):
            small = weight.astype(np.float16)
        if weight.size < FEWEST or not np.array_equal(small.astype(np.float32), weight):
            continue
        name, stored = initializer.name, f"{initializer.name}/half"
        initializer.CopyFrom(numpy_helper.from_array(small, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved
