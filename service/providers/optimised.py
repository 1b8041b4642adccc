"""A graph on the CPU, optimised once for all sessions that run it, which read the same weights.

ONNX Runtime lays weights out anew for the processor as it builds a session, and each session keeps
its own: one for batches and one for lone images keep every weight twice. Here a first session
writes down what it made of the graph and goes; sessions are built of that, around weights that lie
in the memory once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np
import onnxruntime

from service.providers.attempts import CPU
from service.providers.onnx_file import ExternalTensor, external_tensors
from service.providers.unnamed_file import are_there, path_of, unnamed_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_LEAST_BYTES: Final = 1024
"""From which size on a weight is shared."""

_ALIGNMENT: Final = 64
"""In bytes: a line of the processor's cache, and its widest vector."""

_KINDS: Final = {1: np.float32, 6: np.int32, 7: np.int64, 10: np.float16, 11: np.float64}
"""What NumPy calls some of ``TensorProto.DataType``."""

_ERRORS: Final = 3
"""ONNX Runtime's number for them: it warns that what is written down is for this processor only."""


class OptimisedGraph:
    """What ONNX Runtime made of a graph for this processor, with the weights beside it."""

    def __init__(self, graph: bytes, weights: dict[str, onnxruntime.OrtValue]) -> None:
        self._graph = graph
        self._weights = weights

    def session(self, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
        """Return a session on the CPU; this graph must live as long as it does."""
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        # The first names what stands for the weights that the file has not, and would be copied;
        # the second has the session read them where they are.
        options.add_external_initializers(list(self._weights), list(self._weights.values()))
        for name, value in self._weights.items():
            options.add_initializer(name, value)
        return onnxruntime.InferenceSession(
            self._graph, options, providers=[CPU], enable_fallback=0
        )


def optimise(path: Path) -> OptimisedGraph | None:
    """Return a file's graph as it is on this processor, or None where that cannot be shared.

    It can on Linux, where what is written down needs no folder, and with weights of common kinds.
    Raises what ONNX Runtime raises where it is no graph, and what the system does where it
    allows no such file.
    """
    if not are_there():
        return None
    with unnamed_file("graph") as graph, unnamed_file("weights") as weights:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.optimized_model_filepath = path_of(graph)
        for entry, value in (("file_name", weights), ("min_size_in_bytes", _LEAST_BYTES)):
            options.add_session_config_entry(
                f"session.optimized_model_external_initializers_{entry}", str(value)
            )
        onnxruntime.InferenceSession(path, options, providers=[CPU], enable_fallback=0)
        with open(graph, "rb", closefd=False) as file:
            written = file.read()
        tensors = external_tensors(written)
        if any(tensor.data_type not in _KINDS for tensor in tensors):
            return None
        content = _aligned(os.fstat(weights).st_size)
        with open(weights, "rb", closefd=False) as file:
            file.readinto(content.data)
    return OptimisedGraph(written, {tensor.name: _value(tensor, content) for tensor in tensors})


def _aligned(size: int) -> NDArray[np.uint8]:
    """Return so many bytes that begin where a vector does; ONNX Runtime aligns what is in them."""
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size]


def _value(tensor: ExternalTensor, content: NDArray[np.uint8]) -> onnxruntime.OrtValue:
    """Return a weight as it lies in the content, which it keeps."""
    place = content[tensor.offset : tensor.offset + tensor.length]
    return onnxruntime.OrtValue.ortvalue_from_numpy(
        place.view(_KINDS[tensor.data_type]).reshape(tensor.shape)
    )
