from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.canonical import canonical


def model_of(prefix: str, *, late_first: bool, batch_axis: str) -> onnx.ModelProto:
    """Return relu(image) + (image * 2), its names and the order of its nodes being the test's."""
    branches = [
        helper.make_node("Relu", ["image"], [f"{prefix}_left"], name=f"{prefix}_1"),
        helper.make_node("Mul", ["image", f"{prefix}_two"], [f"{prefix}_right"], doc_string=prefix),
        helper.make_node("Neg", ["image"], [f"{prefix}_unused"]),
    ]
    branches = branches[::-1] if late_first else branches
    graph = helper.make_graph(
        [*branches, helper.make_node("Add", [f"{prefix}_left", f"{prefix}_right"], ["logits"])],
        prefix,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch_axis, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch_axis, 3])],
        [
            numpy_helper.from_array(np.full(3, 7, np.float32), f"{prefix}_unused_constant"),
            numpy_helper.from_array(np.full(3, 2, np.float32), f"{prefix}_two"),
        ],
    )
    return helper.make_model(
        graph,
        producer_name=prefix,
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.example", 1)],
        ir_version=9,
    )


def test_names_and_order_do_not_change_the_bytes() -> None:
    one = canonical(model_of("a", late_first=False, batch_axis="unk__1"))
    other = canonical(model_of("b", late_first=True, batch_axis="unk__2"))
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def test_what_no_output_needs_is_gone() -> None:
    made = canonical(model_of("a", late_first=True, batch_axis="unk__1"))
    assert [node.op_type for node in made.graph.node] == ["Relu", "Mul", "Add"]
    assert [tensor.name for tensor in made.graph.initializer] == ["Mul_1_constant_1"]
    assert [entry.domain for entry in made.opset_import] == [""]


def test_the_first_axis_is_called_n_and_the_result_is_valid() -> None:
    made = canonical(model_of("a", late_first=True, batch_axis="unk__1"))
    onnx.checker.check_model(made, full_check=True)
    for value in (*made.graph.input, *made.graph.output):
        axes = value.type.tensor_type.shape.dim
        assert (axes[0].dim_param, axes[1].dim_value) == ("N", 3)


def test_attributes_and_inputs_left_out_are_kept() -> None:
    graph = helper.make_graph(
        [helper.make_node("Clip", ["image", "", "six"], ["clipped"]),
         helper.make_node("Softmax", ["clipped"], ["logits"], axis=0)],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(np.asarray(6, np.float32), "six")],
    )  # fmt: skip
    made = canonical(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]))
    clip, softmax = made.graph.node
    assert list(clip.input) == ["image", "", "Clip_0_constant_2"]
    assert helper.get_node_attr_value(softmax, "axis") == 0
