"""One way to write a graph: equal graphs are equal bytes, wherever and whenever they were made.

Converters number their names by counters that live as long as the process, and order nodes by what
their sets happen to give. Here the order is that of a walk from the outputs, and names follow it.
"""

import onnx
from onnx import helper, numpy_helper

from export.pattern import Wiring

PRODUCER = "rotulo"
BATCH_AXIS = "N"


def canonical(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with only what its outputs need, in one order, under stable names.

    Names of inputs and outputs stay. The first axis of each is called `N`. Of the imported operator
    sets those are kept that some node uses.
    """
    graph = proto.graph
    ordered = _needed_nodes(graph)
    names = _stable_names(graph, ordered)
    stored = {tensor.name: tensor for tensor in graph.initializer}
    domains = {node.domain for node in ordered} | {""}
    made = helper.make_model(
        helper.make_graph(
            [_renamed(node, names) for node in ordered],
            "graph",
            [_with_batch_axis(value) for value in graph.input],
            [_with_batch_axis(value) for value in graph.output],
            # Written anew, since a tensor can hold the same numbers in more than one way.
            [
                numpy_helper.from_array(numpy_helper.to_array(stored[old]), new)
                for old, new in names.items()
                if old in stored
            ],
        ),
        producer_name=PRODUCER,
        opset_imports=[entry for entry in proto.opset_import if entry.domain in domains],
    )
    made.ir_version = proto.ir_version
    return made


def _needed_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, each after all that it takes."""
    wiring = Wiring(graph)
    ordered: dict[str, onnx.NodeProto] = {}
    waiting = [(value.name, False) for value in reversed(graph.output)]
    while waiting:
        value, inputs_are_done = waiting.pop()
        node = wiring.producer(value)
        if node is None or node.output[0] in ordered:
            continue
        if inputs_are_done:
            ordered[node.output[0]] = node
        else:
            waiting.append((value, True))
            waiting.extend((name, False) for name in reversed(node.input))
    return list(ordered.values())


def _stable_names(graph: onnx.GraphProto, ordered: list[onnx.NodeProto]) -> dict[str, str]:
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    stored = {tensor.name for tensor in graph.initializer}
    for number, node in enumerate(ordered):
        for place, name in enumerate(node.input):
            if name in stored:
                names.setdefault(name, f"{node.op_type}_{number}_constant_{place}")
        for place, name in enumerate(node.output):
            names.setdefault(name, f"{node.op_type}_{number}_output_{place}")
    return names


def _renamed(node: onnx.NodeProto, names: dict[str, str]) -> onnx.NodeProto:
    made = helper.make_node(
        node.op_type,
        # An input that is left out has the empty name.
        [names[name] if name else "" for name in node.input],
        [names[name] for name in node.output],
        domain=node.domain or None,
    )
    made.name = made.output[0].partition("_output_")[0]
    made.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    return made


def _with_batch_axis(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    tensor = value.type.tensor_type
    rest = [axis.dim_value for axis in tensor.shape.dim[1:]]
    return helper.make_tensor_value_info(value.name, tensor.elem_type, [BATCH_AXIS, *rest])
