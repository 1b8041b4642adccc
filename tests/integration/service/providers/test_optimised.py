"""Sessions of one graph say what a session of its file says, and read the same weights."""

from __future__ import annotations

import ctypes
import logging
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.bundles import load_bundle
from service.classifier import OnnxClassifier
from service.providers.cpu import base_options
from service.providers.optimised import OptimisedGraph, optimise
from service.providers.signature import INPUT_NAME
from service.settings import SHIPPED_BUNDLES
from tests.bundles import linear_graph, linear_model, manifest_of, write_parts

SHIPPED = sorted(SHIPPED_BUNDLES.parent.glob("bundles*/*/*/model.onnx"))
FLOAT32 = [path for path in SHIPPED if b"QuantizeLinear" not in path.read_bytes()]
FILTERS = 32
OPEN_FILES = Path("/proc/self/fd")


def optimised(path: Path) -> OptimisedGraph:
    graph = optimise(path)
    assert graph is not None
    return graph


def noise(count: int, side: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("path", FLOAT32, ids=lambda path: path.parent.parent.name)
def test_what_ships_says_the_same_to_the_bit(path: Path) -> None:
    spec = load_bundle(path.parent).manifest.input
    pixels = {INPUT_NAME: noise(2, spec.height)}
    alone = onnxruntime.InferenceSession(
        path, base_options(1), providers=["CPUExecutionProvider"]
    ).run(None, pixels)
    graph = optimised(path)
    for threads in (1, 2):
        said = graph.session(base_options(threads)).run(None, pixels)
        for given, expected in zip(said, alone, strict=True):
            np.testing.assert_array_equal(given, expected)


def convolution(path: Path) -> Path:
    """Write a graph of one convolution of weights, and of nothing else."""
    weights = np.random.default_rng(0).normal(size=(FILTERS, FILTERS, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FILTERS, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", FILTERS, 8, 8])],
        [numpy_helper.from_array(weights, "w")],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def test_sessions_read_the_same_weights(tmp_path: Path) -> None:
    graph = optimised(convolution(tmp_path / "model.onnx"))
    sessions = [graph.session(base_options(threads)) for threads in (1, 2)]
    pixels = {"x": np.ones((1, FILTERS, 8, 8), np.float32)}
    assert all(np.abs(session.run(None, pixels)[0]).max() > 1 for session in sessions)
    (weights,) = graph._weights.values()
    ctypes.memset(weights.data_ptr(), 0, FILTERS * FILTERS * 9 * 4)
    assert all(np.abs(session.run(None, pixels)[0]).max() == 0 for session in sessions)


def test_no_file_stays_open(tmp_path: Path) -> None:
    path = convolution(tmp_path / "model.onnx")
    optimised(path)
    before = len(list(OPEN_FILES.iterdir()))
    optimised(path)
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(Exception, match="INVALID_PROTOBUF"):
        optimise(tmp_path / "broken.onnx")
    assert len(list(OPEN_FILES.iterdir())) == before


def serve(path: Path, graph: onnx.ModelProto) -> OnnxClassifier:
    onnx.checker.check_model(graph, full_check=True)
    content = graph.SerializeToString()
    write_parts(path / "linear" / "1", content, manifest_of(content))
    return OnnxClassifier(load_bundle(path / "linear" / "1"), provider="cpu")


def is_right(classifier: OnnxClassifier) -> bool:
    expected = linear_model().logits(noise(3))
    return np.allclose(classifier.run(noise(3)), expected, rtol=1e-4, atol=1e-4)


def test_weights_within_a_branch_are_left_to_each_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """ONNX Runtime writes them down as well, and cannot be given them."""
    graph = linear_graph(linear_model(), output_name="plain")

    def branch(name: str) -> onnx.GraphProto:
        nodes = [
            helper.make_node("MatMul", ["plain", f"{name}-weights"], [f"{name}-more"]),
            helper.make_node("ReduceMax", [f"{name}-more"], [f"{name}-most"], keepdims=0),
            helper.make_node("Add", ["plain", f"{name}-most"], [f"{name}-out"]),
        ]
        out = helper.make_tensor_value_info(f"{name}-out", TensorProto.FLOAT, ["n", 10])
        weights = numpy_helper.from_array(np.zeros((10, 64), np.float32), f"{name}-weights")
        return helper.make_graph(nodes, name, [], [out], [weights])

    graph.graph.initializer.append(numpy_helper.from_array(np.zeros((), np.float32), "zero"))
    graph.graph.node.extend(
        [
            helper.make_node("ReduceMax", ["plain"], ["most"], keepdims=0),
            helper.make_node("Greater", ["most", "zero"], ["high"]),
            helper.make_node(
                "If", ["high"], ["logits"], then_branch=branch("a"), else_branch=branch("b")
            ),
        ]
    )
    graph.graph.output[0].name = "logits"
    with caplog.at_level(logging.INFO, logger="service"):
        classifier = serve(tmp_path, graph)
    assert "each session has weights of its own" in caplog.text
    assert is_right(classifier)


def test_weights_of_a_kind_that_is_not_known_are_left_to_each_session(tmp_path: Path) -> None:
    table = np.zeros(4096, np.uint8)
    graph = linear_graph(linear_model(), output_name="plain")
    graph.graph.initializer.append(numpy_helper.from_array(table, "table"))
    graph.graph.node.extend(
        [
            helper.make_node("ArgMax", ["plain"], ["best"], axis=1, keepdims=1),
            helper.make_node("Gather", ["table", "best"], ["nothing"]),
            helper.make_node("Cast", ["nothing"], ["none"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["plain", "none"], ["logits"]),
        ]
    )
    graph.graph.output[0].name = "logits"
    classifier = serve(tmp_path, graph)
    assert classifier._on_cpu is not None
    assert classifier._on_cpu._shared is None
    assert is_right(classifier)


def test_where_no_file_may_be_in_memory_each_session_has_weights_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def forbid(_: str) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", forbid)
    with caplog.at_level(logging.INFO, logger="service"):
        classifier = serve(tmp_path, linear_graph(linear_model()))
    assert "each session has weights of its own" in caplog.text
    assert is_right(classifier)
