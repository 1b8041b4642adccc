"""A graph whose enlargements are products says what it said before."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.bundles import load_bundle
from service.providers import cpu
from service.providers.enlarging import graph_of, with_products
from service.providers.signature import INPUT_NAME
from service.settings import SHIPPED_BUNDLES

SHIPPED = sorted(SHIPPED_BUNDLES.parent.glob("bundles*/*/*/model.onnx"))
BILINEAR = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
SIDE = 8
OPEN_FILES = Path("/proc/self/fd")


def enlarging(
    size: tuple[int, int] = (SIDE, SIDE),
    times: Iterable[float] = (1, 1, 4, 4),
    *,
    sides: list[int] | None = None,
    **attributes: Any,
) -> onnx.ModelProto:
    """Return a graph that mirrors pictures beside themselves, scales and enlarges them."""
    constants: dict[str, NDArray[Any]] = {
        "starts": np.array([10**9], np.int64),
        "ends": np.array([-(10**9)], np.int64),
        "axes": np.array([2], np.int64),
        "steps": np.array([-1], np.int64),
        "half": np.array(1 / 128, np.float32),
        "middle": np.array([[[1.0, 2.0, 3.0]]], np.float32),
        "roi": np.array([], np.float32),
        "times": np.array([] if sides else list(times), np.float32),
    }
    names = ["seen", "roi", "times"]
    if sides:
        constants["sides"] = np.array(sides, np.int64)
        names = ["seen", "", "", "sides"]
        del constants["times"]
    nodes = [
        helper.make_node("Slice", [INPUT_NAME, "starts", "ends", "axes", "steps"], ["mirrored"]),
        helper.make_node("Concat", [INPUT_NAME, "mirrored"], ["both"], axis=0),
        helper.make_node("Cast", ["both"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["half", "numbers"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "middle"], ["centred"]),
        helper.make_node("Transpose", ["centred"], ["seen"], perm=[0, 3, 1, 2]),
        helper.make_node("Resize", names, ["large"], **(BILINEAR | attributes)),
        helper.make_node("Relu", ["large"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "enlarging",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["N", *size, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["M", 3, "H", "W"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def changed(model: onnx.ModelProto) -> onnx.ModelProto | None:
    parts = with_products(memoryview(model.SerializeToString()))
    return onnx.load_from_string(b"".join(parts)) if parts else None


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def run(model: bytes | str, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    said: list[NDArray[np.float32]] = session.run(None, {INPUT_NAME: pixels})
    return said


def noise(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@given(
    st.tuples(st.integers(1, 32), st.integers(1, 32)),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
)
def test_an_enlargement_is_the_same_as_products(
    size: tuple[int, int], times: tuple[int, int]
) -> None:
    model = enlarging(size, (1, 1, *times))
    products = changed(model)
    assert products is not None
    assert "Resize" not in operators(products)
    pixels = noise(3, *size)
    (expected,) = run(model.SerializeToString(), pixels)
    (said,) = run(products.SerializeToString(), pixels)
    np.testing.assert_allclose(said, expected, atol=1e-4)


def test_by_a_power_of_two_it_is_the_same_to_the_bit_and_nothing_is_warned_of(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = enlarging()
    products = changed(model)
    assert products is not None
    onnx.checker.check_model(products)
    assert {"roi", "times"}.isdisjoint(constant.name for constant in products.graph.initializer)
    pixels = noise(3, SIDE, SIDE)
    (expected,) = run(model.SerializeToString(), pixels)
    capfd.readouterr()
    (said,) = run(products.SerializeToString(), pixels)
    np.testing.assert_array_equal(said, expected)
    assert capfd.readouterr().err == ""


def test_a_constant_that_others_read_stays() -> None:
    model = enlarging()
    model.graph.node.append(helper.make_node("Identity", ["times"], ["told"]))
    products = changed(model)
    assert products is not None
    assert "times" in {constant.name for constant in products.graph.initializer}


def test_a_constant_that_is_an_answer_stays() -> None:
    model = enlarging()
    model.graph.output.append(helper.make_tensor_value_info("times", TensorProto.FLOAT, [4]))
    products = changed(model)
    assert products is not None
    run(products.SerializeToString(), noise(1, SIDE, SIDE))


def test_a_picture_that_a_constant_stretches_is_followed() -> None:
    model = enlarging((1, SIDE))
    middle = next(it for it in model.graph.initializer if it.name == "middle")
    middle.CopyFrom(numpy_helper.from_array(np.ones((SIDE, 1, 3), np.float32), "middle"))
    products = changed(model)
    assert products is not None
    pixels = noise(2, 1, SIDE)
    (said,) = run(products.SerializeToString(), pixels)
    (expected,) = run(model.SerializeToString(), pixels)
    np.testing.assert_array_equal(said, expected)


def of_another_domain() -> onnx.ModelProto:
    model = enlarging()
    model.graph.node[-2].domain = "elsewhere"
    return model


def with_a_branch() -> onnx.ModelProto:
    model = enlarging()
    inner = helper.make_graph([helper.make_node("Identity", ["times"], ["t"])], "inner", [], [])
    model.graph.node.append(
        helper.make_node("If", ["so"], ["t"], then_branch=inner, else_branch=inner)
    )
    return model


def with_weights_elsewhere() -> onnx.ModelProto:
    model = enlarging()
    model.graph.initializer.add(name="w", data_location=TensorProto.EXTERNAL)
    return model


def of_times_that_are_computed() -> onnx.ModelProto:
    model = enlarging()
    model.graph.node.insert(0, helper.make_node("Identity", ["times"], ["computed"]))
    model.graph.node[-2].input[2] = "computed"
    return model


def beside_another_picture() -> onnx.ModelProto:
    model = enlarging()
    model.graph.node[4].input[1] = "scaled"
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: enlarging(mode="nearest"),
        lambda: enlarging(coordinate_transformation_mode="align_corners"),
        lambda: enlarging(antialias=1),
        lambda: enlarging(axes=[0, 1, 2, 3]),
        lambda: enlarging((SIDE, 33)),
        lambda: enlarging((64, SIDE)),
        lambda: enlarging(times=(1, 1, 4, 0.5)),
        lambda: enlarging(times=(1, 2, 4, 4)),
        lambda: enlarging(times=(1, 1, 2.5, 2)),
        lambda: enlarging(times=(1, 1, float("nan"), 2)),
        lambda: enlarging(sides=[2, 3, 32, 32]),
        of_another_domain,
        with_a_branch,
        with_weights_elsewhere,
        of_times_that_are_computed,
        beside_another_picture,
    ],
)
def test_what_is_none_of_these_enlargements_stays(make: Callable[[], onnx.ModelProto]) -> None:
    assert changed(make()) is None


def test_a_shape_that_cannot_be_followed_leaves_the_graph_as_it_is() -> None:
    model = enlarging()
    model.graph.node.insert(5, helper.make_node("MatMul", ["centred", "square"], ["turned"]))
    model.graph.node[6].input[0] = "turned"
    assert changed(model) is None


@pytest.mark.parametrize("content", [b"", b"no model", b"\x3a\x05short"])
def test_a_file_that_is_no_graph_is_left_to_those_who_tell(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with graph_of(path) as graph:
        assert graph == path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.parent.name)
def test_what_ships_says_what_its_file_says(path: Path) -> None:
    side = load_bundle(path.parent).manifest.input.height
    pixels = noise(2, side, side)
    with graph_of(path) as graph:
        assert (graph == path) == (side > 32)
        said = run(str(graph), pixels)
    for found, expected in zip(said, run(str(path), pixels), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_files_in_memory_a_file_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    for path in SHIPPED:
        with graph_of(path) as graph:
            assert graph == path


def test_a_graph_with_products_that_is_refused_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = tmp_path / "model.onnx"
    refused.write_bytes(b"no model")
    bundle = load_bundle(SHIPPED[0].parent)
    pixels = noise(2, bundle.manifest.input.height, bundle.manifest.input.width)
    taken, _ = cpu.CpuGraph(bundle).runners(1)
    monkeypatch.setattr(cpu, "graph_of", lambda _: nullcontext(refused))
    with caplog.at_level(logging.WARNING, logger="service"):
        runner, _ = cpu.CpuGraph(bundle).runners(1)
    assert "enlargements stay as they are written" in caplog.text
    for found, expected in zip(runner.run(pixels), taken.run(pixels), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_files_in_memory_are_closed() -> None:
    before = sorted(OPEN_FILES.iterdir())
    with graph_of(SHIPPED[0]) as graph:
        assert graph.exists()
    assert sorted(OPEN_FILES.iterdir()) == before
