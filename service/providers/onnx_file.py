"""What an ONNX file says of its operators, and of where its weights lie: that, and no more."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from service.providers.protobuf import BROKEN, messages, numbers, text

if TYPE_CHECKING:
    from pathlib import Path

# Numbers of fields, by message (onnx.proto of ONNX).
MODEL_GRAPH: Final = 7
_MODEL_FUNCTION: Final = 25
_FUNCTION_NODE: Final = 7
GRAPH_NODE: Final = 1
GRAPH_INITIALIZER: Final = 5
NODE_OPERATOR: Final = 4
NODE_ATTRIBUTE: Final = 5
ATTRIBUTE_GRAPH: Final = 6
TENSOR_DIMS: Final = 1
TENSOR_DATA_TYPE: Final = 2
TENSOR_NAME: Final = 8
_TENSOR_EXTERNAL_DATA: Final = 13
_ENTRY_KEY: Final = 1
_ENTRY_VALUE: Final = 2


@dataclass(slots=True)
class ExternalTensor:
    """A weight that lies in another file, ``length`` bytes from ``offset`` on.

    ``data_type`` is a number of ONNX's ``TensorProto.DataType``.
    """

    name: str = ""
    data_type: int = 0
    shape: list[int] = field(default_factory=list)
    offset: int = 0
    length: int = 0


def operators(path: Path) -> set[str]:
    """Return the names of the operators in a file's graph, its branches and its functions.

    What it says nothing of, or is no such file, has none: ONNX Runtime tells what is wrong.
    """
    with path.open("rb") as file, suppress(*BROKEN):
        model = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return {
            name
            for kind, nodes in ((MODEL_GRAPH, GRAPH_NODE), (_MODEL_FUNCTION, _FUNCTION_NODE))
            for part in messages(model, kind)
            for name in _operators(part, nodes)
        }
    return set()


def _operators(part: memoryview, nodes: int) -> Iterator[str]:
    for node in messages(part, nodes):
        yield text(node, NODE_OPERATOR)
        for attribute in messages(node, NODE_ATTRIBUTE):
            for branch in messages(attribute, ATTRIBUTE_GRAPH):
                yield from _operators(branch, GRAPH_NODE)


def external_tensors(model: bytes) -> list[ExternalTensor]:
    """Return the weights of a model's main graph that lie outside of it, in its order.

    For what ONNX Runtime has just written. Raises one of Python's errors for what is no model.
    """
    found = []
    for graph in messages(memoryview(model), MODEL_GRAPH):
        for initializer in messages(graph, GRAPH_INITIALIZER):
            places = {
                text(entry, _ENTRY_KEY): text(entry, _ENTRY_VALUE)
                for entry in messages(initializer, _TENSOR_EXTERNAL_DATA)
            }
            if places:
                found.append(
                    ExternalTensor(
                        name=text(initializer, TENSOR_NAME),
                        data_type=sum(numbers(initializer, TENSOR_DATA_TYPE)),
                        shape=numbers(initializer, TENSOR_DIMS),
                        offset=int(places.get("offset", 0)),
                        length=int(places["length"]),
                    )
                )
    return found
