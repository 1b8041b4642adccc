"""A graph in 8 bits is held against what it says computed as it is written, in float32.

Wrong integer kernels are real (ONNX Runtime 1.24.1 on a processor with AMX), and not here: a
session that may use them is given another graph in their place.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from service.bundles import Bundle, load_bundle
from service.classifier import OnnxClassifier
from service.providers.options import ProviderOptions
from tests.bundles import linear_graph, linear_model, manifest_of, write_parts
from tests.serving import RESCUE_SECONDS

STEP = 0.05
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def rounded_graph(shift: float = 0.0) -> bytes:
    """Return the linear graph with its logits in 8 bits, and so much wrong in the first one."""
    model = linear_model()
    bias = model.bias + np.array([shift, *[0] * 9], np.float32)
    proto = linear_graph(replace(model, bias=bias), output_name="exact")
    proto.graph.initializer.append(numpy_helper.from_array(np.array(STEP, np.float32), "step"))
    proto.graph.initializer.append(numpy_helper.from_array(np.array(128, np.uint8), "middle"))
    proto.graph.node.append(
        helper.make_node("QuantizeLinear", ["exact", "step", "middle"], ["counts"])
    )
    proto.graph.node.append(
        helper.make_node("DequantizeLinear", ["counts", "step", "middle"], ["logits"])
    )
    proto.graph.output[0].name = "logits"
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString()
    return content


def expected(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(np.rint(linear_model().logits(pixels) / STEP) * STEP, np.float32)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    path = tmp_path / "linear" / "1"
    graph = rounded_graph()
    write_parts(path, graph, manifest_of(graph))
    return load_bundle(path)


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note of each session whether it may use integer kernels.

    Those that may run a graph named ``wrong`` beside the bundle's, where there is one.
    """
    built: list[bool] = []
    real = onnxruntime.InferenceSession

    def session(graph: Path | bytes, options: Any, **more: Any) -> object:  # noqa: ANN401  # untyped
        try:
            integers = options.get_session_config_entry("session.disable_quant_qdq") != "1"
        except RuntimeError:  # nothing was said of it
            integers = True
        built.append(integers)
        wrong = graph.with_name("wrong") if isinstance(graph, Path) else None
        return real(wrong if integers and wrong and wrong.exists() else graph, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    return built


def test_integer_kernels_that_are_right_serve(bundle: Bundle, sessions: list[bool]) -> None:
    classifier = OnnxClassifier(bundle, provider="cpu")
    assert sessions == [True, False]
    np.testing.assert_allclose(classifier.run(PIXELS), expected(PIXELS), atol=1e-3)


def test_integer_kernels_that_are_wrong_do_not_serve_and_the_log_says_so(
    bundle: Bundle, sessions: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    bundle.model_path.with_name("wrong").write_bytes(rounded_graph(shift=0.9))
    with caplog.at_level(logging.WARNING, logger="service"):
        classifier = OnnxClassifier(bundle, provider="cpu", options=ProviderOptions(lone_threads=2))
    assert "8-bit kernels get model linear/1 wrong here" in caplog.text
    np.testing.assert_allclose(classifier.run(PIXELS), expected(PIXELS), atol=1e-3)
    thread = classifier.widen()
    assert thread is not None
    thread.join(RESCUE_SECONDS)
    np.testing.assert_allclose(classifier.run(PIXELS[:1]), expected(PIXELS[:1]), atol=1e-3)
    assert sessions == [True, False] * 2


def test_a_second_session_of_another_file_is_not_used(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody may exchange the file between the two."""
    classifier = OnnxClassifier(bundle, provider="cpu", options=ProviderOptions(lone_threads=2))
    bundle.model_path.write_bytes(rounded_graph(shift=0.9))
    thread = classifier.widen()
    assert thread is not None
    thread.join(RESCUE_SECONDS)
    assert "no second session" in caplog.text
    np.testing.assert_allclose(classifier.run(PIXELS[:1]), expected(PIXELS[:1]), atol=1e-3)


def test_a_graph_without_8_bits_is_held_against_nothing(
    tmp_path: Path, sessions: list[bool]
) -> None:
    graph = linear_graph(linear_model()).SerializeToString()
    path = tmp_path / "linear" / "1"
    write_parts(path, graph, manifest_of(graph))
    OnnxClassifier(load_bundle(path), provider="cpu")
    assert all(sessions)
