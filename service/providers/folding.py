"""The first convolution of a network in 8 bits, on four times the channels at half the side.

A convolution of stride two on three channels gathers its pixels three bytes at a time, which takes
ONNX Runtime longer than to multiply them. Where each square of two by two pixels is one pixel of
twelve channels, it has stride one and a smaller kernel, with zeros where the old one did not reach,
and gathers twelve bytes at a time: the same sums of the same whole numbers.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.providers.onnx_graph import Graph, Node, node

FOLD: Final = 2
"""Pixels along each axis that become channels; the stride of the convolution."""

Kernel: TypeAlias = NDArray[np.int8]
"""``[filters, channels, height, width]``."""

_WAY: Final = ("QuantizeLinear", "DequantizeLinear", "Conv")
"""How a graph says that a convolution reads pictures in 8 bits."""


class Folding(NamedTuple):
    """A convolution behind ``[N, C, H, W]``, as it is behind ``[N, 4C, H/2, W/2]``.

    ``weights`` is the name of its kernel, and ``kernel`` the one that takes its place.
    """

    inputs: list[str]
    output: str
    weights: str
    kernel: Kernel
    pads: list[int]

    def convolution(self) -> bytes:
        """Return the field of a graph that is the convolution."""
        attributes = {"kernel_shape": self.kernel.shape[2:], "pads": self.pads}
        return node("Conv", self.inputs, [self.output], attributes)


class _Side(NamedTuple):
    """One axis of a convolution: pixels of the picture, of the kernel, before the picture, behind.

    A folded pixel is two of them.
    """

    picture: int
    kernel: int
    before: int
    behind: int

    @property
    def shift(self) -> int:
        """Return how many pixels before the kernel a folded pixel begins."""
        return self.before % FOLD

    @property
    def reach(self) -> int:
        """Return how many folded pixels the kernel has."""
        return -(-(self.shift + self.kernel) // FOLD)

    def around(self) -> tuple[int, int]:
        """Return how many folded pixels are before the picture, and behind."""
        before = -(-self.before // FOLD)
        steps = (self.before + self.picture + self.behind - self.kernel) // FOLD
        return before, steps + self.reach - self.picture // FOLD - before


def folding_behind(graph: Graph, name: str, size: tuple[int, int]) -> Folding | None:
    """Return how the convolution folds that alone reads pictures of a size, height and width.

    None where there is no such one, in 8 bits: with one scale for all of a picture, and kernels of
    int8 around zero.
    """
    way = _way(graph, name)
    if not way or any(side % FOLD for side in size):
        return None
    rounded, _, convolution = way
    filters = graph.made_by.get(convolution.inputs[1])
    kernel = _kernel(graph, filters)
    if filters is None or kernel is None or not _is_plain(convolution):
        return None
    scale = graph.constant(rounded.inputs[1], np.float32)
    if scale is None or scale.ndim:
        return None
    top, left, bottom, right = convolution.numbers("pads", [0, 0, 0, 0])
    down = _Side(size[0], kernel.shape[2], top, bottom)
    across = _Side(size[1], kernel.shape[3], left, right)
    (above, below), (before, behind) = down.around(), across.around()
    return Folding(
        inputs=convolution.inputs,
        output=convolution.outputs[0],
        weights=filters.inputs[0],
        kernel=_folded(kernel, down, across),
        pads=[above, before, below, behind],
    )


def _way(graph: Graph, name: str) -> list[Node]:
    """Return the nodes by which a convolution alone reads something in 8 bits; none if not so."""
    way: list[Node] = []
    for operator in _WAY:
        reader = graph.only_reader(name)
        if reader is None or reader.operator != operator or reader.inputs[0] != name:
            return []
        way.append(reader)
        (name,) = reader.outputs
    return way


def _kernel(graph: Graph, filters: Node | None) -> Kernel | None:
    """Return the int8 kernel that this node alone reads, with a scale for each filter."""
    if filters is None or filters.operator != "DequantizeLinear" or filters.number("axis", 1):
        return None
    weights, scales, zeros = (*filters.inputs, "")[:3]
    kernel, scale = graph.constant(weights, np.int8), graph.constant(scales, np.float32)
    if kernel is None or scale is None or scale.shape != kernel.shape[:1]:
        return None
    zero = graph.constant(zeros, np.int8)
    around_zero = not zeros or (zero is not None and not zero.any())
    alone = all(graph.only_reader(name) for name in (weights, filters.outputs[0]))
    return kernel if around_zero and alone else None


def _is_plain(convolution: Node) -> bool:
    return (
        convolution.numbers("strides", []) == [FOLD, FOLD]
        and set(convolution.numbers("dilations", [1])) == {1}
        and convolution.number("group", 1) == 1
        and convolution.word("auto_pad", "NOTSET") == "NOTSET"
    )


def _folded(kernel: Kernel, down: _Side, across: _Side) -> Kernel:
    """Return the kernel ``[O, 4C, rows, columns]``; of a channel's four, rows come first."""
    filters, channels, height, width = kernel.shape
    room = np.zeros((filters, channels, down.reach * FOLD, across.reach * FOLD), np.int8)
    room[:, :, down.shift : down.shift + height, across.shift : across.shift + width] = kernel
    apart = room.reshape(filters, channels, down.reach, FOLD, across.reach, FOLD)
    folded = apart.transpose(0, 1, 3, 5, 2, 4)
    return folded.reshape(filters, channels * FOLD**2, down.reach, across.reach)
