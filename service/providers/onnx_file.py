"""What an ONNX file says of its operators, and of where its weights lie: that, and no more.

A file is a protobuf message (onnx.proto of ONNX; the wire format: protobuf.dev/programming-guides/
encoding). The package protobuf would read it whole, for 6 MB of memory in a service that seeks to
save 30; a test holds this against the package onnx.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

_Value: TypeAlias = "int | memoryview"

# Numbers of fields, by message.
_MODEL_GRAPH: Final = 7
_MODEL_FUNCTION: Final = 25
_FUNCTION_NODE: Final = 7
_GRAPH_NODE: Final = 1
_GRAPH_INITIALIZER: Final = 5
_NODE_OPERATOR: Final = 4
_NODE_ATTRIBUTE: Final = 5
_ATTRIBUTE_GRAPH: Final = 6
_TENSOR_DIMS: Final = 1
_TENSOR_DATA_TYPE: Final = 2
_TENSOR_NAME: Final = 8
_TENSOR_EXTERNAL_DATA: Final = 13
_ENTRY_KEY: Final = 1
_ENTRY_VALUE: Final = 2

_VARINT: Final = 0
_BYTES: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_WIRE_BITS: Final = 3
_VARINT_BITS: Final = 7
_MORE: Final = 0x80

_BROKEN: Final = (IndexError, KeyError, RecursionError, ValueError)
"""What reading meets where there is no such message."""


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
    with path.open("rb") as file, suppress(*_BROKEN):
        model = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return {
            name
            for kind, nodes in ((_MODEL_GRAPH, _GRAPH_NODE), (_MODEL_FUNCTION, _FUNCTION_NODE))
            for part in _messages(model, kind)
            for name in _operators(part, nodes)
        }
    return set()


def _operators(part: memoryview, nodes: int) -> Iterator[str]:
    for node in _messages(part, nodes):
        yield _text(node, _NODE_OPERATOR)
        for attribute in _messages(node, _NODE_ATTRIBUTE):
            for branch in _messages(attribute, _ATTRIBUTE_GRAPH):
                yield from _operators(branch, _GRAPH_NODE)


def external_tensors(model: bytes) -> list[ExternalTensor]:
    """Return the weights of a model's main graph that lie outside of it, in its order.

    For what ONNX Runtime has just written. Raises one of Python's errors for what is no model.
    """
    found = []
    for graph in _messages(memoryview(model), _MODEL_GRAPH):
        for initializer in _messages(graph, _GRAPH_INITIALIZER):
            places = {
                _text(entry, _ENTRY_KEY): _text(entry, _ENTRY_VALUE)
                for entry in _messages(initializer, _TENSOR_EXTERNAL_DATA)
            }
            if places:
                tensor = _tensor(initializer)
                tensor.offset = int(places.get("offset", 0))
                tensor.length = int(places["length"])
                found.append(tensor)
    return found


def _tensor(message: memoryview) -> ExternalTensor:
    tensor = ExternalTensor(name=_text(message, _TENSOR_NAME))
    for number, value in _fields(message):
        if number == _TENSOR_DATA_TYPE and isinstance(value, int):
            tensor.data_type = value
        elif number == _TENSOR_DIMS:
            tensor.shape += [value] if isinstance(value, int) else _packed(value)
    return tensor


def _text(message: memoryview, wanted: int) -> str:
    return "".join(bytes(value).decode() for value in _messages(message, wanted))


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, _Value]]:
    """Yield each field's number with its value: a number, or the bytes of whatever else it is."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> _WIRE_BITS, tag & (1 << _WIRE_BITS) - 1
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire == _BYTES:
            size, place = _varint(message, place)
        else:
            size = _FIXED[wire]
        yield number, message[place : place + size]
        place += size


def _packed(values: memoryview) -> list[int]:
    numbers, place = [], 0
    while place < len(values):
        number, place = _varint(values, place)
        numbers.append(number)
    return numbers


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number that begins at a place, and where it ends."""
    number = shift = 0
    while True:
        byte = message[place]
        place += 1
        number |= (byte & ~_MORE) << shift
        shift += _VARINT_BITS
        if not byte & _MORE:
            return number, place
