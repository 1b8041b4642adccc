"""The nodes of an ONNX graph and its constants, as far as a change within it needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.providers.onnx_file import (
    ATTRIBUTE_GRAPH,
    GRAPH_INITIALIZER,
    GRAPH_NODE,
    NODE_ATTRIBUTE,
    NODE_OPERATOR,
    TENSOR_DATA_TYPE,
    TENSOR_DIMS,
    TENSOR_NAME,
)
from service.providers.protobuf import Field, field, fields, messages, numbers, text

# More numbers of fields (onnx.proto of ONNX).
_GRAPH_VALUE_INFO: Final = 13
_GRAPH_INPUT: Final = 11
_GRAPH_OUTPUT: Final = 12
_NODE_INPUT: Final = 1
_NODE_OUTPUT: Final = 2
_NODE_DOMAIN: Final = 7
_ATTRIBUTE_NAME: Final = 1
_ATTRIBUTE_INT: Final = 3
_ATTRIBUTE_BYTES: Final = 4
_ATTRIBUTE_INTS: Final = 8
_ATTRIBUTE_GRAPHS: Final = 11
_ATTRIBUTE_TYPE: Final = 20
_TYPE_IS_INTS: Final = 7
_VALUE_NAME: Final = 1
_VALUE_TYPE: Final = 2
_TYPE_TENSOR: Final = 1
_TENSOR_SHAPE: Final = 2
_SHAPE_AXIS: Final = 1
_AXIS_SIZE: Final = 1
_TENSOR_FLOATS: Final = 4
_TENSOR_RAW: Final = 9
_TENSOR_LOCATION: Final = 14

_KINDS: Final[Mapping[int, np.dtype[Any]]] = {
    1: np.dtype("<f4"),
    3: np.dtype(np.int8),
    7: np.dtype("<i8"),
}
"""What NumPy calls those of ``TensorProto.DataType`` that are read or written here."""

_FOLLOWED: Final = frozenset({"Add", "Cast", "Div", "Mul", "Sub", "Transpose"})
"""Operators of which it is known what they make of a shape; besides Concat."""

Number = TypeVar("Number", bound=np.generic)


class Node(NamedTuple):
    """A node, its attributes by name."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, memoryview]

    @classmethod
    def read(cls, message: memoryview) -> Node:
        """Return a node; one of another domain than ONNX's own has no name that is known here."""
        named = text(message, _NODE_DOMAIN) or text(message, NODE_OPERATOR)
        attributes = list(messages(message, NODE_ATTRIBUTE))
        return cls(
            named,
            _names(message, _NODE_INPUT),
            _names(message, _NODE_OUTPUT),
            {text(attribute, _ATTRIBUTE_NAME): attribute for attribute in attributes},
        )

    def number(self, name: str, default: int) -> int:
        """Return an attribute that is a whole number."""
        found = self.attributes.get(name)
        return default if found is None else sum(numbers(found, _ATTRIBUTE_INT))

    def numbers(self, name: str, default: list[int]) -> list[int]:
        """Return an attribute that is several whole numbers."""
        found = self.attributes.get(name)
        return default if found is None else numbers(found, _ATTRIBUTE_INTS)

    def word(self, name: str, default: str) -> str:
        """Return an attribute that is a word."""
        found = self.attributes.get(name)
        return default if found is None else text(found, _ATTRIBUTE_BYTES)

    def has_branches(self) -> bool:
        """Return whether there is a graph within, which may read names of this one."""
        return any(
            part.number in {ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS}
            for attribute in self.attributes.values()
            for part in fields(attribute)
        )


class Graph:
    """A graph's nodes and constants, and what is known of its pictures' shapes."""

    def __init__(self, message: memoryview) -> None:
        self._parts = list(fields(message))
        self.nodes = [Node.read(node) for node in messages(message, GRAPH_NODE)]
        self._outputs = {text(value, _VALUE_NAME) for value in messages(message, _GRAPH_OUTPUT)}
        self.made_by = {name: node for node in self.nodes for name in node.outputs}
        self._constants = {
            text(tensor, TENSOR_NAME): tensor for tensor in messages(message, GRAPH_INITIALIZER)
        }
        self._given = {
            text(value, _VALUE_NAME): _sizes(value) for value in messages(message, _GRAPH_INPUT)
        }

    def can_be_changed(self) -> bool:
        """Return whether all that reads its names is in sight, and all its weights are."""
        elsewhere = (sum(numbers(it, _TENSOR_LOCATION)) for it in self._constants.values())
        return not any(elsewhere) and not any(node.has_branches() for node in self.nodes)

    def only_reader(self, name: str) -> Node | None:
        """Return the one node that reads a name; None where there are others, or an output is."""
        readers = [node for node in self.nodes if name in node.inputs]
        return readers[0] if len(readers) == 1 and name not in self._outputs else None

    def shape(self, name: str) -> list[int]:
        """Return the sizes of a tensor's axes, 0 for one that is free; empty where unknown.

        A mistake would not go unnoticed: a product of matrices that do not fit is no graph.
        """
        node = self.made_by.get(name)
        if node is None:
            return self._given.get(name, [])
        constants = [it for it in node.inputs if it in self._constants]
        others = [it for it in node.inputs if it not in self._constants]
        if node.operator == "Concat" and not node.number("axis", 0):
            return self.shape(others[0])
        if node.operator not in _FOLLOWED or len(others) != 1:
            return []
        shape = self.shape(others[0])
        if shape and node.operator == "Transpose":
            return [shape[axis] for axis in node.numbers("perm", [])]
        for constant in constants:
            shape = _broadcast(shape, numbers(self._constants[constant], TENSOR_DIMS))
        return shape

    def constant(self, name: str, kind: type[Number]) -> NDArray[Number] | None:
        """Return a constant of a kind of numbers; None where there is none, or of another."""
        tensor = self._constants.get(name)
        if tensor is None or _KINDS.get(sum(numbers(tensor, TENSOR_DATA_TYPE))) != kind:
            return None
        content = b"".join((*messages(tensor, _TENSOR_RAW), *messages(tensor, _TENSOR_FLOATS)))
        return np.frombuffer(content, kind).reshape(numbers(tensor, TENSOR_DIMS))

    def with_others(self, instead: Mapping[str, bytes]) -> list[memoryview]:
        """Return the parts of a graph with other fields in the place of nodes and of constants.

        They are told by a node's first output, or a constant's name. Constants that nobody reads
        any more go, since ONNX Runtime warns of them, and so does what the graph says of shapes.
        """
        parts = [
            new
            for part in self._parts
            for new in _others(instead.get(_name(part)), part)
            if new.number != _GRAPH_VALUE_INFO
        ]
        nodes = [part.message for part in parts if part.number == GRAPH_NODE]
        read = self._outputs.union(*(_names(it, _NODE_INPUT) for it in nodes))
        return [
            part.whole for part in parts if part.number != GRAPH_INITIALIZER or _name(part) in read
        ]


def _name(part: Field) -> str:
    """Return a constant's name, or that of a node's first output; empty for any other part."""
    if part.number == GRAPH_INITIALIZER:
        return text(part.message, TENSOR_NAME)
    return _names(part.message, _NODE_OUTPUT)[0] if part.number == GRAPH_NODE else ""


def _names(message: memoryview, number: int) -> list[str]:
    return [bytes(name).decode() for name in messages(message, number)]


def _others(written: bytes | None, part: Field) -> Iterable[Field]:
    return [part] if written is None else fields(memoryview(written))


def _broadcast(shape: list[int], constant: list[int]) -> list[int]:
    """Return the shape of a tensor that a constant was added to, or multiplied with."""
    if len(constant) > len(shape):
        return []
    ones = [1] * (len(shape) - len(constant))
    pairs = zip(shape, ones + constant, strict=True)
    return [other if size == 1 else size for size, other in pairs]


def _sizes(value: memoryview) -> list[int]:
    """Return the sizes of an input's axes, 0 for one that is free."""
    return [
        sum(numbers(axis, _AXIS_SIZE))
        for kind in messages(value, _VALUE_TYPE)
        for tensor in messages(kind, _TYPE_TENSOR)
        for shape in messages(tensor, _TENSOR_SHAPE)
        for axis in messages(shape, _SHAPE_AXIS)
    ]


def node(
    operator: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    attributes: Mapping[str, Iterable[int]] | None = None,
) -> bytes:
    """Return the field of a graph that is a node; its attributes are several whole numbers each."""
    message = b"".join(
        (
            *(field(_NODE_INPUT, name.encode()) for name in inputs),
            *(field(_NODE_OUTPUT, name.encode()) for name in outputs),
            field(NODE_OPERATOR, operator.encode()),
            *(
                field(NODE_ATTRIBUTE, _integers(name, values))
                for name, values in (attributes or {}).items()
            ),
        )
    )
    return field(GRAPH_NODE, message)


def _integers(name: str, values: Iterable[int]) -> bytes:
    return b"".join(
        (
            field(_ATTRIBUTE_NAME, name.encode()),
            *(field(_ATTRIBUTE_INTS, value) for value in values),
            field(_ATTRIBUTE_TYPE, _TYPE_IS_INTS),
        )
    )


def constant(name: str, values: NDArray[np.generic]) -> bytes:
    """Return the field of a graph that is a constant: float32, int8 or int64."""
    (kind,) = (kind for kind, known in _KINDS.items() if known == values.dtype)
    message = b"".join(
        (
            *(field(TENSOR_DIMS, size) for size in values.shape),
            field(TENSOR_DATA_TYPE, kind),
            field(TENSOR_NAME, name.encode()),
            field(_TENSOR_RAW, np.asarray(values, _KINDS[kind]).tobytes()),
        )
    )
    return field(GRAPH_INITIALIZER, message)
