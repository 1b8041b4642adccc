from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.pattern import Constant, Number, Op, Pattern, Value, Wiring, rewrite

X = Value("x")


def graph_of(*nodes: onnx.NodeProto, **constants: float | list[float]) -> onnx.GraphProto:
    """Return a graph from `image` to `logits`, float32 of any shape, with stored constants."""
    return helper.make_graph(
        list(nodes),
        "expression",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N"])],
        [numpy_helper.from_array(np.asarray(v, np.float32), name) for name, v in constants.items()],
    )


def node(kind: str, *inputs: str, gives: str = "logits") -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [gives])


@pytest.mark.parametrize(
    ("operands", "pattern", "expected"),
    [
        pytest.param(("image", "two"), Op("Mul", X, Number(2.0)), {"x": "image"}, id="as-written"),
        pytest.param(("two", "image"), Op("Mul", X, Number(2.0)), {"x": "image"}, id="other-order"),
        pytest.param(("image", "two"), Op("Mul", X, Number(3.0)), None, id="other-number"),
        pytest.param(("image", "row"), Op("Mul", X, Number(2.0)), None, id="more-than-one-number"),
        pytest.param(("image", "image"), Op("Mul", X, X), {"x": "image"}, id="the-same-twice"),
        pytest.param(("image", "two"), Op("Mul", X, X), None, id="not-the-same-twice"),
        pytest.param(("image", "image"), Op("Mul", X, Constant("c")), None, id="no-constant"),
        pytest.param(
            ("row", "image"),
            Op("Mul", X, Constant("c"), name="product"),
            {"x": "image", "c": "row", "product": "logits"},
            id="named",
        ),
        pytest.param(("image", "two"), Op("Add", X, Number(2.0)), None, id="other-operator"),
        pytest.param(("image", "two"), Op("Mul", X), None, id="other-number-of-operands"),
    ],
)
def test_a_pattern_is_found_where_the_expression_is(
    operands: tuple[str, str], pattern: Pattern, expected: dict[str, str] | None
) -> None:
    graph = graph_of(node("Mul", *operands), two=2.0, row=[2.0, 2.0])
    found = Wiring(graph).match("logits", pattern)
    assert found == expected


def test_the_order_of_other_operators_counts() -> None:
    graph = graph_of(node("Sub", "two", "image"), two=2.0)
    assert Wiring(graph).match("logits", Op("Sub", X, Number(2.0))) is None
    assert Wiring(graph).match("logits", Op("Sub", Number(2.0), X)) == {"x": "image"}


def test_an_expression_is_replaced_and_its_value_keeps_its_name() -> None:
    graph = graph_of(node("Mul", "image", "two", gives="double"), node("Relu", "double"), two=2.0)
    double = Op("Mul", X, Number(2.0))

    def addition(_: Wiring, bound: object, output: str) -> list[onnx.NodeProto]:
        assert bound == {"x": "image"}
        return [node("Add", "image", "image", gives=output)]

    assert rewrite(graph, double, addition) == 1
    assert [(n.op_type, list(n.output)) for n in graph.node] == [
        ("Add", ["double"]),
        ("Relu", ["logits"]),
    ]


def test_a_replacement_may_leave_the_expression_as_it_is() -> None:
    graph = graph_of(node("Relu", "image"))
    assert rewrite(graph, Op("Relu", X), lambda *_: []) == 0
    assert [n.op_type for n in graph.node] == ["Relu"]
