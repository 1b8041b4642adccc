"""Finds an expression in an ONNX graph and puts another in its place.

A pattern is written as the expression reads: `Op("Add", Op("Mul", Value("x"), Constant("scale")),
Number(1.0))`. The operands of commutative operators are found in either order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

COMMUTATIVE = frozenset({"Add", "Mul", "Max"})
# Constants of formulas are stored in float32.
RELATIVE_TOLERANCE = 1e-6

Bound: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Value:
    """Any value; where the name stands twice, twice the same one."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A stored tensor of any value."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """A stored tensor of one element, of this value."""

    value: float


@dataclass(frozen=True, slots=True, init=False)
class Op:
    """What a node of this type gives; `name` binds its output."""

    kind: str
    inputs: tuple["Pattern", ...]
    name: str | None

    def __init__(self, kind: str, *inputs: "Pattern", name: str | None = None) -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "name", name)


Pattern: TypeAlias = Value | Constant | Number | Op
Replacement: TypeAlias = Callable[["Wiring", Bound, str], list[onnx.NodeProto]]


class Wiring:
    """Where each value of a graph comes from."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._constants = {stored.name: stored for stored in graph.initializer}
        self._producers = {name: node for node in graph.node for name in node.output}

    def producer(self, value: str) -> onnx.NodeProto | None:
        """The node that gives a value; None for inputs and constants."""
        return self._producers.get(value)

    def constant(self, value: str) -> NDArray[Any] | None:
        """The stored tensor of that name, if it is one."""
        stored = self._constants.get(value)
        return None if stored is None else numpy_helper.to_array(stored)

    def match(self, value: str, pattern: Pattern, bound: Bound | None = None) -> Bound | None:
        """What the pattern's names stand for if `value` is such an expression, else None."""
        bound = bound or {}
        match pattern:
            case Value(name):
                return _bind(bound, name, value)
            case Constant(name):
                return _bind(bound, name, value) if value in self._constants else None
            case Number(number):
                return bound if self._is_number(value, number) else None
            case Op():
                return self._match_node(value, pattern, bound)

    def _is_number(self, value: str, number: float) -> bool:
        stored = self.constant(value)
        return (
            stored is not None
            and stored.size == 1
            and bool(np.isclose(stored.item(), number, rtol=RELATIVE_TOLERANCE, atol=0))
        )

    def _match_node(self, value: str, pattern: Op, bound: Bound) -> Bound | None:
        node = self.producer(value)
        if node is None or node.op_type != pattern.kind or len(node.input) != len(pattern.inputs):
            return None
        orders = permutations(node.input) if node.op_type in COMMUTATIVE else [tuple(node.input)]
        for operands in orders:
            found = self._match_all(operands, pattern.inputs, bound)
            if found is not None:
                return _bind(found, pattern.name, value) if pattern.name else found
        return None

    def _match_all(
        self, values: tuple[str, ...], patterns: tuple[Pattern, ...], bound: Bound
    ) -> Bound | None:
        found: Bound | None = bound
        for value, pattern in zip(values, patterns, strict=True):
            if found is None:
                return None
            found = self.match(value, pattern, found)
        return found


def rewrite(graph: onnx.GraphProto, pattern: Pattern, replacement: Replacement) -> int:
    """Replace each node that gives a match by the nodes of `replacement`; how many were replaced.

    `replacement` takes the wiring, what the names stand for, and the name of the value to give; it
    answers with no nodes to leave the match as it is. Nodes that only the match needed stay behind
    unused.
    """
    wiring = Wiring(graph)
    nodes: list[onnx.NodeProto] = []
    replaced = 0
    for node in graph.node:
        bound = wiring.match(node.output[0], pattern) if len(node.output) == 1 else None
        new = [] if bound is None else replacement(wiring, bound, node.output[0])
        nodes.extend(new or [node])
        replaced += bool(new)
    # The list is replaced and not edited: nodes that were read from it stay valid only this way.
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    return replaced


def _bind(bound: Bound, name: str, value: str) -> Bound | None:
    if bound.get(name, value) != value:
        return None
    return {**bound, name: value}
