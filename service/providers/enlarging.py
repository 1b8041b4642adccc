"""Enlargements within a graph, as products with two matrices, which are faster and say the same.

A network that was fitted on larger pictures than come to it enlarges them first, bilinearly: along
either axis, each new pixel is a sum of the same two old ones with the same weights in every row.
ONNX Runtime's Resize works that out pixel by pixel; as products with one matrix for each axis it
is the work of kernels that are the fastest there are. The file stays as it is.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.providers.onnx_file import (
    ATTRIBUTE_GRAPH,
    GRAPH_INITIALIZER,
    GRAPH_NODE,
    MODEL_GRAPH,
    NODE_ATTRIBUTE,
    NODE_OPERATOR,
    TENSOR_DATA_TYPE,
    TENSOR_DIMS,
    TENSOR_NAME,
)
from service.providers.protobuf import BROKEN, field, fields, head, messages, numbers, text
from service.providers.unnamed_file import are_there, path_of, unnamed_file

_LARGEST_SIDE: Final = 32
"""From a side of 64 on the products take as long as Resize: each pixel is a sum of a whole row."""

# More numbers of fields (onnx.proto of ONNX).
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
_VALUE_NAME: Final = 1
_VALUE_TYPE: Final = 2
_TYPE_TENSOR: Final = 1
_TENSOR_SHAPE: Final = 2
_SHAPE_AXIS: Final = 1
_AXIS_SIZE: Final = 1
_TENSOR_FLOATS: Final = 4
_TENSOR_RAW: Final = 9
_TENSOR_LOCATION: Final = 14
_FLOAT: Final = 1  # of TensorProto.DataType

_FOLLOWED: Final = frozenset({"Add", "Cast", "Div", "Mul", "Sub", "Transpose"})
"""Operators of which it is known what they make of a shape; besides Concat."""
_PICTURES_AXES: Final = 4


class _Node(NamedTuple):
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, memoryview]

    @classmethod
    def read(cls, message: memoryview) -> _Node:
        """Return a node; one of another domain than ONNX's own has no name that is known here."""
        named = text(message, _NODE_DOMAIN) or text(message, NODE_OPERATOR)
        attributes = list(messages(message, NODE_ATTRIBUTE))
        return cls(
            named,
            [bytes(name).decode() for name in messages(message, _NODE_INPUT)],
            [bytes(name).decode() for name in messages(message, _NODE_OUTPUT)],
            {text(attribute, _ATTRIBUTE_NAME): attribute for attribute in attributes},
        )

    def number(self, name: str, default: int) -> int:
        """Return an attribute that is a whole number."""
        found = self.attributes.get(name)
        return default if found is None else sum(numbers(found, _ATTRIBUTE_INT))

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


class _Enlargement(NamedTuple):
    """What a bilinear Resize does to ``[N, C, H, W]``: its sides before, and times how much.

    By whole numbers, since those who compute a size of fractions round it each in a way of theirs.
    """

    height: int
    width: int
    down: int
    across: int


@contextmanager
def graph_of(path: Path) -> Iterator[Path]:
    """Write a file's graph with products into the memory, and yield where it lies meanwhile.

    That is the file itself where there is nothing to change in it, or the system allows no file
    in memory, or it is no graph: ONNX Runtime tells what is wrong.
    """
    with ExitStack() as opened:
        graph = path
        if are_there():
            with suppress(OSError):
                written = opened.enter_context(unnamed_file("enlarging"))
                graph = Path(path_of(written)) if _write(path, written) else path
        yield graph


def _write(path: Path, descriptor: int) -> bool:
    """Write a file's graph with products, and tell whether it has any."""
    with path.open("rb") as file, suppress(*BROKEN):
        model = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        parts = with_products(model)
        with open(descriptor, "wb", closefd=False) as target:
            target.writelines(parts)
        return bool(parts)
    return False


def with_products(model: memoryview) -> list[bytes | memoryview]:
    """Return the parts of a model whose small enlargements are products; none where it has none.

    An enlargement of a shape that is not seen here stays as it is, and so does a graph with
    branches, or with weights in other files.

    Raises:
        Exception: one of ``protobuf.BROKEN``, where there is no such message.
    """
    parts = list(fields(model))
    (place,) = (at for at, part in enumerate(parts) if part.number == MODEL_GRAPH)
    changed = _changed(parts[place].message)
    if not changed:
        return []
    size = sum(len(part) for part in changed)
    return [
        *(part.whole for part in parts[:place]),
        head(MODEL_GRAPH, size),
        *changed,
        *(part.whole for part in parts[place + 1 :]),
    ]


class _Graph:
    """A graph's nodes and constants, and what is known of its pictures' shapes."""

    def __init__(self, message: memoryview) -> None:
        self.parts = list(fields(message))
        self.nodes = [_Node.read(node) for node in messages(message, GRAPH_NODE)]
        self._made_by = {name: node for node in self.nodes for name in node.outputs}
        self._constants = {
            text(tensor, TENSOR_NAME): tensor for tensor in messages(message, GRAPH_INITIALIZER)
        }
        self._given = {
            text(value, _VALUE_NAME): _sizes(value) for value in messages(message, _GRAPH_INPUT)
        }

    def is_whole(self) -> bool:
        """Return whether nothing of it lies in another file, by a path from this one."""
        return not any(sum(numbers(it, _TENSOR_LOCATION)) for it in self._constants.values())

    def enlargement(self, node: _Node) -> _Enlargement | None:
        """Return what a node enlarges, where it is one of those that can be products."""
        if (
            node.operator != "Resize"
            or node.word("mode", "nearest") != "linear"
            or node.word("coordinate_transformation_mode", "half_pixel") != "half_pixel"
            or node.number("antialias", 0)
            or "axes" in node.attributes
            or len(node.inputs) != len(("X", "roi", "scales"))
        ):
            return None
        times, sides = self._floats(node.inputs[2]), self._shape(node.inputs[0])
        if len(times) != _PICTURES_AXES or len(sides) != _PICTURES_AXES or times[:2] != [1.0, 1.0]:
            return None
        small = min(sides[2:]) >= 1 and max(sides[2:]) <= _LARGEST_SIDE
        larger = all(time >= 1 and time.is_integer() for time in times)
        if not (small and larger):
            return None
        return _Enlargement(sides[2], sides[3], int(times[2]), int(times[3]))

    def _shape(self, name: str) -> list[int]:
        """Return the sizes of a tensor's axes, 0 for one that is free; empty where unknown.

        A mistake would not go unnoticed: a product of matrices that do not fit is no graph.
        """
        node = self._made_by.get(name)
        if node is None:
            return self._given.get(name, [])
        constants = [it for it in node.inputs if it in self._constants]
        others = [it for it in node.inputs if it not in self._constants]
        if node.operator == "Concat" and not node.number("axis", 0):
            return self._shape(others[0])
        if node.operator not in _FOLLOWED or len(others) != 1:
            return []
        shape = self._shape(others[0])
        if shape and node.operator == "Transpose":
            return [shape[axis] for axis in numbers(node.attributes["perm"], _ATTRIBUTE_INTS)]
        for constant in constants:
            shape = _broadcast(shape, numbers(self._constants[constant], TENSOR_DIMS))
        return shape

    def _floats(self, name: str) -> list[float]:
        tensor = self._constants.get(name)
        if tensor is None or numbers(tensor, TENSOR_DATA_TYPE) != [_FLOAT]:
            return []
        content = b"".join((*messages(tensor, _TENSOR_RAW), *messages(tensor, _TENSOR_FLOATS)))
        return [float(value) for value in np.frombuffer(content, "<f4")]


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


def _changed(message: memoryview) -> list[bytes | memoryview]:
    """Return the parts of a graph with products; none where it has none."""
    graph = _Graph(message)
    found = [graph.enlargement(node) for node in graph.nodes]
    branched = any(node.has_branches() for node in graph.nodes)
    if branched or not any(found) or not graph.is_whole():
        return []
    read = {
        name
        for node, enlargement in zip(graph.nodes, found, strict=True)
        for name in (node.inputs[:1] if enlargement else node.inputs)
    } | {text(part.message, _VALUE_NAME) for part in graph.parts if part.number == _GRAPH_OUTPUT}
    nodes = iter(zip(graph.nodes, found, strict=True))
    written: list[bytes | memoryview] = []
    for part in graph.parts:
        if part.number == GRAPH_NODE:
            node, enlargement = next(nodes)
            written += _products(node, enlargement) if enlargement else [part.whole]
        elif part.number != GRAPH_INITIALIZER or text(part.message, TENSOR_NAME) in read:
            # ONNX Runtime warns of a constant that nobody reads.
            written.append(part.whole)
    return written


def _products(node: _Node, enlargement: _Enlargement) -> list[bytes]:
    """Return the fields of a graph that stand for an enlargement: two nodes and their matrices."""
    source, (target,) = node.inputs[0], node.outputs
    across, rows, columns = f"{target}/across", f"{target}/rows", f"{target}/columns"
    to_right = interpolation(enlargement.width, enlargement.across).T
    downwards = interpolation(enlargement.height, enlargement.down)
    return [
        field(GRAPH_INITIALIZER, _tensor(columns, to_right)),
        field(GRAPH_INITIALIZER, _tensor(rows, downwards)),
        field(GRAPH_NODE, _product(source, columns, across)),
        field(GRAPH_NODE, _product(rows, across, target)),
    ]


def interpolation(size: int, times: int) -> NDArray[np.float32]:
    """Return the matrix ``[new size, size]`` that a bilinear Resize is along one axis.

    ONNX's operator Resize with ``half_pixel``: a new pixel's middle lies between two old ones, and
    what lies beyond the first or the last is as it.
    """
    new = np.arange(size * times)
    middle = np.clip((new + 0.5) / times - 0.5, 0, size - 1)
    lower = middle.astype(int)
    upper = np.minimum(lower + 1, size - 1)
    weights = np.zeros((len(new), size))
    weights[new, lower] += 1 - (middle - lower)
    weights[new, upper] += middle - lower
    return weights.astype(np.float32)


def _product(left: str, right: str, result: str) -> bytes:
    return b"".join(
        (
            field(_NODE_INPUT, left.encode()),
            field(_NODE_INPUT, right.encode()),
            field(_NODE_OUTPUT, result.encode()),
            field(NODE_OPERATOR, b"MatMul"),
        )
    )


def _tensor(name: str, values: NDArray[np.float32]) -> bytes:
    return b"".join(
        (
            *(field(TENSOR_DIMS, size) for size in values.shape),
            field(TENSOR_DATA_TYPE, _FLOAT),
            field(TENSOR_NAME, name.encode()),
            field(_TENSOR_RAW, values.astype("<f4").tobytes()),
        )
    )
