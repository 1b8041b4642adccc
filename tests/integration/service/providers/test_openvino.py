"""The real OpenVINO, in an environment that has it: `make openvino` sets one up and runs this.

Elsewhere there is nothing to run it on, and `test_opening.py` drives the selection.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.bundles import Bundle, find_bundles, load_bundle
from service.classifier import OnnxClassifier
from service.providers.openvino import EXECUTION_PROVIDER, openvino_options, precisions
from service.providers.options import Precision, ProviderOptions
from service.providers.parity import EXACT, ROUNDED, pictures
from service.settings import SHIPPED_BUNDLES
from tests.bundles import manifest_of, write_knowing_bundle, write_parts

pytestmark = pytest.mark.openvino

FLOAT32 = ProviderOptions(parallel_runs=2, openvino_precision="f32")


def network(folder: Path, activation: str) -> Bundle:
    """Write a bundle of two convolutions with a pooling and an activation between them."""
    rng = np.random.default_rng(0)
    stored: dict[str, NDArray[Any]] = {
        "scale": np.asarray(1 / 64, np.float32),
        "first": rng.normal(0, 0.3, (16, 3, 3, 3)).astype(np.float32),
        "second": rng.normal(0, 0.2, (10, 16, 3, 3)).astype(np.float32),
        "sides": np.array([2, 3], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["seen"]),
        helper.make_node("MaxPool", ["seen"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node(activation, ["pooled"], ["active"]),
        helper.make_node("Conv", ["active", "second"], ["maps"]),
        helper.make_node("ReduceMean", ["maps", "sides"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 32, 32, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(proto, full_check=True)
    content = proto.SerializeToString()
    path = folder / "linear" / "1"
    write_parts(path, content, manifest_of(content))
    return load_bundle(path)


def batch_of(bundle: Bundle, count: int) -> NDArray[np.uint8]:
    spec = bundle.manifest.input
    shape = (count, spec.height, spec.width, spec.channels)
    return np.random.default_rng(count).integers(0, 256, shape, dtype=np.uint8)


def test_a_network_runs_on_openvino_and_says_what_the_cpu_says_in_any_batch(
    tmp_path: Path,
) -> None:
    bundle = network(tmp_path, "Relu")
    ours = OnnxClassifier(bundle, provider="auto", options=FLOAT32)
    cpu = OnnxClassifier(bundle, provider="cpu")
    assert ours.provider == "openvino"
    for count in (1, 2, 5, 16):
        batch = batch_of(bundle, count)
        np.testing.assert_allclose(ours.run(batch), cpu.run(batch), rtol=1e-3, atol=1e-3)


def test_a_graph_that_tells_the_familiar_too_gives_both(tmp_path: Path) -> None:
    bundle = write_knowing_bundle(tmp_path)
    ours = OnnxClassifier(bundle, provider="openvino", options=FLOAT32)
    batch = batch_of(bundle, 3)
    np.testing.assert_allclose(
        ours.run(batch),
        OnnxClassifier(bundle, provider="cpu").run(batch),
        rtol=1e-3,
        atol=1e-3,
    )


def test_a_graph_that_openvino_gets_wrong_is_left_to_the_cpu(tmp_path: Path) -> None:
    """In float32 OpenVINO of onnxruntime-openvino 1.24.1 takes GELU for a rising function.

    It moves the activation from behind a pooling to before it, which changes the result where the
    largest of a window is negative. Where a later version does not, it is taken.
    """
    bundle = network(tmp_path, "Gelu")
    batch = batch_of(bundle, 4)
    asked = (EXECUTION_PROVIDER, openvino_options("f32", streams=1, threads=1))
    session = onnxruntime.InferenceSession(
        bundle.model_path, providers=[asked, "CPUExecutionProvider"]
    )
    (alone,) = session.run(["logits"], {"image": batch})
    cpu = OnnxClassifier(bundle, provider="cpu").run(batch)
    is_wrong = float(np.abs(alone - cpu).max()) > EXACT * float(np.abs(cpu).max())
    taken = OnnxClassifier(bundle, provider="auto", options=FLOAT32)
    assert taken.provider == ("cpu" if is_wrong else "openvino")
    np.testing.assert_allclose(taken.run(batch), cpu, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif("bf16" not in precisions("auto"), reason="this processor has no bfloat16")
def test_what_ships_runs_in_bfloat16_where_the_processor_has_it() -> None:
    bundle = find_bundles(SHIPPED_BUNDLES)[-1]
    ours = OnnxClassifier(bundle, provider="auto")
    assert ours.provider == "openvino"
    drawn = pictures(bundle.manifest.input)
    classes = len(bundle.manifest.labels)
    said, expected = (
        one.run(drawn)[:, :classes] for one in (ours, OnnxClassifier(bundle, provider="cpu"))
    )
    assert np.array_equal(said.argmax(axis=1), expected.argmax(axis=1))
    # Bit for bit the same would be float32, and not what makes it fast.
    assert 1e-3 < np.abs(said - expected).max() < ROUNDED * np.abs(expected).max()


@pytest.mark.parametrize("precision", ["bf16", "f32"])
def test_the_model_in_8_bits_says_what_its_graph_says(precision: Precision) -> None:
    """On the CPU as well, whose integer kernels in this package are wrong on some processors."""
    (bundle,) = find_bundles(SHIPPED_BUNDLES.parent / "bundles-int8")
    options = ProviderOptions(parallel_runs=2, openvino_precision=precision)
    ours = OnnxClassifier(bundle, provider="openvino", options=options)
    cpu = OnnxClassifier(bundle, provider="cpu")
    assert (ours.provider, cpu.provider) == ("openvino", "cpu")
    drawn = pictures(bundle.manifest.input)
    given, expected = ours.run(drawn), cpu.run(drawn)
    assert (given[:, :-1].argmax(axis=1) == expected[:, :-1].argmax(axis=1)).all()
    assert np.abs(given - expected).max() <= ROUNDED * np.abs(expected).max()
