from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from service.providers.arena import use_shared_arena
from tests.unit.service.test_memory import resident_bytes

NUMBERS = 32 * 1024 * 1024
"""What lies between input and output: 128 MiB of float32."""


def wide_graph(folder: Path) -> Path:
    """A number in, the sum of so many of its square roots out."""
    graph = helper.make_graph(
        [
            helper.make_node("Expand", ["number", "shape"], ["many"]),
            helper.make_node("Sqrt", ["many"], ["roots"]),
            helper.make_node("ReduceSum", ["roots"], ["sum"], keepdims=0),
        ],
        "wide",
        [helper.make_tensor_value_info("number", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [])],
        [helper.make_tensor("shape", TensorProto.INT64, [1], [NUMBERS])],
    )
    path = folder / "wide.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path
    )
    return path


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    use_shared_arena(options)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_what_one_session_let_go_of_is_the_next_one_s_memory(tmp_path: Path) -> None:
    path = wide_graph(tmp_path)
    first, second = session(path), session(path)
    number = {"number": np.array([4], np.float32)}
    first.run(None, number)
    before = resident_bytes()
    assert second.run(None, number)[0] == 2 * NUMBERS
    assert resident_bytes() - before < NUMBERS
