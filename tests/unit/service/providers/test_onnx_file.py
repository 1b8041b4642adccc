"""What is read of an ONNX file is what the package onnx reads of it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from service.providers.onnx_file import ExternalTensor, external_tensors, operators

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
counts = st.integers(0, 2**40)
outside = st.builds(
    ExternalTensor,
    name=names,
    data_type=st.sampled_from([TensorProto.FLOAT, TensorProto.INT64, TensorProto.BFLOAT16]),
    shape=st.lists(counts, max_size=5),
    offset=counts,
    length=counts,
)


def external(tensor: ExternalTensor) -> TensorProto:
    proto = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.shape)
    proto.data_location = TensorProto.EXTERNAL
    for key, value in (
        ("location", "weights"),
        *((("offset", str(tensor.offset)),) if tensor.offset else ()),
        ("length", str(tensor.length)),
    ):
        proto.external_data.add(key=key, value=value)
    return proto


inside = st.builds(
    lambda name, floats, doubles: TensorProto(
        name=name, data_type=TensorProto.FLOAT, float_data=floats, double_data=doubles, dims=[3]
    ),
    names,
    st.lists(st.floats(width=32), max_size=3),
    st.lists(st.floats(), max_size=3),
)


@given(st.lists(outside | inside, max_size=8), st.floats(width=32), names)
def test_the_weights_outside_are_those_that_onnx_reads(
    weights: list[ExternalTensor | TensorProto], alpha: float, words: str
) -> None:
    node = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=alpha, doc_string=words)
    model = onnx.ModelProto(ir_version=10, producer_name=words, doc_string=words)
    model.opset_import.add(domain="", version=21)
    model.graph.name = words
    model.graph.node.append(node)
    for weight in weights:
        proto = external(weight) if isinstance(weight, ExternalTensor) else weight
        model.graph.initializer.append(proto)
    model.metadata_props.add(key=words, value=words)
    found = external_tensors(model.SerializeToString())
    assert found == [weight for weight in weights if isinstance(weight, ExternalTensor)]


def branch(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    return onnx.GraphProto(name="branch", node=nodes)


def test_operators_are_those_of_the_graph_and_of_its_branches(tmp_path: Path) -> None:
    deepest = branch(helper.make_node("QuantizeLinear", ["a"], ["b"]))
    middle = branch(helper.make_node("Loop", ["a"], ["b"], body=deepest, count=3))
    model = onnx.ModelProto(ir_version=10, producer_name="test")
    model.graph.node.append(helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1]))
    model.graph.node.append(helper.make_node("If", ["y"], ["z"], then_branch=middle, name="Gemm"))
    model.graph.initializer.append(TensorProto(name="w", raw_data=b"MatMul" * 100))
    model.functions.add(name="f", node=[helper.make_node("DynamicQuantizeLinear", ["a"], ["b"])])
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert operators(path) == {"Conv", "DynamicQuantizeLinear", "If", "Loop", "QuantizeLinear"}


@given(st.binary(max_size=200))
def test_whatever_is_no_model_has_no_operators_or_some(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "rubbish.onnx"
    path.write_bytes(content)
    assert isinstance(operators(path), set)
